/**
 * A UDP socket by promises and async iteration.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { FAILED, type Pollable, READABLE, WOULD_BLOCK, WRITABLE } from '../contract/readiness.ts'
import type { DatagramSink, UdpSocket } from '../contract/socket.ts'
import type { Stack } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'
import { addressOf, checkPort, type DatagramAddress, openDatagrams } from './open-socket.ts'
import { Pending, throwIfAborted, type WaitOptions } from './pending.ts'

/** A datagram that arrived. */
export interface Datagram {
  /** Memory of its own. */
  readonly data: Uint8Array
  readonly address: IpAddress
  readonly port: number
}

/** Where a datagram goes. */
export interface DatagramDestination {
  readonly host: string | IpAddress
  readonly port: number
}

/**
 * Opens a UDP socket; the port is known on return.
 *
 * ```ts
 * await using datagrams = openDatagram(stack, { port: 7 })
 * for await (const { data, address, port } of datagrams) await datagrams.send(data, { host: address, port })
 * ```
 * @throws NetError EADDRINUSE, EADDRNOTAVAIL, EMFILE, EINVAL, ERR_IOTH_NOT_IMPLEMENTED.
 */
export function openDatagram(stack: Stack, options: DatagramAddress = {}): DatagramSocket {
  return new DatagramSocket(openDatagrams(stack, options))
}

export class DatagramSocket implements AsyncDisposable, AsyncIterable<Datagram> {
  /** The socket below. */
  readonly socket: UdpSocket
  private readonly receives: Receive[] = []
  private readonly sends: Send[] = []
  private closed = false

  /** @param socket bound, and from now on this one's. */
  constructor(socket: UdpSocket) {
    this.socket = socket
    socket.owner = this
    socket.onReady = onDatagramsReady
    socket.interest = 0
  }

  get address(): IpAddress {
    return this.socket.localAddress as IpAddress
  }

  get port(): number {
    return this.socket.localPort
  }

  /** Fixes the peer: only its datagrams are received, and {@link send} needs no destination. @throws NetError ENETUNREACH, EINVAL. */
  connect(peer: DatagramDestination): void {
    checkPort(peer.port, 1)
    this.socket.connect(addressOf(peer.host, 'host'), peer.port)
  }

  /**
   * Sends one datagram; settles when the stack has taken it.
   * @param to not needed on a connected socket.
   * @throws NetError EMSGSIZE, ENETUNREACH, ECONNREFUSED (told by the peer about an earlier one), EDESTADDRREQ, ETIMEDOUT…; AbortError.
   */
  async send(data: Uint8Array | string, to?: DatagramDestination, options: WaitOptions = {}): Promise<void> {
    throwIfAborted(options)
    this.checkOpen('send')
    if (to !== undefined) checkPort(to.port, 1)
    const octets = typeof data === 'string' ? new TextEncoder().encode(data) : data
    const host = to === undefined ? null : addressOf(to.host, 'host')
    if (this.sends.length === 0) {
      const count = this.socket.send(octets, 0, octets.length, host, to?.port ?? 0)
      if (count >= 0) return
      if (count === FAILED) throw this.socket.error
    }
    const send = new Send(this.socket, octets, host, to?.port ?? 0, options)
    this.sends.push(send)
    this.socket.interest |= WRITABLE
    await send.promise
  }

  /** Waits for the next datagram. @throws NetError ECONNREFUSED (a connected socket's peer does not listen), ETIMEDOUT; AbortError. */
  async receive(options: WaitOptions = {}): Promise<Datagram> {
    throwIfAborted(options)
    this.checkOpen('receive')
    if (this.receives.length === 0) {
      const datagram = takeDatagram(this.socket)
      if (datagram !== null) return datagram
    }
    const receive = new Receive(this.socket.scheduler, { syscall: 'receive' }, options)
    this.receives.push(receive)
    this.socket.interest |= READABLE
    return await receive.promise
  }

  /** The datagrams until the socket is closed. Leaving the loop leaves the socket open. */
  async *[Symbol.asyncIterator](): AsyncIterator<Datagram> {
    while (!this.closed) {
      try {
        yield await this.receive()
      } catch (error) {
        if (!this.closed) throw error
      }
    }
  }

  /** Gives the port back; what waits fails with ECANCELED. Idempotent. */
  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.socket.interest = 0
    this.socket.onReady = null
    this.socket.owner = null
    this.socket.close()
    for (const waiting of [...this.receives.splice(0), ...this.sends.splice(0)]) {
      waiting.fail(new NetError('ECANCELED', 'close'))
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal */
  upcall(bits: number): void {
    if ((bits & READABLE) !== 0 && serveAll(this.receives, this.socket)) this.socket.interest &= ~READABLE
    if ((bits & WRITABLE) !== 0 && serveAll(this.sends, this.socket)) this.socket.interest &= ~WRITABLE
  }

  private checkOpen(syscall: string): void {
    if (this.closed) throw new NetError('EINVAL', syscall, { message: `${syscall} EINVAL: the socket is closed` })
  }
}

/** What waits in a queue. */
interface Waiter {
  readonly over: boolean
  /** Does what is possible now. */
  serve(socket: UdpSocket): void
}

abstract class Waiting<T> extends Pending<T> implements Waiter {
  over = false

  abstract serve(socket: UdpSocket): void

  protected override ended(): void {
    this.over = true
  }
}

/** Serves a queue in its order; true when none is left. */
function serveAll(queue: Waiter[], socket: UdpSocket): boolean {
  for (; queue[0] !== undefined; queue.shift()) {
    if (!queue[0].over) queue[0].serve(socket)
    if (!queue[0].over) return false
  }
  return true
}

class Receive extends Waiting<Datagram> {
  override serve(socket: UdpSocket): void {
    try {
      const datagram = takeDatagram(socket)
      if (datagram !== null) this.succeed(datagram)
    } catch (error) {
      this.fail(error)
    }
  }
}

class Send extends Waiting<void> {
  private readonly octets: Uint8Array
  private readonly to: IpAddress | null
  private readonly port: number

  constructor(socket: UdpSocket, octets: Uint8Array, to: IpAddress | null, port: number, options: WaitOptions) {
    super(socket.scheduler, { syscall: 'send' }, options)
    this.octets = octets
    this.to = to
    this.port = port
  }

  override serve(socket: UdpSocket): void {
    const count = socket.send(this.octets, 0, this.octets.length, this.to, this.port)
    if (count >= 0) this.succeed()
    else if (count === FAILED) this.fail(socket.error)
  }
}

/** The next datagram, copied, or null. @throws NetError a pending error of the socket, told once. */
function takeDatagram(socket: UdpSocket): Datagram | null {
  const copier = new Copier()
  const count = socket.receive(1, copier)
  if (count === FAILED) throw socket.error
  return count === WOULD_BLOCK ? null : copier.copy
}

class Copier implements DatagramSink {
  copy: Datagram | null = null

  datagram(memory: Uint8Array, offset: number, length: number, address: IpAddress, port: number): boolean {
    this.copy = { data: Uint8Array.prototype.slice.call(memory, offset, offset + length), address, port }
    return false
  }
}

function onDatagramsReady(source: Pollable, bits: number): void {
  ;(source.owner as DatagramSocket).upcall(bits)
}
