/**
 * A listener: LISTEN (RFC 9293 3.10.7.2) and its backlog. Connections stand in one of two lists: those in SYN-RECEIVED, and those
 * established that nobody has accepted. Both together are limited; when they are full a SYN is dropped, unless the oldest handshake has
 * waited so long already that it must be a flood's (RFC 4987 3.3).
 *
 * @module
 */
import type { EventQueue, IpAddress, PortBinding } from '@ioth/core'
import type { Connection } from './connection.ts'
import type { TraceEvent } from './trace.ts'

export interface ListenerUser {
  /** A connection waits. */
  acceptable(): void
  /** None waits any more: the last one died before it was accepted. */
  unacceptable(): void
}

/** A handshake older than this makes room for a newer one. */
const STALE_MS = 1000

/** A list through `previousChild` and `nextChild`. */
class Children {
  first: Connection | null = null
  last: Connection | null = null
  length = 0

  append(child: Connection): void {
    child.previousChild = this.last
    child.nextChild = null
    if (this.last === null) this.first = child
    else this.last.nextChild = child
    this.last = child
    this.length++
  }

  remove(child: Connection): void {
    const { previousChild, nextChild } = child
    if (previousChild === null) this.first = nextChild
    else previousChild.nextChild = nextChild
    if (nextChild === null) this.last = previousChild
    else nextChild.previousChild = previousChild
    child.previousChild = null
    child.nextChild = null
    this.length--
  }
}

export class TcpListener {
  readonly address: IpAddress
  readonly port: number
  readonly backlog: number
  readonly binding: PortBinding
  /** The wildcard of IPv6 that takes IPv4 too. */
  readonly isDual: boolean
  user: ListenerUser | null = null
  /** Options that accepted connections begin with. */
  /** 0: what the network says. */
  ttl = 0
  noDelay = false
  sendBuffer: number
  receiveBuffer: number
  trace: EventQueue<TraceEvent> | null = null
  private readonly handshakes = new Children()
  private readonly waiting = new Children()

  constructor(binding: PortBinding, isDual: boolean, backlog: number, sendBuffer: number, receiveBuffer: number) {
    this.binding = binding
    this.isDual = isDual
    this.address = binding.address
    this.port = binding.port
    this.backlog = backlog
    this.sendBuffer = sendBuffer
    this.receiveBuffer = receiveBuffer
  }

  get acceptable(): number {
    return this.waiting.length
  }

  /** Whether a SYN to this address is meant for this listener. */
  matches(address: IpAddress): boolean {
    if (this.address.isUnspecified) return this.isDual || address.family === this.address.family
    return this.address.equals(address)
  }

  /** Makes room for one more child; false when there is none. */
  makeRoom(nowMs: number): boolean {
    return this.handshakes.length + this.waiting.length < this.backlog || this.giveWay(nowMs)
  }

  /** Ends the oldest handshake if it has waited so long that it must be a flood's; false when there is none. */
  giveWay(nowMs: number): boolean {
    const { first } = this.handshakes
    if (first === null || ((nowMs - first.tcb.lastHeardAt) | 0) < STALE_MS) return false
    first.ended(null)
    return true
  }

  add(child: Connection): void {
    child.listener = this
    this.handshakes.append(child)
  }

  childEstablished(child: Connection): void {
    this.handshakes.remove(child)
    this.waiting.append(child)
    this.user?.acceptable()
  }

  childEnded(child: Connection): void {
    child.listener = null
    if (!child.wasEstablished) {
      this.handshakes.remove(child)
      return
    }
    this.waiting.remove(child)
    if (this.waiting.length === 0) this.user?.unacceptable()
  }

  /** The next connection nobody has taken, or null. One that died while it waited is not shown. */
  accept(): Connection | null {
    const child = this.waiting.first
    if (child === null) return null
    this.waiting.remove(child)
    child.listener = null
    return child
  }

  /** Resets what was not accepted (RFC 9293 3.10.4). */
  close(): void {
    this.user = null
    for (const children of [this.handshakes, this.waiting]) {
      while (children.first !== null) children.first.abort()
    }
    this.binding.release()
  }
}
