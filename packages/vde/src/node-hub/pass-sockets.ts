/**
 * Sockets that go from one member of a node to another, as descriptors do between processes: a connection moves, a bound socket or a listener
 * is held by both. What travels is plain data, for whatever carries it.
 *
 * @module
 */
import { type IpAddress, type MovedConnection, NetError, type Stack, type TcpSocket, type Transport } from '@ioth/core'
import type { MemberPorts } from './member-ports.ts'

/** A socket on its way. */
export type PassedSocket =
  | {
      readonly kind: 'connection'
      readonly family: 4 | 6
      readonly moved: Omit<MovedConnection, 'sent' | 'received'> & { readonly sent: string; readonly received: string }
    }
  | {
      readonly kind: 'port'
      readonly family: 4 | 6
      readonly id: number
      readonly address: string
      readonly port: number
    }

/** Passes sockets of one stack on, and takes those of others. */
export class SocketPassing {
  private readonly stack: Stack
  private readonly ports: MemberPorts

  constructor(stack: Stack, ports: MemberPorts) {
    this.stack = stack
    this.ports = ports
  }

  /** Lets a connection go. @throws NetError ENOTCONN when it is not established, or has announced its end. */
  giveConnection(socket: TcpSocket): PassedSocket {
    const { localAddress, localPort, remoteAddress, remotePort } = socket
    const family = localAddress?.family ?? 4
    if (localAddress === null || remoteAddress === null || this.stack.moveOut === undefined) throw notMovable()
    const connection = {
      local: localAddress.unmapped().toString(),
      localPort,
      remote: remoteAddress.unmapped().toString(),
      remotePort,
    }
    // First the hub, so that nothing that comes from now on gets lost.
    this.ports.move('move-out', connection)
    const moved = this.stack.moveOut(socket)
    if (moved === null) {
      this.ports.move('move-back', connection)
      throw notMovable()
    }
    const { sent, received, state } = moved
    const { sndNxt = 0, rcvNxt = 0, hasEnded } = state
    this.ports.moved(connection, { sndNxt, rcvNxt, hasEnded: hasEnded === 1 })
    return { kind: 'connection', family, moved: { ...moved, sent: toText(sent), received: toText(received) } }
  }

  /** Goes on with a connection. @throws NetError ECONNRESET when it is no more; as `Stack.moveIn`. */
  takeConnection({ moved, family }: Extract<PassedSocket, { kind: 'connection' }>): TcpSocket {
    if (this.stack.moveIn === undefined) throw notMovable()
    const { sent, received } = moved
    const socket = this.stack.moveIn({ ...moved, sent: toOctets(sent), received: toOctets(received) }, family)
    this.ports.move('move-in', moved)
    return socket
  }

  /** A port that another member is to hold as well. @throws NetError EBADF when it is not held here. */
  givePort(transport: Transport, family: 4 | 6, address: IpAddress, port: number): PassedSocket {
    const id = this.ports.offer(transport, address, port)
    if (id === null) throw new NetError('EBADF', 'send', { message: 'the socket is not bound' })
    return { kind: 'port', family, id, address: address.toString(), port }
  }

  /** Runs a function that binds a socket to a port that was passed. */
  takePort<T>({ id }: Extract<PassedSocket, { kind: 'port' }>, bind: () => T): T {
    return this.ports.whileSharing(id, bind)
  }
}

function notMovable(): NetError {
  return new NetError('ENOTCONN', 'send', {
    message:
      'send ENOTCONN: only an established connection whose end has not been announced can be sent to another process',
  })
}

function toText(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('base64')
}

function toOctets(text: string): Uint8Array {
  return Buffer.from(text, 'base64')
}
