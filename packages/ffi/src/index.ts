/**
 * `@ioth/ffi`: what every native package of ioth needs from C: libraries, errno, descriptors, readiness, callbacks. For systems with POSIX
 * descriptors; made on Linux.
 *
 * @module
 */
export { Callbacks } from './callbacks.ts'
export {
  closeDescriptor,
  control,
  makeNonBlocking,
  readDescriptor,
  receive,
  type SocketKind,
  send,
  socketPair,
  writeDescriptor,
} from './descriptor.ts'
export { DescriptorLink, type DescriptorLinkCounters, type DescriptorLinkOptions } from './descriptor-link.ts'
export { type DescriptorEvents, DescriptorWatch } from './descriptor-watch.ts'
export { errnoError, errnoName, lastErrno } from './errno.ts'
export { type Koffi, koffi, type LibraryHandle } from './koffi.ts'
export { type Library, type LibraryRequest, openLibrary, probeLibrary } from './library.ts'
