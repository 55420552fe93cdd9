/**
 * `@ioth/stack-ts/testing`: frames by hand, frames as values, and a peer that does what a test says.
 *
 * @module
 */
export {
  buildArp,
  buildIcmp,
  buildIpv4,
  buildTcp,
  buildUdp,
  type IpFields,
  ipWord,
  type Station,
  type TcpFields,
} from './testing/packet-builder.ts'
export { type CheckedFrame, type CheckedSegment, checkFrame } from './testing/packet-checker.ts'
export { ScriptedPeer } from './testing/scripted-peer.ts'
