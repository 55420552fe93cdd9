/**
 * A UDP socket. The library's descriptors can only speak to one peer: so there is one of them only while there is a peer, and datagrams of
 * others do not reach it.
 *
 * @module
 */
import { type ErrorCode, type IpAddress, NetError, type OptionName } from '@ioth/core'
import type { UdpLine, UdpUser } from '@ioth/core/shell'
import { PICO_EVENT_READ } from '@ioth/ffi'
import type { Device, Exchange } from './device.ts'
import type { FdPicoEngine, SocketUser } from './engine.ts'
import { picoCode } from './errno.ts'

const scratch = new Uint8Array(65_535)

export class Datagrams implements UdpLine, SocketUser {
  private readonly engine: FdPicoEngine
  private readonly user: UdpUser
  private readonly bound: IpAddress
  private readonly port: number
  private exchange: OpenExchange | null = null

  constructor(engine: FdPicoEngine, user: UdpUser, bound: IpAddress, port: number) {
    this.engine = engine
    this.user = user
    this.bound = bound
    this.port = port
  }

  fix(remote: IpAddress | null, port: number): void {
    this.partFrom()
    if (remote === null || remote.isLoopback || this.engine.isOurs(remote)) return
    const local = this.bound.isUnspecified ? this.engine.sourceFor(remote) : this.bound
    const [own] = local === null ? [] : this.engine.addressesOf(local, false)
    if (local === null || own === undefined) throw new NetError('ENETUNREACH', 'connect')
    this.exchange = this.open(own.device, local, remote, port)
  }

  send(from: Uint8Array, offset: number, length: number): boolean {
    const { engine, exchange } = this
    if (exchange === null) return true
    const octets = length === 0 ? engine.emptyMark : from.subarray(offset, offset + length)
    if (exchange.isMet) this.write(exchange, octets)
    else this.writeWhenMet(exchange, octets.slice())
    return true
  }

  /** The next hop is looked for before the library has something for it: see {@link Device.introduce}. */
  private writeWhenMet(exchange: OpenExchange, octets: Uint8Array): void {
    const { engine, user } = this
    const { waiting, device, remote } = exchange
    // As many as a host keeps for a neighbour that has not answered (RFC 1122 2.3.2.2 asks for one).
    if (waiting.length === MOST_UNMET) waiting.shift()
    if (waiting.push(octets) > 1) return
    engine.meet(device, remote, (mac) => {
      const written = waiting.splice(0)
      const isOver = this.exchange !== exchange
      if (isOver && !engine.parting.delete(exchange)) return
      if (mac !== null) {
        exchange.isMet = true
        for (const each of written) this.write(exchange, each)
      } else if (!isOver) {
        user.failed('EHOSTUNREACH')
      }
      if (isOver) this.release(exchange)
    })
  }

  private write(exchange: OpenExchange, octets: Uint8Array): void {
    const { engine, user } = this
    const { library } = engine
    // A queue that is full has room again when the library has worked.
    for (let attempt = 0; attempt < 2; attempt++) {
      const sent = library.write(exchange.fd, octets, octets.length)
      engine.touch()
      if (sent < 0 && this.exchange === exchange) user.failed(picoCode(library.error()))
      if (sent !== 0) return
      library.tick()
    }
  }

  happened(events: number): void {
    if ((events & PICO_EVENT_READ) !== 0) this.read()
  }

  resume(): void {}

  join(): void {
    throw notImplemented('multicast')
  }

  leave(): void {
    throw notImplemented('multicast')
  }

  set(name: OptionName): void {
    throw notImplemented(name)
  }

  close(): void {
    this.partFrom()
  }

  private read(): void {
    const { engine, exchange, user } = this
    if (exchange === null) return
    for (;;) {
      const count = engine.library.read(exchange.fd, scratch, scratch.length)
      // Of an empty datagram the library says what it says of none.
      if (count < 0 || !exchange.has(count)) return
      const { remote, remotePort, local } = exchange
      if (!user.datagram(scratch, 0, count, remote, remotePort, local)) engine.dropUdpFull++
    }
  }

  private open(device: Device, local: IpAddress, remote: IpAddress, remotePort: number): OpenExchange {
    const { engine } = this
    const { library } = engine
    const fd = engine.openSocket(local.family, 'udp', this)
    const inside = device.udpPorts.take(this.port)
    const reported = (code: ErrorCode): void => engine.soon(() => this.user.failed(code))
    const isMet = remote.isMulticast || engine.isBroadcast(remote)
    const exchange = new OpenExchange(device, fd, inside, local, this.port, remote, remotePort, reported, isMet)
    if (library.bind(fd, local, inside) === 0 && library.connect(fd, remote, remotePort) === 0) {
      device.exchanges.add(exchange)
      return exchange
    }
    const code = picoCode(library.error())
    engine.closeSilent(fd)
    device.udpPorts.release(inside)
    throw new NetError(code, 'connect', { address: remote.toString(), port: remotePort })
  }

  /** Lets go of the peer. */
  private partFrom(): void {
    const { exchange } = this
    if (exchange === null) return
    this.exchange = null
    // What was sent still goes, as soon as the next hop is known; but each takes a socket of the library, of which connections need some.
    const { parting } = this.engine
    if (exchange.waiting.length === 0 || parting.size >= MOST_PARTING) this.release(exchange)
    else parting.add(exchange)
  }

  private release(exchange: OpenExchange): void {
    const { engine } = this
    // What was written a moment ago leaves first.
    engine.library.tick()
    exchange.device.exchanges.delete(exchange)
    exchange.device.udpPorts.release(exchange.inside)
    engine.closeSilent(exchange.fd)
  }
}

class OpenExchange implements Exchange {
  readonly device: Device
  readonly fd: number
  readonly inside: number
  readonly local: IpAddress
  readonly localPort: number
  readonly remote: IpAddress
  readonly remotePort: number
  readonly reported: (code: ErrorCode) => void
  /** Whether the library knows the next hop, and what waits until it does. */
  isMet: boolean
  readonly waiting: Uint8Array[] = []
  /** Lengths of the datagrams that the library was given. */
  private lengths: number[] = []

  constructor(
    device: Device,
    fd: number,
    inside: number,
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    reported: (code: ErrorCode) => void,
    isMet: boolean,
  ) {
    this.device = device
    this.fd = fd
    this.inside = inside
    this.local = local
    this.localPort = localPort
    this.remote = remote
    this.remotePort = remotePort
    this.reported = reported
    this.isMet = isMet
  }

  arriving(length: number): void {
    this.lengths.push(length)
    if (this.lengths.length > MOST_WAITING) this.lengths.shift()
  }

  /** Whether one of this length was given; those before it were dropped by the library. */
  has(length: number): boolean {
    const at = this.lengths.indexOf(length)
    if (at < 0) return false
    this.lengths = this.lengths.slice(at + 1)
    return true
  }
}

/** Closed sockets whose datagrams wait for a next hop. */
const MOST_PARTING = 32
/** Datagrams that wait for a next hop. */
const MOST_UNMET = 16
/** More do not fit into the library's queue. */
const MOST_WAITING = 1024

function notImplemented(what: string): NetError {
  return new NetError('ERR_IOTH_NOT_IMPLEMENTED', what, { message: `the stack "fdpicotcp" does not implement ${what}` })
}
