/**
 * ICMP for IPv4 (RFC 792, RFC 1122 3.2.2): answers echo, asks it, reports what we do not take, and passes on what others report.
 * Redirects and source quench are ignored (RFC 6633).
 *
 * @module
 */
import {
  type Clock,
  ErrorLimit,
  type FramePool,
  ICMP_CHECKSUM,
  ICMP_CODE,
  ICMP_HEADER,
  ICMP_ID,
  ICMP_TYPE,
  IP4_DESTINATION,
  IP4_FRAGMENT,
  IP4_FRAGMENT_OFFSET,
  IP4_HEADER,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TOTAL_LENGTH,
  type IpAddress,
  PROTO_ICMP,
  type Random,
} from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { Ipv4 } from '../ip/ipv4.ts'
import type { ErrorReport, Transport, Unreachable } from '../ip/network.ts'
import type { Packet } from '../ip/packet.ts'
import type { Path } from '../link/path.ts'
import {
  ICMP4_ECHO,
  ICMP4_ECHO_REPLY,
  ICMP4_ERRORS,
  ICMP4_PARAMETER_PROBLEM,
  ICMP4_TIME_EXCEEDED,
  ICMP4_UNREACHABLE,
  UNREACHABLE_PORT,
  UNREACHABLE_PROTOCOL,
  UNREACHABLE_TOO_BIG,
} from '../wire/icmpv4.ts'
import type { Echo } from './echo.ts'

/** An error of ours is at most this long, IP header and all (RFC 1812 4.3.2.3). */
const LARGEST_ERROR = 576
const TTL = 64
const REASSEMBLY_TIME_EXCEEDED = 1

/** What the codes of "unreachable" mean to a socket; hard ones end a connection attempt (RFC 1122 4.2.3.9). */
const UNREACHABLE: readonly { readonly code: Unreachable; readonly hard: boolean }[] = [
  { code: 'ENETUNREACH', hard: false },
  { code: 'EHOSTUNREACH', hard: false },
  { code: 'ECONNREFUSED', hard: true },
  { code: 'ECONNREFUSED', hard: true },
  { code: 'EMSGSIZE', hard: true },
  { code: 'EHOSTUNREACH', hard: false },
]

export class Icmpv4 implements Transport {
  private readonly pool: FramePool
  private readonly counters: Counters
  private readonly ip: Ipv4
  private readonly echo: Echo
  private readonly errors: ErrorLimit

  constructor(pool: FramePool, clock: Clock, random: Random, counters: Counters, ip: Ipv4, echo: Echo) {
    this.pool = pool
    this.counters = counters
    this.ip = ip
    this.echo = echo
    this.errors = new ErrorLimit({ clock, random })
  }

  receive(packet: Packet): void {
    const { pool, counters } = this
    const { at, length } = packet
    if (length < ICMP_HEADER) {
      counters.drop('icmp4.short')
      return
    }
    if (!packet.isTrusted && pool.sum(at, length) !== 0xffff) {
      counters.drop('icmp4.checksum')
      return
    }
    counters.icmpIn++
    const type = pool.view.getUint8(at + ICMP_TYPE)
    // Echo to many may be ignored (RFC 1122 3.2.2.6), and nothing else is sent to many.
    if (packet.group) counters.drop('icmp4.group')
    else if (type === ICMP4_ECHO) this.answer(packet)
    else if (type === ICMP4_ECHO_REPLY) {
      if (!this.echo.answered(packet)) counters.drop('icmp4.reply')
    } else if (type === ICMP4_UNREACHABLE || type === ICMP4_TIME_EXCEEDED || type === ICMP4_PARAMETER_PROBLEM) {
      this.passOn(packet, type)
    } else counters.drop('icmp4.type')
  }

  /** An error about an echo of ours. */
  report(error: ErrorReport): void {
    const isEcho = this.pool.view.getUint8(error.at + ICMP_TYPE) === ICMP4_ECHO
    if (!isEcho || !this.echo.failed(error)) this.counters.drop('icmp4.report')
  }

  /** A packet of ours that no neighbour takes: `at` is its IP header. If it is final, it ends attempts to connect as a refusal does. */
  undeliverable(at: number, length: number, isFinal: boolean): void {
    this.dispatch(at, length, 'EHOSTUNREACH', isFinal, 0, null, false)
  }

  /** Sends an echo request. @param id identifier and sequence number in one word. @returns false when the pool is exhausted. */
  ask(path: Path, source: IpAddress, to: IpAddress, ttl: number, id: number, size: number): boolean {
    const { pool, ip } = this
    const at = pool.take(ip.headroom + ICMP_HEADER)
    const body = size === 0 ? 0 : pool.take(size)
    if (at < 0 || body < 0) {
      if (at >= 0) pool.release(at)
      return false
    }
    const icmp = at + ip.headroom
    const { view, bytes } = pool
    view.setUint16(icmp, ICMP4_ECHO << 8)
    view.setInt32(icmp + ICMP_ID, id)
    for (let i = 0; i < size; i++) bytes[body + i] = i & 0xff
    this.sendMessage(path, source, to, ttl, at, ICMP_HEADER, body, size)
    return true
  }

  /** Tells the sender of a packet that nobody listens on the port (RFC 1122 4.1.3.1). */
  portUnreachable(packet: Packet): void {
    this.complain(packet, ICMP4_UNREACHABLE, UNREACHABLE_PORT)
  }

  /** Tells the sender of a packet that we do not know the protocol. */
  protocolUnreachable(packet: Packet): void {
    this.complain(packet, ICMP4_UNREACHABLE, UNREACHABLE_PROTOCOL)
  }

  /** Tells the sender that a datagram's fragments did not all arrive in time. */
  reassemblyExpired(headerAt: number, length: number): void {
    const source = this.pool.view.getInt32(headerAt + IP4_SOURCE)
    const destination = this.pool.view.getInt32(headerAt + IP4_DESTINATION)
    if (this.ip.isGroup(this.ip.addressOf(destination)) || this.isError(headerAt)) return
    this.sendError(ICMP4_TIME_EXCEEDED, REASSEMBLY_TIME_EXCEEDED, destination, source, headerAt, length)
  }

  /** Whether a packet, or the first fragment of one, is an error itself, about which none is sent (RFC 1122 3.2.2). */
  private isError(headerAt: number): boolean {
    const { view } = this.pool
    if (view.getUint8(headerAt + IP4_PROTOCOL) !== PROTO_ICMP) return false
    return ICMP4_ERRORS.includes(view.getUint8(headerAt + (view.getUint8(headerAt) & 15) * 4))
  }

  /** Echo with all its data, from the address that was asked (R-ICMP4-02). */
  private answer(packet: Packet): void {
    const { pool, ip } = this
    const source = ip.addressOf(packet.destination)
    const to = ip.addressOf(packet.source)
    if (!ip.isOurs(source)) {
      // A gateway that takes packets for every address does not say that every host is alive.
      this.counters.drop('icmp4.destination')
      return
    }
    const path = ip.findPath(to)
    if (path === null) {
      this.counters.drop('icmp4.route')
      return
    }
    const at = pool.take(ip.headroom + ICMP_HEADER)
    if (at < 0) {
      this.counters.drop('icmp4.pool')
      return
    }
    const icmp = at + ip.headroom
    const data = packet.at + ICMP_HEADER
    const dataLength = packet.length - ICMP_HEADER
    // The data goes back where it lies.
    if (dataLength > 0) pool.retain(data)
    pool.view.setUint16(icmp, ICMP4_ECHO_REPLY << 8)
    pool.view.setInt32(icmp + ICMP_ID, pool.view.getInt32(packet.at + ICMP_ID))
    this.sendMessage(path, source, to, TTL, at, ICMP_HEADER, data, dataLength)
  }

  /** Rules of RFC 1122 3.2.2: no error about an error, a group, a later fragment (never seen here), or an impossible source. */
  private complain(packet: Packet, type: number, code: number): void {
    if (packet.group || (packet.looped === false && this.ip.isGroup(this.ip.addressOf(packet.source)))) return
    const length = packet.at - packet.headerAt + packet.length
    this.sendError(type, code, packet.destination, packet.source, packet.headerAt, length)
  }

  private sendError(type: number, code: number, from: number, to: number, quoteAt: number, quoteLength: number): void {
    const { pool, ip } = this
    if (!this.errors.take()) {
      this.counters.lose('icmp4.rate')
      return
    }
    const source = ip.addressOf(from)
    const destination = ip.addressOf(to)
    const path = ip.findPath(destination)
    if (path === null) {
      this.counters.lose('icmp4.route')
      return
    }
    const quote = Math.min(quoteLength, LARGEST_ERROR - IP4_HEADER - ICMP_HEADER)
    const at = pool.take(ip.headroom + ICMP_HEADER + quote)
    if (at < 0) {
      this.counters.lose('icmp4.pool')
      return
    }
    const icmp = at + ip.headroom
    pool.view.setInt32(icmp, (type << 24) | (code << 16))
    pool.view.setInt32(icmp + ICMP_ID, 0)
    pool.bytes.copyWithin(icmp + ICMP_HEADER, quoteAt, quoteAt + quote)
    this.sendMessage(path, source, destination, TTL, at, ICMP_HEADER + quote, 0, 0)
  }

  private sendMessage(
    path: Path,
    source: IpAddress,
    to: IpAddress,
    ttl: number,
    at: number,
    length: number,
    body: number,
    bodyLength: number,
  ): void {
    const { pool, ip } = this
    const icmp = at + ip.headroom
    pool.view.setUint16(icmp + ICMP_CHECKSUM, 0)
    let sum = pool.sum(icmp, length)
    if (bodyLength > 0) sum = pool.sum(body, bodyLength, sum)
    pool.view.setUint16(icmp + ICMP_CHECKSUM, ~sum & 0xffff)
    this.counters.icmpOut++
    ip.send(path, source, to, PROTO_ICMP, ttl, 0, at, ip.headroom + length, body, bodyLength, 0, 0)
  }

  /** Finds whom an error is about. What is quoted is checked like anything from the wire. */
  private passOn(packet: Packet, type: number): void {
    const { view } = this.pool
    const code = view.getUint8(packet.at + ICMP_CODE)
    const quoteAt = packet.at + ICMP_HEADER
    const quoteLength = packet.length - ICMP_HEADER
    const from = this.ip.addressOf(packet.source)
    if (type !== ICMP4_UNREACHABLE) {
      const expired = type === ICMP4_TIME_EXCEEDED
      // Both are soft errors (RFC 9293 3.9.2.2).
      this.dispatch(quoteAt, quoteLength, expired ? 'EHOSTUNREACH' : 'EPROTO', false, 0, from, expired)
      return
    }
    const meaning = UNREACHABLE[code] ?? { code: 'EHOSTUNREACH' as const, hard: false }
    const mtu = code === UNREACHABLE_TOO_BIG ? view.getUint16(packet.at + ICMP_HEADER - 2) : 0
    this.dispatch(quoteAt, quoteLength, meaning.code, meaning.hard, mtu, from, false)
  }

  private dispatch(
    quoteAt: number,
    quoteLength: number,
    code: Unreachable,
    hard: boolean,
    mtu: number,
    from: IpAddress | null,
    expired: boolean,
  ): void {
    const { counters, ip } = this
    const { view } = this.pool
    if (quoteLength < IP4_HEADER || view.getUint8(quoteAt) >>> 4 !== 4) {
      counters.drop('icmp4.quote')
      return
    }
    const header = (view.getUint8(quoteAt) & 15) * 4
    if (header < IP4_HEADER || quoteLength < header + 8) {
      counters.drop('icmp4.quote')
      return
    }
    if ((view.getUint16(quoteAt + IP4_FRAGMENT) & IP4_FRAGMENT_OFFSET) !== 0) {
      counters.drop('icmp4.quote')
      return
    }
    const local = view.getInt32(quoteAt + IP4_SOURCE)
    if (!ip.isBindable(ip.addressOf(local))) {
      counters.drop('icmp4.quote')
      return
    }
    const transport = ip.transports[view.getUint8(quoteAt + IP4_PROTOCOL)]
    if (transport === undefined) {
      counters.drop('icmp4.quote')
      return
    }
    const remote = ip.addressOf(view.getInt32(quoteAt + IP4_DESTINATION))
    const at = quoteAt + header
    const packetLength = view.getUint16(quoteAt + IP4_TOTAL_LENGTH)
    transport.report({
      code,
      hard,
      mtu,
      packetLength,
      network: ip,
      local: ip.addressOf(local),
      remote,
      from,
      expired,
      at,
      length: quoteLength - header,
    })
  }
}
