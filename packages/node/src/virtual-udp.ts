/**
 * The stack's side of one of Node's UDP handles. Its methods are those of the native class and give libuv's results; what comes later runs
 * as upcalls of the stack's scheduler, in the async context of the handle.
 *
 * @module
 */
import { AsyncResource } from 'node:async_hooks'
import { constants } from 'node:os'
import {
  type DatagramSink,
  FAILED,
  type Interface,
  type IpAddress,
  NetError,
  type OptionName,
  type Pollable,
  READABLE,
  type Stack,
  type UdpSocket,
  WOULD_BLOCK,
  WRITABLE,
} from '@ioth/core'
import { destination, readAddress, type SocketName, textOf, writeName } from './addresses.ts'
import { errno, errnoOfFailure, errnoOfThrown } from './errno.ts'
import { HostDatagrams } from './host-datagrams.ts'
import type { BufferSizeContext, NativeUdp, SendRequest } from './native.ts'
import type { Passing } from './passing.ts'
import type { UdpEnvironment } from './udp-environment.ts'

/** Flags of `bind`, as libuv has them. */
const IPV6_ONLY = 1
const REUSE_ADDRESS = 4
/** Datagrams in one upcall, as libuv reads them. */
const RECEIVES = 32

/** A datagram that waits for the link to take it. */
interface Waiting {
  readonly request: SendRequest
  readonly data: Uint8Array
  readonly to: IpAddress | null
  readonly port: number
}

export class VirtualUdp implements DatagramSink {
  readonly stack: Stack
  readonly handle: NativeUdp
  private readonly environment: UdpEnvironment
  private socket: UdpSocket | null = null
  private scope: AsyncResource | null = null
  private family: 4 | 6 = 4
  private receiving = false
  private referenced: boolean
  private closed = false
  private holding = false
  private readonly waiting: Waiting[] = []
  /** For destinations that are the host's by a rule; null: none was spoken to. */
  private host: HostDatagrams | null = null

  constructor(environment: UdpEnvironment, handle: NativeUdp, stack: Stack) {
    this.environment = environment
    this.handle = handle
    this.stack = stack
    this.referenced = handle.hasRef()
  }

  // ---- addresses ----

  bind(text: string, port: number, family: 4 | 6, flags: number): number {
    const address = readAddress(text)
    if (address === null || address.family !== family || this.closed) return errno('EINVAL')
    // Clients bind, too, and connect then: it is no error yet.
    const { backend, capabilities } = this.stack
    if (port !== 0 && capabilities.udp === 'connected')
      warnOnce(
        new Error(`the stack "${backend}" hears no datagrams before a socket is connected, and then those of its peer`),
      )
    return this.attempt(() =>
      this.open(family).bind(address, port, {
        reuse: (flags & REUSE_ADDRESS) !== 0,
        ipv6Only: (flags & IPV6_ONLY) !== 0,
      }),
    )
  }

  connect(text: string, port: number, family: 4 | 6): number {
    const address = readAddress(text)
    if (address === null || address.family !== family || this.closed) return errno('EINVAL')
    const rule = this.environment.hostRule(this.stack, destination(address), port)
    if (rule !== null) return this.hostSide(family, rule).connect(text, port)
    return this.attempt(() => this.open(family).connect(destination(address), port), text, port)
  }

  disconnect(): number {
    if (this.host?.connected) return this.host.disconnect()
    return this.attempt(() => this.socket?.disconnect())
  }

  /** Lets another process of the node hold the port, too. @throws NetError EBADF when it is not bound. */
  pass(passing: Passing): unknown {
    const { socket } = this
    if (socket === null || socket.localAddress === null || socket.localPort === 0) throw new NetError('EBADF', 'send')
    return passing.givePort(17, this.family, socket.localAddress, socket.localPort)
  }

  getsockname(name: SocketName): number {
    if (this.host?.connected) return this.host.getsockname(name)
    if (this.socket === null || this.closed) return errno('EBADF')
    writeName(name, this.socket.localAddress, this.family, this.socket.localPort, this.stack.interfaces)
    return 0
  }

  getpeername(name: SocketName): number {
    if (this.host?.connected) return this.host.getpeername(name)
    if (this.socket === null || this.closed) return errno('EBADF')
    if (this.socket.remoteAddress === null) return errno('ENOTCONN')
    writeName(name, this.socket.remoteAddress, this.family, this.socket.remotePort, this.stack.interfaces)
    return 0
  }

  // ---- sending ----

  /** @returns one more than the octets sent; 0: the request is called back later; else a negative number. */
  send(
    request: SendRequest,
    list: readonly Uint8Array[],
    count: number,
    callback: boolean,
    port = 0,
    text: string | null = null,
  ): number {
    const address = text === null ? null : readAddress(text)
    if (this.closed || (text !== null && address === null)) return errno('EINVAL')
    const to = address === null ? null : destination(address)
    if (to === null ? this.host?.connected : this.environment.hasRules) {
      const rule = to === null ? '' : this.environment.hostRule(this.stack, to, port)
      if (rule !== null) {
        const whom = to === null ? null : { address: text as string, port, rule }
        return this.hostSide(to?.family ?? this.family, rule).send(request, list, count, callback, whom)
      }
    }
    const data = count === 1 ? (list[0] as Uint8Array) : Buffer.concat(list.slice(0, count))
    let socket: UdpSocket
    try {
      socket = this.open(address?.family ?? this.family)
    } catch (error) {
      return errnoOfThrown(error)
    }
    let sent = WOULD_BLOCK
    try {
      if (this.waiting.length === 0) sent = socket.send(data, 0, data.length, to, port)
    } catch (error) {
      // Who has no callback hears nothing of it from Node.
      warnOnce(error as Error)
      return errno('ENOTSUP')
    }
    if (sent >= 0) {
      if (this.environment.traffic !== null) this.count(socket, to, port, sent, 0)
      return sent + 1
    }
    if (sent === FAILED) return this.failure(socket.error, text, port)
    // Node looks at nothing but `oncomplete`, which it sets when there is somebody to tell.
    if (!callback) request.oncomplete = undefined
    this.waiting.push({ request, data, to, port })
    this.update()
    return 0
  }

  get queued(): number {
    return this.waiting.length
  }

  get queuedOctets(): number {
    return this.waiting.reduce((sum, { data }) => sum + data.length, 0)
  }

  private sendWaiting(socket: UdpSocket): void {
    while (this.waiting.length > 0 && !this.closed) {
      const { request, data, to, port } = this.waiting[0] as Waiting
      const sent = socket.send(data, 0, data.length, to, port)
      if (sent === WOULD_BLOCK) break
      this.waiting.shift()
      const status = sent === FAILED ? this.failure(socket.error, to === null ? null : to.toString(), port) : 0
      if (status === 0 && this.environment.traffic !== null) this.count(socket, to, port, sent, 0)
      this.complete(request, status, status === 0 ? sent : 0)
    }
    this.update()
  }

  private complete(request: SendRequest, status: number, sent: number): void {
    request.oncomplete?.(status, sent)
    this.environment.drain()
  }

  // ---- receiving ----

  receiveStart(): number {
    if (this.closed) return errno('EINVAL')
    this.receiving = true
    this.update()
    return 0
  }

  receiveStop(): number {
    this.receiving = false
    this.update()
    return 0
  }

  private receive(socket: UdpSocket): void {
    for (let round = 0; round < RECEIVES && this.receiving; round++) {
      const count = socket.receive(1, this)
      if (count === WOULD_BLOCK) return
      if (count === FAILED) this.handle.onmessage?.(errnoOfFailure(socket.error, 'ECONNREFUSED'), this.handle)
      this.environment.drain()
    }
  }

  /** {@link DatagramSink}: one datagram, whose octets are lent. */
  datagram(memory: Uint8Array, offset: number, length: number, from: IpAddress, port: number): boolean {
    const data = Buffer.allocUnsafeSlow(length)
    data.set(memory.subarray(offset, offset + length))
    const sender = { address: textOf(from, this.stack.interfaces), family: from.family === 4 ? 'IPv4' : 'IPv6', port }
    if (this.environment.traffic !== null) this.count(this.socket as UdpSocket, from, port, 0, length)
    this.handle.onmessage?.(length, this.handle, data, sender)
    return true
  }

  /** For the report: by the peer, or by our own port where somebody asks it. */
  private count(socket: UdpSocket, peer: IpAddress | null, port: number, sent: number, received: number): void {
    const address = peer ?? socket.remoteAddress
    this.environment.traffic?.add(
      {
        direction: 'out',
        protocol: 'udp',
        address: address?.unmapped().toString() ?? '',
        port: peer === null ? socket.remotePort : port,
        network: this.stack.name || this.stack.backend,
        rule: null,
      },
      sent,
      received,
    )
  }

  // ---- groups and options ----

  join(group: string, on: string | undefined, source?: string): number {
    return this.member(group, on, source, (socket, ...which) => socket.join(...which))
  }

  leave(group: string, on: string | undefined, source?: string): number {
    return this.member(group, on, source, (socket, ...which) => socket.leave(...which))
  }

  setOption(option: OptionName, value: number): number {
    const { socket } = this
    if (socket === null || this.closed) return errno('EBADF')
    this.host?.setOption(option, value)
    return this.attempt(() => socket.setOption(option, value))
  }

  setMulticastInterface(text: string): number {
    const on = this.interfaceOf(text)
    if (on === undefined && this.socket !== null) return errno('EADDRNOTAVAIL')
    return this.setOption('multicastInterface', on?.index ?? 0)
  }

  bufferSize(size: number, isReceive: boolean, context: BufferSizeContext): number | undefined {
    const option = isReceive ? 'receiveBuffer' : 'sendBuffer'
    try {
      const socket = this.open(this.family)
      if (size === 0) return socket.getOption(option)
      socket.setOption(option, size)
      return size
    } catch (error) {
      const { code, errno: number } = error as { code: string; errno?: number }
      context.code = code
      context.errno = number ?? errno('ENOTSUP')
      context.message = (error as Error).message
      context.syscall = isReceive ? 'uv_recv_buffer_size' : 'uv_send_buffer_size'
      return undefined
    }
  }

  private member(
    groupText: string,
    on: string | undefined,
    sourceText: string | undefined,
    call: (socket: UdpSocket, group: IpAddress, on: Interface | null, source?: IpAddress) => void,
  ): number {
    const group = readAddress(groupText)
    const source = sourceText === undefined ? undefined : readAddress(sourceText)
    if (group === null || source === null || this.closed) return errno('EINVAL')
    const chosen = this.interfaceOf(on)
    if (chosen === undefined) return -constants.errno.ENODEV
    return this.attempt(() => {
      const socket = this.open(group.family)
      if (source === undefined) call(socket, group, chosen)
      else call(socket, group, chosen, source)
    })
  }

  /** An interface by an address of its own, or by `%name` or `%index` as IPv6 has it; null: the stack's choice; undefined: there is none. */
  private interfaceOf(text: string | undefined): Interface | null | undefined {
    if (text === undefined || text === '') return null
    const { interfaces } = this.stack
    const zone = text.split('%', 2)[1]
    if (zone !== undefined) return interfaces.find(({ name, index }) => name === zone || String(index) === zone)
    const address = readAddress(text)
    if (address === null) return undefined
    if (address.isUnspecified) return null
    return interfaces.find(({ addresses }) => addresses.some((own) => own.address.equals(address)))
  }

  // ---- references, the end ----

  setReferenced(referenced: boolean): void {
    this.referenced = referenced
    this.update()
  }

  close(done: (() => void) | undefined): void {
    const { environment, handle, socket } = this
    if (this.closed) {
      environment.closeNative(handle, done)
      return
    }
    this.closed = true
    this.receiving = false
    if (socket !== null) {
      socket.interest = 0
      socket.onReady = null
      socket.owner = null
      socket.close()
    }
    this.host?.close()
    this.host = null
    const canceled = this.waiting.splice(0)
    this.update()
    this.scope?.emitDestroy()
    environment.closeNative(handle, () => {
      for (const { request } of canceled) this.complete(request, errno('ECANCELED'), 0)
      done?.call(handle)
    })
  }

  // ---- inside ----

  /** What the socket in the stack is ready for. */
  dispatch(bits: number): void {
    const socket = this.socket as UdpSocket
    if ((bits & WRITABLE) !== 0 && this.waiting.length > 0) this.sendWaiting(socket)
    if ((bits & READABLE) !== 0 && this.receiving) this.receive(socket)
  }

  get context(): AsyncResource {
    return this.scope as AsyncResource
  }

  private open(family: 4 | 6): UdpSocket {
    if (this.socket === null) {
      const socket = this.stack.openUdp(family)
      this.family = family
      this.socket = socket
      this.scope = new AsyncResource('IOTH_UDP', { requireManualDestroy: true })
      socket.owner = this
      socket.onReady = onSocketReady
      this.update()
    }
    return this.socket
  }

  private hostSide(family: 4 | 6, rule: string): HostDatagrams {
    if (this.host === null || this.host.family !== family) {
      const { natives, traffic } = this.environment
      this.host?.close()
      this.host = new HostDatagrams(natives, this.handle, family, rule, traffic)
      for (const option of ['broadcast', 'ttl'] as const) {
        if (this.socket !== null) this.attempt(() => this.host?.setOption(option, this.socket?.getOption(option) ?? 0))
      }
      this.host.follow(this.receiving, this.referenced)
    }
    return this.host
  }

  private attempt(call: () => void, text: string | null = null, port = 0): number {
    try {
      call()
      return 0
    } catch (error) {
      return this.failure(error as NetError, text, port)
    }
  }

  private failure(error: NetError | null, text: string | null, port = 0): number {
    const address = text === null ? null : readAddress(text)
    if (address !== null && (error?.code === 'ENETUNREACH' || error?.code === 'EAFNOSUPPORT')) {
      this.environment.failed(this.stack, address, port, 'no route')
      return errno('ENETUNREACH')
    }
    return errnoOfFailure(error, 'ENOTSUP')
  }

  /** Brings interest and the hold on the event loop in line with what the handle is doing. */
  private update(): void {
    if (this.socket !== null && !this.closed) {
      this.socket.interest = (this.receiving ? READABLE : 0) | (this.waiting.length > 0 ? WRITABLE : 0)
    }
    this.host?.follow(this.receiving, this.referenced)
    // libuv: a request holds the loop; a handle does when it is referenced and receives.
    const hold = !this.closed && (this.waiting.length > 0 || (this.referenced && this.receiving))
    if (hold === this.holding) return
    this.holding = hold
    if (hold) this.stack.scheduler.hold()
    else this.stack.scheduler.release()
  }
}

// One function for all handles; the handle is in the owner's slot.
function onSocketReady(source: Pollable, bits: number): void {
  const udp = source.owner as VirtualUdp
  udp.context.runInAsyncScope(udp.dispatch, udp, bits)
}

const warned = new Set<string>()

/** What a backend cannot do, to people: once. */
function warnOnce({ message }: Error): void {
  if (warned.has(message)) return
  warned.add(message)
  process.emitWarning(message, { code: 'ERR_IOTH_NOT_IMPLEMENTED' })
}
