/**
 * UDP sockets: the contract's calls on top of `udp/`.
 *
 * @module
 */
import {
  type BindFlags,
  type DatagramSink,
  ERROR,
  FAILED,
  type IpAddress,
  NetError,
  type OptionName,
  type PortBinding,
  READABLE,
  type SocketInfo,
  type UdpSocket,
  WOULD_BLOCK,
  WRITABLE,
} from '@ioth/core'
import type { Unreachable } from '../ip/network.ts'
import { type EndpointUser, UdpEndpoint } from '../udp/endpoint.ts'
import { checkRange, invalid, notImplemented, type SocketHost, StackSocket } from './endpoint.ts'

const SMALLEST_BUFFER = 1024

export class DatagramSocket extends StackSocket implements UdpSocket, EndpointUser {
  private endpoint: UdpEndpoint | null = null
  private binding: PortBinding | null = null
  private ttl = 64
  private trafficClass = 0
  private broadcast = 0
  private receiveBuffer: number
  /** An ICMP error that has not been told. */
  private pending: Unreachable | null = null

  constructor(host: SocketHost) {
    super(host)
    this.receiveBuffer = host.limits.receiveBuffer
    this.raise(WRITABLE)
  }

  override get localAddress(): IpAddress | null {
    return this.binding?.address ?? null
  }

  override get localPort(): number {
    return this.binding?.port ?? 0
  }

  override get remoteAddress(): IpAddress | null {
    return this.endpoint?.remote ?? null
  }

  override get remotePort(): number {
    return this.endpoint?.remotePort ?? 0
  }

  override get info(): SocketInfo {
    return { endpoint: this, transport: 'udp', state: '' }
  }

  override bind(address: IpAddress, port: number, flags?: BindFlags): void {
    if (this.binding !== null || this.isClosed) throw invalid('bind')
    const { host } = this
    const isGroup = address.isMulticast || host.network.isGroup(address)
    if (!isGroup) this.checkLocal(address, port)
    this.binding = host.ports.bind(17, address, port, flags)
    const local = address.isUnspecified ? null : address
    this.endpoint = new UdpEndpoint(host.network, host.tcp.pool, local, this.binding.port, this.receiveBuffer, this)
    host.udp.add(this.endpoint)
  }

  connect(address: IpAddress, port: number): void {
    const { host } = this
    if (this.isClosed) throw invalid('connect')
    const where = { address: address.toString(), port }
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw invalid('connect')
    if (address.family !== host.network.family) throw new NetError('EAFNOSUPPORT', 'connect', where)
    if (host.network.findPath(address) === null) throw new NetError('ENETUNREACH', 'connect', where)
    this.bound().fix(address, port)
  }

  disconnect(): void {
    if (this.endpoint?.remote == null) throw new NetError('ENOTCONN', 'disconnect')
    this.endpoint.fix(null, 0)
  }

  send(from: Uint8Array, offset: number, length: number, to: IpAddress | null, port: number): number {
    const { host } = this
    if (this.isClosed) return this.fail('EBADF')
    if (this.pending !== null) return this.tellPending('send')
    const endpoint = this.bound()
    const remote = to ?? endpoint.remote
    const remotePort = to === null ? endpoint.remotePort : port
    if (remote === null) return this.fail('EDESTADDRREQ')
    if (to !== null && endpoint.remote !== null) return this.fail('EISCONN')
    if (remotePort < 1 || remotePort > 65535) return this.fail('EINVAL', remote, remotePort)
    if (remote.family !== host.network.family) return this.fail('EAFNOSUPPORT', remote, remotePort)
    if (length > host.limits.maxDatagram) return this.fail('EMSGSIZE', remote, remotePort)
    if (!remote.isMulticast && host.network.isGroup(remote) && this.broadcast === 0) {
      return this.fail('EACCES', remote, remotePort)
    }
    const path = host.network.findPath(remote)
    const source = endpoint.address ?? host.network.sourceFor(remote)
    if (path === null || source === null) return this.fail('ENETUNREACH', remote, remotePort)
    if (path.room <= Math.ceil(length / path.mtu) + 1) {
      this.lower(WRITABLE)
      host.udp.awaitRoom(endpoint)
      return WOULD_BLOCK
    }
    const { ttl, trafficClass } = this
    const isSent = host.udp.send(
      host.network,
      path,
      source,
      endpoint.port,
      remote,
      remotePort,
      ttl,
      trafficClass,
      from,
      offset,
      length,
    )
    return isSent ? length : this.fail('ENOBUFS', remote, remotePort)
  }

  receive(max: number, sink: DatagramSink): number {
    const { endpoint } = this
    if (this.pending !== null) return this.tellPending('recvmsg')
    if (endpoint === null || endpoint.count === 0) {
      this.lower(READABLE)
      return WOULD_BLOCK
    }
    try {
      return endpoint.take(max, sink)
    } finally {
      if (endpoint.count === 0 && this.pending === null) this.lower(READABLE)
    }
  }

  join(): void {
    throw notImplemented('join')
  }

  leave(): void {
    throw notImplemented('leave')
  }

  override close(): void {
    if (this.isClosed) return
    if (this.endpoint !== null) {
      this.host.udp.remove(this.endpoint)
      this.endpoint.clear()
      this.endpoint = null
    }
    this.binding?.release()
    this.lower(READABLE | WRITABLE)
    this.depart()
  }

  // ---------- what the endpoint says ----------

  readable(): void {
    this.raise(READABLE)
  }

  writable(): void {
    this.raise(WRITABLE)
  }

  reported(code: Unreachable): void {
    this.pending = code
    this.raise(READABLE | ERROR)
  }

  // ---------- options ----------

  override setOption(name: OptionName, value: number): void {
    if (name === 'ttl') this.ttl = checkRange(name, value, 1, 255)
    else if (name === 'trafficClass') this.trafficClass = checkRange(name, value, 0, 255)
    else if (name === 'broadcast') this.broadcast = checkRange(name, value, 0, 1)
    else if (name === 'receiveBuffer') {
      const size = checkRange(name, value, SMALLEST_BUFFER, 0x3fffffff)
      this.receiveBuffer = Math.min(size, this.host.limits.receiveBuffer)
      if (this.endpoint !== null) this.endpoint.limit = this.receiveBuffer
    } else if (name === 'sendBuffer') checkRange(name, value, SMALLEST_BUFFER, 0x3fffffff)
    else throw notImplemented(`the option ${name} on a UDP socket`)
  }

  override getOption(name: OptionName): number {
    if (name === 'ttl') return this.ttl
    if (name === 'trafficClass') return this.trafficClass
    if (name === 'broadcast') return this.broadcast
    if (name === 'receiveBuffer') return this.receiveBuffer
    if (name === 'sendBuffer') return this.host.limits.maxDatagram
    throw notImplemented(`the option ${name} on a UDP socket`)
  }

  // ---------- inside ----------

  private bound(): UdpEndpoint {
    if (this.endpoint === null) this.bind(this.host.tcp.wildcard, 0)
    return this.endpoint as UdpEndpoint
  }

  private tellPending(syscall: string): number {
    const code = this.pending as Unreachable
    this.pending = null
    this.lower(ERROR)
    if (this.endpoint?.count === 0) this.lower(READABLE)
    this.error = new NetError(code, syscall, {
      address: String(this.endpoint?.remote),
      port: this.endpoint?.remotePort ?? 0,
    })
    return FAILED
  }

  private fail(code: NetError['code'], address?: IpAddress, port?: number): number {
    const where = address === undefined ? {} : { address: address.toString(), port: port ?? 0 }
    this.error = new NetError(code, 'send', where)
    return FAILED
  }
}
