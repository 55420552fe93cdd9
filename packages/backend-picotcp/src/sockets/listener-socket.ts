/**
 * Listeners. The library lets only sockets that are established be accepted, and those at once: one whose peer closed meanwhile is never
 * given out. So connections are taken as soon as they are there, and wait here.
 *
 * @module
 */
import {
  ANY_V4,
  type IpAddress,
  type Listener,
  NetError,
  type OptionName,
  type PortBinding,
  READABLE,
  type SocketInfo,
  type TcpSocket,
} from '@ioth/core'
import { PICO_EVENT_CONNECTION } from '@ioth/ffi'
import { type Pointer, PROTO_TCP } from '../bindings.ts'
import { PicoUser } from '../engine.ts'
import { addressFrom, bindPico, invalid, openPico, PicoSocket, type SocketHost } from './endpoint.ts'
import type { StreamOptions } from './stream-options.ts'
import { StreamSocket } from './stream-socket.ts'

/** The library counts handshakes that came to nothing for ever; how many there may be is decided before it sees them. */
const LIBRARY_BACKLOG = 0x7fff

/** One socket of the library that listens, for one family. */
interface Ear {
  readonly socket: Pointer
  readonly family: 4 | 6
  readonly address: IpAddress
  /** Its port inside the library. */
  readonly port: number
}

export class ListenerSocket extends PicoSocket implements Listener {
  readonly localPort: number
  readonly remoteAddress: IpAddress | null = null
  readonly remotePort: number = 0
  private readonly binding: PortBinding
  private readonly backlog: number
  private readonly options: StreamOptions
  private readonly user: ListenerUser = new ListenerUser(this)
  private readonly waiting: StreamSocket[] = []
  private readonly ears: Ear[] = []

  /** @throws NetError EADDRINUSE */
  constructor(
    host: SocketHost,
    family: 4 | 6,
    binding: PortBinding,
    isDual: boolean,
    backlog: number,
    options: StreamOptions,
  ) {
    super(host, family)
    this.binding = binding
    this.localPort = binding.port
    this.backlog = backlog
    this.options = options
    try {
      this.listenAt(binding.address)
      if (isDual) this.listenAt(ANY_V4)
    } catch (error) {
      this.close()
      throw error
    }
    const others = host.listeners.get(this.localPort) ?? new Set()
    host.listeners.set(this.localPort, others.add(this))
  }

  override get comesFirst(): boolean {
    return true
  }

  override get localAddress(): IpAddress {
    return this.shown(this.binding.address) as IpAddress
  }

  override get info(): SocketInfo {
    return { endpoint: this, transport: 'tcp', state: 'LISTEN' }
  }

  /** The library's port for a SYN to this address; 0: it is not for this listener. */
  portFor(family: 4 | 6, address: IpAddress): number {
    for (const ear of this.ears) {
      if (ear.family === family && (ear.address.isUnspecified || ear.address.equals(address))) return ear.port
    }
    return 0
  }

  /** Whether one more connection may begin, besides those that are being opened. */
  hasRoom(opening: number): boolean {
    return this.waiting.length + opening < this.backlog
  }

  accept(): TcpSocket | null {
    const socket = this.waiting.shift() ?? null
    if (this.waiting.length === 0) this.lower(READABLE)
    return socket
  }

  override bind(): void {
    throw invalid('bind')
  }

  override close(): void {
    if (this.isClosed) return
    const { host } = this
    const others = host.listeners.get(this.localPort)
    others?.delete(this)
    if (others?.size === 0) host.listeners.delete(this.localPort)
    for (const socket of this.waiting.splice(0)) socket.reset()
    for (const ear of this.ears.splice(0)) this.deafen(ear)
    this.binding.release()
    this.lower(READABLE)
    this.depart()
  }

  private deafen({ socket, port }: Ear): void {
    const { host } = this
    host.engine.forget(socket, true)
    host.pico.close(socket)
    host.tcpAliases.release(port)
  }

  override addressRemoved(address: IpAddress): void {
    if (!this.binding.address.equals(address)) return
    for (const ear of this.ears.splice(0)) this.deafen(ear)
  }

  override setOption(name: OptionName, value: number): void {
    this.options.set(name, value, this.host.limits)
    for (const { socket } of this.ears) this.options.apply(this.host.pico, socket)
  }

  override getOption(name: OptionName): number {
    return this.options.get(name)
  }

  /** A port of its own inside the library for IPv6, and where old connections have this one: see `port-aliases.ts`. */
  private listenAt(address: IpAddress): void {
    const { host, localPort } = this
    const { family } = address
    const socket = openPico(host, family, PROTO_TCP)
    let port = localPort
    const isAlone =
      family === 4 && !host.flows.isBusy(localPort) && bindPico(host, socket, address, localPort, 'listen')
    if (!isAlone) {
      port = host.tcpAliases.take(localPort)
      if (!bindPico(host, socket, address, port, 'listen')) {
        host.tcpAliases.release(port)
        host.pico.close(socket)
        throw new NetError('EADDRINUSE', 'listen', { address: address.toString(), port: localPort })
      }
    }
    this.options.apply(host.pico, socket)
    host.pico.listen(socket, LIBRARY_BACKLOG)
    host.engine.register(socket, this.user, true)
    this.ears.push({ socket, family, address, port })
    host.engine.touch()
  }

  /** @internal */
  happened(events: number, socket: Pointer): void {
    if ((events & PICO_EVENT_CONNECTION) === 0) return
    const ear = this.ears.find((candidate) => candidate.socket === socket)
    if (ear === undefined) return
    for (;;) {
      const made = this.take(ear)
      if (made === null) break
      this.waiting.push(made)
    }
    if (this.waiting.length > 0) this.raise(READABLE)
  }

  private take({ socket, family }: Ear): StreamSocket | null {
    const { host } = this
    const address = new Uint8Array(16)
    const port = new Uint8Array(2)
    const taken = host.pico.accept(socket, address, port)
    if (taken === null) return null
    const remote = addressFrom(address, family)
    const wirePort = ((port[0] as number) << 8) | (port[1] as number)
    const remotePort = host.isOurs(remote) ? host.tcpAliases.real(wirePort) : wirePort
    host.pico.localName(taken, address, port, new Uint8Array(2))
    const local = addressFrom(address, family)
    const flow = host.flows.find(local, this.localPort, remote, remotePort)
    return StreamSocket.accepted(
      host,
      this.family,
      this.options,
      taken,
      flow,
      local,
      this.localPort,
      remote,
      remotePort,
    )
  }
}

class ListenerUser extends PicoUser {
  private readonly listener: ListenerSocket

  constructor(listener: ListenerSocket) {
    super()
    this.listener = listener
  }

  override happened(events: number, _code: number, socket: Pointer): void {
    this.listener.happened(events, socket)
  }
}
