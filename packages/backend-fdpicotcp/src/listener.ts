/**
 * A listening socket. The library has one for each address, for its `bind` gives the stack the address that it is given, 0.0.0.0 too; and it
 * is told of each connection only once, however many have come.
 *
 * The library's connections that nobody has accepted point at their listener, and go on pointing at it when it is freed: so all of them end
 * before it does.
 *
 * @module
 */
import { type IpAddress, NetError, type OptionName, parseIpAddress } from '@ioth/core'
import type { ListenerUser, ListenLine } from '@ioth/core/shell'
import { type Flow, PICO_EVENT_CONNECTION } from '@ioth/ffi'
import { Connection } from './connection.ts'
import type { Device } from './device.ts'
import type { FdPicoEngine, SocketUser } from './engine.ts'
import { picoCode } from './errno.ts'

/** The library's own backlog: how many may wait is decided when their SYN comes. */
const LIBRARY_BACKLOG = 1024
/** How long a handshake may take, in microseconds; the library gives up on it later. */
const HANDSHAKE = 10_000_000

interface Handshake {
  readonly flow: Flow
  readonly device: Device
  readonly local: IpAddress
  readonly inside: number
  readonly remotePort: number
  readonly since: number
}

/** The library's listener on one address. */
interface Part {
  readonly fd: number
  readonly device: Device
  readonly address: IpAddress
  readonly inside: number
}

export class FdPicoListener implements ListenLine, SocketUser {
  readonly port: number
  private readonly engine: FdPicoEngine
  private readonly user: ListenerUser
  private readonly local: IpAddress
  private readonly isDual: boolean
  private noDelay: boolean
  private readonly parts = new Map<string, Part>()
  private readonly handshakes = new Map<string, Handshake>()
  private isClosed = false

  constructor(
    engine: FdPicoEngine,
    user: ListenerUser,
    local: IpAddress,
    port: number,
    isDual: boolean,
    noDelay: boolean,
  ) {
    this.engine = engine
    this.user = user
    this.local = local
    this.port = port
    this.isDual = isDual
    this.noDelay = noDelay
  }

  /** Listens on all addresses that are meant. */
  spread(): void {
    if (this.isClosed) return
    try {
      for (const { address, device } of this.engine.addressesOf(this.local, this.isDual)) this.open(address, device)
    } catch (error) {
      this.engine.soon(() => this.user.failed((error as NetError).code))
    }
  }

  /** An address goes away. */
  withdraw(address: IpAddress): void {
    const part = this.parts.get(address.toString())
    if (part !== undefined) this.end(part)
  }

  /** The library's port for connections to an address; 0: it does not listen there. */
  insidePort(address: IpAddress): number {
    return this.parts.get(address.toString())?.inside ?? 0
  }

  /** Handshakes that the library holds. */
  get handshaking(): number {
    return this.handshakes.size
  }

  begin(device: Device, flow: Flow, local: IpAddress, inside: number, remote: IpAddress, remotePort: number): void {
    const since = this.engine.scheduler.clock.now
    this.handshakes.set(keyOf(remote, remotePort), { flow, device, local, inside, remotePort, since })
  }

  get hasRoom(): boolean {
    const { now } = this.engine.scheduler.clock
    for (const [key, handshake] of this.handshakes) {
      if (!handshake.flow.wasReset && now - handshake.since < HANDSHAKE) continue
      this.giveUp(key, handshake)
    }
    return this.user.waiting + this.handshakes.size < this.user.backlog
  }

  happened(events: number): void {
    if ((events & PICO_EVENT_CONNECTION) === 0) return
    for (const part of this.parts.values()) this.take(part)
  }

  resume(): void {}

  set(name: OptionName, value: number): void {
    if (name !== 'noDelay') throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', name)
    this.noDelay = value === 1
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    for (const part of [...this.parts.values()]) this.end(part)
    this.engine.listenerClosed(this)
  }

  // ---------- inside ----------

  /** @throws NetError EMFILE, ENOMEM, EADDRINUSE… */
  private open(address: IpAddress, device: Device): void {
    const key = address.toString()
    if (this.parts.has(key)) return
    const { engine } = this
    const { library } = engine
    const fd = engine.openSocket(address.family, 'tcp', this)
    const inside = device.segments.ports.take(this.port)
    if (library.bind(fd, address, inside) === 0 && library.listen(fd, LIBRARY_BACKLOG) === 0) {
      this.parts.set(key, { fd, device, address, inside })
      return
    }
    const code = picoCode(library.error())
    engine.closeSilent(fd)
    device.segments.ports.release(inside)
    throw new NetError(code, 'listen')
  }

  /** Accepts all that are there: only what is established can be, and a peer may end at once. */
  private take(part: Part): void {
    for (;;) {
      const accepted = this.engine.library.accept(part.fd)
      if (accepted === null) return
      const remote = parseIpAddress(accepted.remote)
      const key = keyOf(remote, accepted.remotePort)
      const handshake = this.handshakes.get(key)
      this.handshakes.delete(key)
      if (handshake === undefined || this.isClosed) {
        this.engine.adopt(accepted.fd, NOBODY)
        this.engine.closeSocket(accepted.fd)
        continue
      }
      const { flow, device, local, inside } = handshake
      flow.isPassive = false
      const ends = { local, localPort: this.port, remote, remotePort: accepted.remotePort }
      const line = new Connection(this.engine, device, ends, this.noDelay)
      this.user.accepted(line, ends)
      line.opened(accepted.fd, flow, inside)
    }
  }

  private end(part: Part): void {
    const { engine } = this
    const { address, device, fd, inside } = part
    for (const [key, handshake] of this.handshakes) {
      if (handshake.local.equals(address)) this.giveUp(key, handshake)
    }
    this.take(part)
    this.parts.delete(address.toString())
    engine.closeSilent(fd)
    device.segments.ports.release(inside)
  }

  private giveUp(key: string, { flow, device, inside, remotePort }: Handshake): void {
    this.handshakes.delete(key)
    // Segments that are on their way out tell what a RST needs.
    device.collect()
    flow.reset()
    device.segments.ports.release(inside)
    this.engine.retire(device, flow, remotePort)
  }
}

/** Hears of a socket that is closed at once. */
const NOBODY: SocketUser = { happened() {} }

function keyOf(remote: IpAddress, port: number): string {
  return `${remote} ${port}`
}
