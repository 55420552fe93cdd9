/**
 * A UDP socket of the library: an address and a port, for one family. Sockets of programs that share the port share it, for the library
 * has one socket for a port; what it receives is given out here.
 *
 * @module
 */
import { type IpAddress, NetError } from '@ioth/core'
import { PICO_EVENT_READ } from '@ioth/ffi'
import { OPTION_RECEIVE_BUFFER, type Pointer, PROTO_UDP } from '../bindings.ts'
import { PicoUser } from '../engine.ts'
import { addressFrom, bindPico, openPico, optionValue, type SocketHost } from './endpoint.ts'

/** What the library reads at most: with less, the rest of a datagram would be the next one. */
const WHOLE_DATAGRAM = 65_535
/** Read in one go. */
const MOST_READ = 1024
/** Of the library's, which holds what comes between two ticks. By default it holds ten frames. */
const LIBRARY_BUFFER = 256 * 1024

/** A socket of a program. */
export interface PortUser {
  /** How well a datagram from there fits: -1 not at all, more for a fixed peer. */
  scoreOf(from: IpAddress, port: number): number
  deliver(octets: Uint8Array, from: IpAddress, port: number): void
}

/** The library's UDP sockets, by their port on the wire. */
export type LibraryPorts = Map<number, LibraryPort[]>

export class LibraryPort extends PicoUser {
  readonly socket: Pointer
  readonly address: IpAddress
  private readonly host: SocketHost
  private readonly port: number
  /** Its port inside the library: see `port-aliases.ts`. */
  readonly inside: number
  private readonly users: PortUser[] = []

  /** The one that is there, or a new one. @throws NetError EADDRINUSE, EMFILE… */
  static open(host: SocketHost, address: IpAddress, port: number, user: PortUser): LibraryPort {
    const others = host.libraryPorts.get(port) ?? []
    const known = others.find((other) => other.address.equals(address))
    const opened = known ?? new LibraryPort(host, address, port, others)
    opened.users.push(user)
    return opened
  }

  private constructor(host: SocketHost, address: IpAddress, port: number, others: LibraryPort[]) {
    super()
    this.host = host
    this.address = address
    this.port = port
    this.socket = openPico(host, address.family, PROTO_UDP)
    try {
      this.inside = this.bind(others)
    } catch (error) {
      host.pico.close(this.socket)
      throw error
    }
    host.libraryPorts.set(port, [...others, this])
    host.pico.setOption(this.socket, OPTION_RECEIVE_BUFFER, optionValue(LIBRARY_BUFFER))
    host.engine.register(this.socket, this, false)
  }

  /** @returns the port that it got. */
  private bind(others: readonly LibraryPort[]): number {
    const { host, address, port, socket } = this
    const isFree = address.family === 4 && !others.some(({ inside }) => inside === port)
    if (isFree && bindPico(host, socket, address, port, 'bind')) return port
    const alias = host.udpAliases.take(port)
    try {
      if (bindPico(host, socket, address, alias, 'bind')) return alias
      throw new NetError('EADDRINUSE', 'bind', { address: address.toString(), port })
    } catch (error) {
      host.udpAliases.release(alias)
      throw error
    }
  }

  /** One user less; with the last one it is closed. */
  leave(user: PortUser): void {
    const { host, port, users } = this
    users.splice(users.indexOf(user), 1)
    if (users.length > 0) return
    host.engine.forget(this.socket, false)
    host.pico.close(this.socket)
    host.udpAliases.release(this.inside)
    const others = (host.libraryPorts.get(port) ?? []).filter((other) => other !== this)
    if (others.length === 0) host.libraryPorts.delete(port)
    else host.libraryPorts.set(port, others)
    host.engine.touch()
  }

  override happened(events: number): void {
    if ((events & PICO_EVENT_READ) === 0) return
    const { host, socket } = this
    const { scratch } = host
    const address = new Uint8Array(16)
    const port = new Uint8Array(2)
    for (let taken = 0; taken < MOST_READ && this.users.length > 0; taken++) {
      port.fill(0)
      const length = host.pico.receiveFrom(socket, scratch, WHOLE_DATAGRAM, address, port)
      // An empty datagram has a sender, and nothing at all has none.
      if (length < 0 || (length === 0 && port[0] === 0 && port[1] === 0)) return
      const from = addressFrom(address, this.address.family)
      // What the library handed to itself did not pass by where marks are replaced.
      const octets = host.marks.isMark(scratch, 0, length)
        ? (host.marks.behind(scratch, 0)?.octets ?? null)
        : scratch.slice(0, length)
      const fromPort = ((port[0] as number) << 8) | (port[1] as number)
      // Nor by where ports are changed.
      if (octets !== null) this.giveOut(octets, from, host.isOurs(from) ? host.udpAliases.real(fromPort) : fromPort)
    }
  }

  /** Of sockets that share a port the one that came last has it, as on Linux. */
  private giveOut(octets: Uint8Array, from: IpAddress, port: number): void {
    let best: PortUser | null = null
    let bestScore = 0
    for (const user of this.users) {
      const score = user.scoreOf(from, port)
      if (score < bestScore) continue
      best = user
      bestScore = score
    }
    best?.deliver(octets, from, port)
  }
}

/** The library's port of whoever takes datagrams to an address and port; null: nobody does. */
export function insidePort(ports: LibraryPorts, to: IpAddress, port: number): number | null {
  let inside: number | null = null
  for (const each of ports.get(port) ?? []) {
    if (each.address.family !== to.family) continue
    if (each.address.isUnspecified) inside = each.inside
    else if (each.address.equals(to)) return each.inside
  }
  return inside
}
