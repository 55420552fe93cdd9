/**
 * `@ioth/conformance`: the suite every stack is held against, and what it is made of.
 *
 * @module
 */
export * from './arbitraries/index.ts'
export { ARMOUR_DEVIATIONS, UNFRAGMENTED_DEVIATIONS } from './armour-deviations.ts'
export * from './checker/index.ts'
export * from './craft/craft.ts'
export * from './craft/craft-ipv6.ts'
export * from './craft/dhcp.ts'
export * from './craft/dns.ts'
export * from './craft/nd.ts'
export * from './lan/index.ts'
export { ByteStreamModel, ModelViolation } from './model/byte-stream.ts'
export { DatagramModel } from './model/datagrams.ts'
export { NeedsVirtualTime } from './not-claimed.ts'
export { testNobody, testStreams } from './real-time/exchange.ts'
export type { LineName } from './real-time/lines.ts'
export { type RealTimeOptions, testRealTime } from './real-time/test-real-time.ts'
export {
  type Deviation,
  type DeviationsByReason,
  deviationsOf,
  type FrameDeviation,
  type Registrar,
  type Scene,
  type Subject,
  Suite,
} from './suite.ts'
export { type PairOptions, testPair } from './test-pair.ts'
export { SUITES, testStack } from './test-stack.ts'
export { describeWhereUsable, leftOut } from './where-usable.ts'
