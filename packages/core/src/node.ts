/**
 * `@ioth/core/node`: connections and servers of a stack as Node's Duplex streams. For whole modules of Node on a stack (`net`, `http`,
 * `tls`…) see `@ioth/node`.
 *
 * @module
 */
export {
  connect,
  createServer,
  type SocketSource,
  StackServer,
  type StackServerEvents,
  type StackServerOptions,
  toDuplex,
} from './node/connect.ts'
export { type OnRead, StackDuplex, type StackDuplexOptions } from './node/stack-duplex.ts'
