/**
 * `ioth/services`: what configures stacks and finds things on their networks, on any backend: `resolve`, `lookup`, `reverse`,
 * `createResolver`, `connectByName`, `dhcp`, `serveDhcp`, `traceroute`, `askTime`, `joinGroup`.
 *
 * @module
 */
export * from '@ioth/core/services'
