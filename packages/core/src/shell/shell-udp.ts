/**
 * UDP sockets of a shell.
 *
 * @module
 */
import { type IpAddress, LOOPBACK_V4, LOOPBACK_V6 } from '../address/ip-address.ts'
import type { PortBinding } from '../contract/ports.ts'
import { ERROR, FAILED, READABLE, WOULD_BLOCK, WRITABLE } from '../contract/readiness.ts'
import type { BindFlags, DatagramSink, OptionName, UdpSocket } from '../contract/socket.ts'
import type { Interface, SocketInfo } from '../contract/stack.ts'
import type { ErrorCode } from '../errors/codes.ts'
import { NetError } from '../errors/net-error.ts'
import type { UdpLine, UdpUser } from './engine.ts'
import { problem } from './library-socket.ts'
import type { LocalReceiver } from './local-line.ts'
import { SocketOptions } from './options.ts'
import { isPort, type ShellHost, ShellSocket } from './shell-socket.ts'

const UDP = 17
const ETHERNET_MTU = 1500
/** Of IP and UDP. */
const HEADERS = { 4: 28, 6: 48 } as const
/** What a datagram is charged beside its octets. */
const OVERHEAD = 64

interface Datagram {
  readonly octets: Uint8Array
  readonly from: IpAddress
  readonly port: number
  readonly to: IpAddress | undefined
}

interface Membership {
  readonly group: IpAddress
  readonly on: Interface | null
  readonly source: IpAddress | undefined
}

export class ShellUdpSocket extends ShellSocket implements UdpSocket, UdpUser, LocalReceiver {
  private readonly options: SocketOptions
  private line: UdpLine | null = null
  private binding: PortBinding | null = null
  /** How it is bound to a port of the stack's choice; null: to none, or to one that was asked for. */
  private choice: { readonly address: IpAddress; readonly flags: BindFlags | undefined } | null = null
  private remote: IpAddress | null = null
  private port = 0
  /** What a wildcard socket speaks from while it has a peer. */
  private source: IpAddress | null = null
  private queue: Datagram[] = []
  private octetsQueued = 0
  private receiveLimit: number
  private pending: ErrorCode | null = null
  private readonly memberships = new Map<string, Membership>()
  /** Its stack is gone. */
  private isDead = false

  constructor(host: ShellHost, family: 4 | 6) {
    super(host, family)
    const { limits, engine, backend } = host
    this.receiveLimit = limits.receiveBuffer
    const own = { broadcast: 0, sendBuffer: limits.maxDatagram, receiveBuffer: limits.receiveBuffer }
    this.options = new SocketOptions({ ...engine.udpOptions, ...own }, `a UDP socket of the stack "${backend}"`)
    this.raise(WRITABLE)
  }

  override get localAddress(): IpAddress | null {
    return this.shown(this.source ?? this.binding?.address ?? this.choice?.address ?? null)
  }

  override get localPort(): number {
    return this.binding?.port ?? 0
  }

  override get remoteAddress(): IpAddress | null {
    return this.shown(this.remote)
  }

  override get remotePort(): number {
    return this.port
  }

  override get info(): SocketInfo {
    return { endpoint: this, transport: 'udp', state: '' }
  }

  override bind(address: IpAddress, port: number, flags?: BindFlags): void {
    if (this.binding !== null || this.isClosed) throw new NetError('EINVAL', 'bind')
    const { host } = this
    if (flags?.ipv6Only === true) this.ipv6Only = this.family === 6
    const real = this.real(address, port, 'bind')
    if (!real.isMulticast && !host.book.isBroadcast(real)) this.checkLocal(real, port)
    const binding = host.ports.bind(UDP, real, port, flags)
    const isDual = this.family === 6 && !this.ipv6Only && real.family === 6 && real.isUnspecified
    try {
      this.line = host.engine.openUdp(this, real, binding.port, isDual, this.options.all)
    } catch (error) {
      binding.release()
      throw error
    }
    this.binding = binding
    this.choice = port === 0 ? { address, flags } : null
    for (const { group, on, source } of this.memberships.values()) this.line.join(group, on, source)
    if (!host.engine.carriesLoopback) host.local.receivers.add(this)
  }

  connect(address: IpAddress, port: number): void {
    if (this.isClosed || !isPort(port, 1)) throw new NetError('EINVAL', 'connect')
    const remote = reachable(this.real(address, port, 'connect'))
    if (this.isForbidden(remote)) throw problem('EACCES', 'connect', address, port)
    const source = this.host.book.sourceFor(remote)
    if (source === null || !this.isOpenTo(remote)) throw problem('ENETUNREACH', 'connect', address, port)
    const line = this.bound()
    this.source = this.isWildcard ? source : null
    this.remote = remote
    this.port = port
    line.fix(remote, port)
  }

  disconnect(): void {
    if (this.remote === null) throw new NetError('ENOTCONN', 'disconnect')
    this.remote = null
    this.port = 0
    this.source = null
    this.line?.fix(null, 0)
    if (this.choice === null) return
    // As on Linux: the next one who sends from here gets another port.
    this.host.local.receivers.delete(this)
    this.line?.close()
    this.line = null
    this.binding?.release()
    this.binding = null
  }

  send(from: Uint8Array, offset: number, length: number, to: IpAddress | null, port: number): number {
    const { host } = this
    if (to !== null && host.capabilities.udp === 'connected')
      throw this.notImplemented('send', 'datagrams without connect')
    if (this.isClosed) return this.fail('EBADF')
    if (this.pending !== null) return this.tellPending('send')
    if (this.isDead) return this.fail('ENETDOWN')
    if (to !== null && this.remote !== null) return this.fail('EISCONN')
    if (to !== null && !isPort(port, 1)) return this.fail('EINVAL', to, port)
    let remote = this.remote
    try {
      if (to !== null) remote = reachable(this.real(to, port, 'send'))
    } catch (error) {
      this.error = error as NetError
      return FAILED
    }
    if (remote === null) return this.fail('EDESTADDRREQ')
    const remotePort = to === null ? this.port : port
    if (length > this.longestTo(remote)) return this.fail('EMSGSIZE', remote, remotePort)
    if (this.isForbidden(remote)) return this.fail('EACCES', remote, remotePort)
    const source = this.sourceFor(remote)
    if (source === null || !this.isOpenTo(remote)) return this.fail('ENETUNREACH', remote, remotePort)
    const line = this.bound()
    const isOurs = host.book.isOurs(remote)
    if (source.isLoopback && !isOurs) return this.fail('EINVAL', remote, remotePort)
    if (isOurs && !host.engine.carriesLoopback) {
      const ends = { local: source, localPort: this.localPort, remote, remotePort }
      host.local.send(from, offset, length, ends, () => {
        if (this.remote !== null) this.failed('ECONNREFUSED')
      })
      return length
    }
    if (line.send(from, offset, length, remote, remotePort)) return length
    this.lower(WRITABLE)
    return WOULD_BLOCK
  }

  receive(max: number, sink: DatagramSink): number {
    if (this.pending !== null) return this.tellPending('recvmsg')
    if (this.queue.length === 0) {
      this.lower(READABLE)
      return WOULD_BLOCK
    }
    let count = 0
    try {
      while (count < max && this.queue.length > 0) {
        const { octets, from, port, to } = this.queue.shift() as Datagram
        this.octetsQueued -= octets.length + OVERHEAD
        count++
        const shownFrom = this.shown(from) as IpAddress
        const shownTo = this.shown(to ?? null) ?? undefined
        if (!sink.datagram(octets, 0, octets.length, shownFrom, port, shownTo)) break
      }
    } finally {
      if (this.queue.length === 0 && this.pending === null) this.lower(READABLE)
      this.line?.resume()
    }
    return count
  }

  join(group: IpAddress, on: Interface | null, source?: IpAddress): void {
    const { multicast } = this.host.capabilities
    if (!multicast) throw this.notImplemented('join', 'multicast')
    const where = { address: group.toString() }
    if (!group.isMulticast || group.family !== this.family) throw new NetError('EINVAL', 'join', where)
    const key = keyOf(group, on, source)
    if (this.memberships.has(key)) throw new NetError('EADDRINUSE', 'join', where)
    this.bound().join(group, on, source)
    this.memberships.set(key, { group, on, source })
  }

  leave(group: IpAddress, on: Interface | null, source?: IpAddress): void {
    if (!this.host.capabilities.multicast) throw this.notImplemented('leave', 'multicast')
    if (!this.memberships.delete(keyOf(group, on, source))) {
      throw new NetError('EADDRNOTAVAIL', 'leave', { address: group.toString() })
    }
    this.bound().leave(group, on, source)
  }

  override setOption(name: OptionName, value: number): void {
    this.options.set(name, value)
    if (name === 'receiveBuffer') this.receiveLimit = Math.min(value, this.host.limits.receiveBuffer)
    else if (name !== 'sendBuffer' && (name !== 'broadcast' || this.host.engine.udpOptions.broadcast !== undefined)) {
      this.line?.set(name, value)
    }
  }

  override getOption(name: OptionName): number {
    return this.options.get(name)
  }

  override close(): void {
    if (this.isClosed) return
    this.host.local.receivers.delete(this)
    this.line?.close()
    this.line = null
    this.binding?.release()
    this.queue = []
    this.depart()
  }

  override died(code: ErrorCode): void {
    this.host.local.receivers.delete(this)
    this.line = null
    this.isDead = true
    this.failed(code)
  }

  override abandon(): void {}

  // ---------- what the line says ----------

  get hasRoom(): boolean {
    return this.octetsQueued < this.receiveLimit
  }

  datagram(
    bytes: Uint8Array,
    offset: number,
    length: number,
    from: IpAddress,
    port: number,
    to: IpAddress | undefined,
  ): boolean {
    if (this.isClosed || !this.isWanted(from, port)) return true
    if (!this.hasRoom) return false
    this.queue.push({ octets: bytes.slice(offset, offset + length), from, port, to })
    this.octetsQueued += length + OVERHEAD
    this.raise(READABLE)
    return true
  }

  failed(code: ErrorCode): void {
    if (this.isClosed) return
    this.pending = code
    this.raise(READABLE | ERROR)
  }

  writable(): void {
    if (!this.isClosed) this.raise(WRITABLE)
  }

  fits(to: IpAddress, port: number, from: IpAddress, fromPort: number): number {
    const { binding, remote } = this
    if (binding === null || binding.port !== port || !this.isWanted(from, fromPort)) return 0
    const { address } = binding
    const takes = address.isUnspecified ? this.isOpenTo(to) : address.equals(to)
    if (!takes) return 0
    return remote !== null ? 3 : address.isUnspecified ? 1 : 2
  }

  // ---------- inside ----------

  private notImplemented(syscall: string, what: string): NetError {
    const message = `the stack "${this.host.backend}" does not implement ${what}`
    return new NetError('ERR_IOTH_NOT_IMPLEMENTED', syscall, { message })
  }

  private get isWildcard(): boolean {
    return this.binding?.address.isUnspecified === true
  }

  private isWanted(from: IpAddress, port: number): boolean {
    return this.remote === null || (port === this.port && from.equals(this.remote))
  }

  /** A socket that is bound to an address reaches its family; one that is not, those it takes datagrams of. */
  private isOpenTo(remote: IpAddress): boolean {
    const address = this.binding?.address
    if (address !== undefined && !address.isUnspecified) return address.family === remote.family
    return remote.family === this.family || (this.family === 6 && !this.ipv6Only)
  }

  private sourceFor(remote: IpAddress): IpAddress | null {
    const address = this.binding?.address
    if (address !== undefined && !address.isUnspecified && !address.isMulticast) return address
    return this.host.book.sourceFor(remote)
  }

  /** An engine whose longest datagram is one frame makes no fragments: on a link with shorter frames less is sent. */
  private longestTo(remote: IpAddress): number {
    const { limits, book } = this.host
    const on = limits.maxDatagram < ETHERNET_MTU ? book.routeTo(remote)?.interface : undefined
    return on === undefined ? limits.maxDatagram : Math.min(limits.maxDatagram, on.mtu - HEADERS[remote.family])
  }

  private isForbidden(remote: IpAddress): boolean {
    return this.options.get('broadcast') === 0 && this.host.book.isBroadcast(remote)
  }

  private bound(): UdpLine {
    if (this.isDead) throw new NetError('ENETDOWN', 'bind')
    if (this.line === null) this.bind(this.choice?.address ?? this.wildcard, 0, this.choice?.flags)
    return this.line as UdpLine
  }

  private tellPending(syscall: string): number {
    const code = this.pending as ErrorCode
    this.pending = null
    this.lower(ERROR)
    if (this.queue.length === 0) this.lower(READABLE)
    const where = this.remote === null ? {} : { address: this.remote.toString(), port: this.port }
    this.error = new NetError(code, syscall, where)
    return FAILED
  }

  private fail(code: ErrorCode, address?: IpAddress, port = 0): number {
    this.error = new NetError(code, 'send', address === undefined ? {} : { address: address.toString(), port })
    return FAILED
  }
}

function keyOf(group: IpAddress, on: Interface | null, source?: IpAddress): string {
  return `${group} ${on?.index ?? 0} ${source ?? ''}`
}

/** As everywhere: "any" as a destination is this host. */
function reachable(remote: IpAddress): IpAddress {
  if (!remote.isUnspecified) return remote
  return remote.family === 4 ? LOOPBACK_V4 : LOOPBACK_V6
}
