/**
 * `@ioth/ffi`: what every native package of ioth needs from C: libraries, errno, descriptors, readiness, callbacks. For systems with POSIX
 * descriptors; made on Linux.
 *
 * @module
 */

export * from './beside/index.ts'
export { Callbacks } from './callbacks.ts'
export {
  addressOf,
  closeDescriptor,
  control,
  isReadable,
  makeNonBlocking,
  readDescriptor,
  receive,
  receiveAt,
  type SocketKind,
  send,
  sendAt,
  socketPair,
  writeDescriptor,
} from './descriptor.ts'
export {
  DescriptorLink,
  type DescriptorLinkCounters,
  type DescriptorLinkOptions,
  type FrameIo,
} from './descriptor-link.ts'
export { type DescriptorEvents, DescriptorWatch } from './descriptor-watch.ts'
export { errnoError, errnoName, lastErrno } from './errno.ts'
export * from './isolation/index.ts'
export { type Koffi, koffi, type LibraryHandle } from './koffi.ts'
export { type Library, type LibraryRequest, openLibrary, probeLibrary } from './library.ts'
export {
  PICO_EVENT_CLOSE,
  PICO_EVENT_CONNECTION,
  PICO_EVENT_ERROR,
  PICO_EVENT_FIN,
  PICO_EVENT_READ,
  PICO_EVENT_WRITE,
  PICO_WAKEUP_TYPE,
  picoIp4,
  picoIp6,
  picoIp6Type,
  picoPort,
} from './picotcp.ts'
export { silence } from './silence.ts'
export { LONGEST_UNIX_PATH, openUnixDatagram } from './unix-datagram.ts'
export { admitGroup, type GroupAccess, listenUnix, type UnixServer } from './unix-server.ts'
export { connectVde, type VdeConnection, type VdeConnectOptions } from './vde-protocol/client.ts'
export { groupNumber } from './vde-protocol/group.ts'
export { MANAGEMENT_PORT, type VdeRequest } from './vde-protocol/request.ts'
export {
  listenVde,
  type PluggedVde,
  type VdeRefusal,
  type VdeServer,
  type VdeServerOptions,
} from './vde-protocol/server.ts'
