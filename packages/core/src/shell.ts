/**
 * `@ioth/core/shell`: the contract in front of an engine. A backend that carries octets, by a library or by itself, leaves addresses, ports,
 * buffers, readiness and errors to it; stacks in other processes stand behind the same shell.
 *
 * @module
 */
export { AddressBook } from './shell/address-book.ts'
export { BareEngine } from './shell/bare-engine.ts'
export { ByteQueue } from './shell/byte-queue.ts'
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
} from './shell/engine.ts'
export { LibrarySocket } from './shell/library-socket.ts'
export { ShellInterface } from './shell/shell-interface.ts'
export { createShellStack, type ShellOptions, ShellStack } from './shell/shell-stack.ts'
