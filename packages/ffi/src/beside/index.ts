/**
 * What stands beside a library, at the level of frames: the way to its link, its connections as segments show them, its neighbours.
 *
 * @module
 */
export { fold, patchSum, sumOf } from './checksum.ts'
export { type DeviceCount, sumOfDevices } from './device-counters.ts'
export { Flow, type FlowObserver, type FlowWires } from './flow.ts'
export { FlowTable } from './flow-table.ts'
export { type BridgeCounters, type BridgeOptions, FrameBridge, type FrameGuard } from './frame-bridge.ts'
export { UNREACHABLE } from './icmp-unreachable.ts'
export { addressToGroup, destinationOf } from './ip-frame.ts'
export { mendIcmp } from './mend-icmp.ts'
export { answerArp, answerSolicitation, isArp, isSolicitation } from './neighbor-answer.ts'
export { type KnownNeighbor, NeighborProbe, type NeighborWires } from './neighbor-probe.ts'
export { ProbedNeighbors } from './neighbor-table.ts'
export { RetiredFlows } from './retired-flows.ts'
export { SegmentTemplate, TcpFrame } from './tcp-frame.ts'
