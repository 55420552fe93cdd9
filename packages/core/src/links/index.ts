export { type CaptureOptions, capture } from './capture.ts'
export { type FramePredicate, filter } from './filter.ts'
export { createHub, type Hub, type HubOptions } from './hub.ts'
export {
  type ImpairCounters,
  type ImpairedLink,
  type Impairment,
  type Impairments,
  type ImpairOptions,
  impair,
} from './impair.ts'
export { type Direction, LinkWrapper } from './link-wrapper.ts'
export { MovableLink } from './movable.ts'
export { PcapEncoder, type PcapOptions, type PcapWriter } from './pcap.ts'
export { createPipe, type PipeOptions } from './pipe.ts'
export { createSwitch, type Switch, type SwitchOptions } from './switch.ts'
export { frameBytes, type TraceListener, trace } from './trace.ts'
export { openWebSocketLink, type WebSocketLike, type WebSocketLinkOptions } from './web-socket.ts'
