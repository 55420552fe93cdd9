/**
 * The contract in front of an engine: what every C backend, and every stack in another process, shares.
 *
 * @module
 */
export { AddressBook } from './address-book.ts'
export { ByteQueue } from './byte-queue.ts'
export {
  type Ends,
  type Engine,
  type EngineInterface,
  type EngineOptions,
  type ListenerUser,
  type ListenLine,
  TcpLine,
  type TcpUser,
  type UdpLine,
  type UdpUser,
} from './engine.ts'
export { LibrarySocket } from './library-socket.ts'
export { ShellInterface } from './shell-interface.ts'
export { type ShellOptions, ShellStack } from './shell-stack.ts'
