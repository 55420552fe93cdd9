/**
 * Sockets of a remote stack, as the shell of the program sees them.
 *
 * @module
 */
import type { Interface, IpAddress, OptionName } from '@ioth/core'
import { TcpLine, type UdpLine, type UdpUser } from '@ioth/core/shell'
import { KIND } from './channel.ts'
import type { ProgramNote } from './notes.ts'
import { ADDRESS_LENGTH, writeAddress } from './wire-address.ts'

/** What sockets need of their engine. */
export interface RemoteHost {
  tell(note: ProgramNote): void
  send(kind: number, ...parts: readonly Uint8Array[]): void
  /** Nothing more is told to this socket. */
  forget(socket: number): void
}

/** Octets under way to the helper and not yet taken by its stack, of one connection. */
const SEND_CREDIT = 262_144
/** Octets of one message. */
const PIECE = 65_536
/** Room is told of when there is so much of it, or when all is used. */
const GRANT = 16_384

export class RemoteLine extends TcpLine {
  private readonly host: RemoteHost
  private readonly socket: number
  private credit = SEND_CREDIT
  /** Octets that the helper may still send. */
  private granted = 0
  private isEnded = false
  private isFinishing = false
  private isFinished = false
  private wasEndAcknowledged = false

  constructor(host: RemoteHost, socket: number) {
    super()
    this.host = host
    this.socket = socket
  }

  override get inFlight(): number {
    return SEND_CREDIT - this.credit
  }

  override get isEndAcknowledged(): boolean {
    return this.wasEndAcknowledged
  }

  override pump(): void {
    const { user, host, socket } = this
    const { outgoing } = user
    while (outgoing.length > 0 && this.credit > 0) {
      const piece = outgoing.front(Math.min(this.credit, PIECE))
      this.credit -= piece.length
      host.send(KIND.data, number32(socket), piece)
      outgoing.drop(piece.length)
      user.drained()
    }
    if (outgoing.length > 0 || !user.isEnding) return
    if (this.isFinishing) {
      if (!this.isFinished) host.tell({ note: 'finish', socket })
      this.isFinished = true
    } else if (!this.isEnded) {
      this.isEnded = true
      host.tell({ note: 'end', socket })
    }
  }

  override resume(): void {
    const more = Math.min(this.user.room, 0x7fffffff) - this.granted
    if (more <= 0 || (more < GRANT && this.granted > 0)) return
    this.granted += more
    this.host.send(KIND.credit, number32(this.socket), number32(more))
  }

  override finish(): void {
    this.isFinishing = true
    this.pump()
  }

  override reset(): void {
    this.host.tell({ note: 'reset', socket: this.socket })
  }

  override set(name: OptionName, value: number): void {
    this.host.tell({ note: 'set', socket: this.socket, name, value })
  }

  // ---------- what the helper says ----------

  /** It took so many octets. */
  credited(octets: number): void {
    this.credit += octets
    this.user.drained()
    this.pump()
  }

  endWasAcknowledged(): void {
    this.wasEndAcknowledged = true
  }

  arrived(bytes: Uint8Array): void {
    this.granted -= bytes.length
    this.user.received(bytes, 0, bytes.length)
    if (this.granted < GRANT) this.resume()
  }
}

/** Datagrams under way to the helper, of one socket. */
const MOST_UNDER_WAY = 256

export class RemoteDatagrams implements UdpLine {
  readonly user: UdpUser
  private readonly host: RemoteHost
  private readonly socket: number
  private underWay = 0

  constructor(host: RemoteHost, socket: number, user: UdpUser) {
    this.host = host
    this.socket = socket
    this.user = user
  }

  send(from: Uint8Array, offset: number, length: number, to: IpAddress, port: number): boolean {
    if (this.underWay >= MOST_UNDER_WAY) return false
    this.underWay++
    const head = datagramHead(this.socket, to, port, null)
    this.host.send(KIND.datagram, head, from.subarray(offset, offset + length))
    return true
  }

  /** The helper sent so many. */
  credited(datagrams: number): void {
    this.underWay -= datagrams
    this.user.writable()
  }

  fix(remote: IpAddress | null, port: number): void {
    this.host.tell({ note: 'fix', socket: this.socket, remote: remote === null ? null : remote.toString(), port })
  }

  /** What does not fit is dropped, as by any host. */
  resume(): void {}

  join(group: IpAddress, on: Interface | null, source?: IpAddress): void {
    this.group('join', group, on, source)
  }

  leave(group: IpAddress, on: Interface | null, source?: IpAddress): void {
    this.group('leave', group, on, source)
  }

  set(name: OptionName, value: number): void {
    this.host.tell({ note: 'set', socket: this.socket, name, value })
  }

  close(): void {
    this.host.tell({ note: 'close', socket: this.socket })
    this.host.forget(this.socket)
  }

  private group(note: 'join' | 'leave', group: IpAddress, on: Interface | null, source?: IpAddress): void {
    this.host.tell({
      note,
      socket: this.socket,
      group: group.toString(),
      on: on?.name ?? null,
      source: source?.toString() ?? null,
    })
  }
}

export function number32(value: number): Uint8Array {
  const octets = new Uint8Array(4)
  new DataView(octets.buffer).setInt32(0, value)
  return octets
}

/** Octets before a datagram in its message. */
export const DATAGRAM_HEAD: number = 6 + 2 * ADDRESS_LENGTH

export function datagramHead(socket: number, address: IpAddress, port: number, own: IpAddress | null): Uint8Array {
  const head = new Uint8Array(DATAGRAM_HEAD)
  const view = new DataView(head.buffer)
  view.setInt32(0, socket)
  view.setUint16(4, port)
  writeAddress(view, 6, address)
  writeAddress(view, 6 + ADDRESS_LENGTH, own)
  return head
}
