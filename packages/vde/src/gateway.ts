/**
 * `@ioth/vde/gateway`: the way from a network into the world, without root. Apart from the root because it brings a stack along.
 *
 * @module
 */
export { type Gateway, type GatewayOptions, startGateway } from './gateway/gateway.ts'
export { hostPingWay } from './gateway/host-ping.ts'
export { parseRule, type Rule } from './gateway/rules.ts'
