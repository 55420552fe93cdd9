/**
 * How sockets go from one process of a node to another, as the layer of Node's handles sees it. Who knows how is `@ioth/vde`.
 *
 * @module
 */
import type { IpAddress, TcpSocket } from '@ioth/core'

export interface Passing {
  /** Lets a connection go. @returns plain data that stands for it. @throws NetError ENOTCONN when it cannot go. */
  giveConnection(socket: TcpSocket): unknown
  /** @throws NetError when it is no more. */
  takeConnection(passed: never): TcpSocket
  /** A port that another process is to hold as well. @throws NetError EBADF. */
  givePort(transport: 6 | 17, family: 4 | 6, address: IpAddress, port: number): unknown
  /** Runs a function that binds a socket to a port that was passed. */
  takePort<T>(passed: never, bind: () => T): T
}
