/**
 * What stands beside a library, at the level of frames: the way to its link, its connections as segments show them, its neighbours.
 *
 * @module
 */
export { Acceptance, type ConnectionNumbers, type Verdict } from './acceptance.ts'
export { sumOf, transportSum } from './checksum.ts'
export { type DeviceCount, sumOfDevices } from './device-counters.ts'
export { Echo, type EchoWay, type QuestionWay } from './echo.ts'
export { Flow, type FlowObserver, type FlowWires } from './flow.ts'
export { FlowTable } from './flow-table.ts'
export { type BridgeCounters, type BridgeOptions, FrameBridge, type FrameGuard } from './frame-bridge.ts'
export type { Piece } from './given-octets.ts'
export { isIcmpError, isOfNobody, mendIcmp, pathMtuOf, reportOf } from './icmp.ts'
export { ndFrame, ROUTER_SOLICITATION } from './nd-frame.ts'
export { answerArp, answerSolicitation, askedFor, isArp, isArpReply, isSolicitation } from './neighbor-answer.ts'
export { type KnownNeighbor, NeighborProbe, type NeighborWires } from './neighbor-probe.ts'
export { ProbedNeighbors } from './neighbor-table.ts'
export { packetFrames } from './packet-frames.ts'
export { IP6_FRAGMENT_HEADER, PacketView, SACK_PERMITTED, TIMESTAMPS, WINDOW_SCALE } from './packet-view.ts'
export { PeerWindow } from './peer-window.ts'
export { Pieces } from './pieces.ts'
export { DeviceEcho, pingBeside } from './ping.ts'
export { RetiredFlows } from './retired-flows.ts'
export {
  cutSegment,
  endsOf,
  makeSegment,
  mssOf,
  mssOn,
  plainSyn,
  refusalOf,
  reversed,
  roomIn,
  type SegmentEnds,
  withMss,
  withoutSack,
} from './segment.ts'
export { isStray } from './stray-frame.ts'
