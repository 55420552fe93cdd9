/**
 * ICMP for IPv6 (RFC 4443): answers echo, asks it, reports what we do not take, passes on what others report, and hands neighbour and
 * multicast listener discovery to who does them.
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
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  IpAddress,
  PROTO_FRAGMENT,
  PROTO_ICMP6,
  PROTO_TCP,
  type Random,
} from '@ioth/core'
import { MLD_QUERY, MLD2_REPORT } from '@ioth/core/groups'
import type { Counters } from '../counters.ts'
import { HeaderChain, isExtension } from '../ip/extension-headers.ts'
import type { Ipv6 } from '../ip/ipv6.ts'
import type { ErrorReport, Transport, Unreachable } from '../ip/network.ts'
import type { Packet } from '../ip/packet.ts'
import type { Path } from '../link/path.ts'
import {
  EXCEEDED6_REASSEMBLY,
  ICMP6_ECHO,
  ICMP6_ECHO_REPLY,
  ICMP6_FIRST_INFORMATIONAL,
  ICMP6_PARAMETER_PROBLEM,
  ICMP6_REDIRECT,
  ICMP6_REST,
  ICMP6_TIME_EXCEEDED,
  ICMP6_TOO_BIG,
  ICMP6_UNREACHABLE,
  UNREACHABLE6_PORT,
} from '../wire/icmpv6.ts'
import type { Echo } from './echo.ts'

/** An error of ours is at most this long, IP header and all (RFC 4443 2.4 c). */
const LARGEST_ERROR = 1280
const HOP_LIMIT = 64

/** What the codes of "unreachable" mean to a socket; hard ones end a connection attempt. */
const UNREACHABLE: readonly { readonly code: Unreachable; readonly hard: boolean }[] = [
  { code: 'ENETUNREACH', hard: false },
  { code: 'EACCES', hard: true },
  { code: 'EHOSTUNREACH', hard: false },
  { code: 'EHOSTUNREACH', hard: false },
  { code: 'ECONNREFUSED', hard: true },
  { code: 'EACCES', hard: true },
  { code: 'EACCES', hard: true },
]

/** Who does neighbour discovery and multicast listener discovery: messages of the types 130 to 137 and 143. */
export interface DiscoveryHandler {
  /**
   * A message whose checksum is right, in one piece: `packet.length` octets at `packet.at`. Its hop limit is `packet.ttl`, its interface
   * `packet.interface` (never null), its addresses stand in the header at `packet.headerAt`. It may have come in fragments.
   */
  receive(packet: Packet, type: number): void
}

export class Icmpv6 implements Transport {
  discovery: DiscoveryHandler | null = null
  private readonly pool: FramePool
  private readonly counters: Counters
  private readonly ip: Ipv6
  private readonly echo: Echo
  private readonly errors: ErrorLimit
  /** Of the packet that an error quotes. */
  private readonly chain = new HeaderChain()

  constructor(pool: FramePool, clock: Clock, random: Random, counters: Counters, ip: Ipv6, echo: Echo) {
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
      counters.drop('icmp6.short')
      return
    }
    if (!packet.isTrusted && !this.isSumRight(packet)) {
      counters.drop('icmp6.checksum')
      return
    }
    counters.icmpIn++
    const type = pool.view.getUint8(at + ICMP_TYPE)
    if ((type >= MLD_QUERY && type <= ICMP6_REDIRECT) || type === MLD2_REPORT) {
      if (packet.interface === null || packet.looped || packet.bodyLength !== 0 || this.discovery === null)
        counters.drop('icmp6.discovery')
      else this.discovery.receive(packet, type)
      return
    }
    const source = this.ip.sourceOf(packet)
    if (source.isUnspecified || (!packet.looped && this.ip.isOurs(source))) {
      counters.drop('ip6.source')
    } else if (type === ICMP6_ECHO) {
      this.answer(packet)
    } else if (type === ICMP6_ECHO_REPLY) {
      if (!this.echo.answered(packet)) counters.drop('icmp6.reply')
    } else if (type < ICMP6_FIRST_INFORMATIONAL) {
      this.passOn(packet, type)
    } else {
      counters.drop('icmp6.type')
    }
  }

  /** An error about an echo of ours. */
  report(error: ErrorReport): void {
    const isEcho = this.pool.view.getUint8(error.at + ICMP_TYPE) === ICMP6_ECHO
    if (!isEcho || !this.echo.failed(error)) this.counters.drop('icmp6.report')
  }

  /** A packet of ours that no neighbour takes: `at` is its IP header. If it is final, it ends attempts to connect as a refusal does. */
  undeliverable(at: number, length: number, isFinal: boolean): void {
    this.dispatch(at, length, 0, 'EHOSTUNREACH', isFinal, 0, null, false)
  }

  /** Sends an echo request. @param id identifier and sequence number in one word. @returns false when the pool is exhausted. */
  ask(path: Path, source: IpAddress, to: IpAddress, hopLimit: number, id: number, size: number): boolean {
    const { pool, ip } = this
    const at = pool.take(ip.headroom + ICMP_HEADER)
    const body = size === 0 ? 0 : pool.take(size)
    if (at < 0 || body < 0) {
      if (at >= 0) pool.release(at)
      return false
    }
    const icmp = at + ip.headroom
    const { view, bytes } = pool
    view.setUint16(icmp, ICMP6_ECHO << 8)
    view.setInt32(icmp + ICMP_ID, id)
    for (let i = 0; i < size; i++) bytes[body + i] = i & 0xff
    this.sendMessage(path, source, to, hopLimit, at, ICMP_HEADER, body, size)
    return true
  }

  /** Tells the sender of a packet that nobody listens on the port. */
  portUnreachable(packet: Packet): void {
    this.complain(packet, ICMP6_UNREACHABLE, UNREACHABLE6_PORT, 0, false)
  }

  /** Tells the sender of a packet which octet of it we do not understand. @param toGroup even when it was sent to a group. */
  parameterProblem(packet: Packet, code: number, pointer: number, toGroup: boolean): void {
    this.complain(packet, ICMP6_PARAMETER_PROBLEM, code, pointer, toGroup)
  }

  /** Tells the sender that a packet's fragments did not all arrive in time. */
  reassemblyExpired(headerAt: number, length: number): void {
    const { ip } = this
    const { view } = this.pool
    if (view.getUint8(headerAt + IP6_DESTINATION) === 0xff) return
    const source = ip.ownAt(headerAt + IP6_DESTINATION)
    if (source === null) return
    const to = this.addressAt(headerAt + IP6_SOURCE, source.scope)
    this.sendError(source, to, ICMP6_TIME_EXCEEDED, EXCEEDED6_REASSEMBLY, 0, headerAt, length, 0, 0)
  }

  /**
   * Fills in the checksum of a message and sends it.
   * @param at position of the frame: the message stands at `at + ip.headroom`, with the rest of it at `body`.
   * @param length octets of the message in the head piece, an even number when there is a body.
   */
  sendMessage(
    path: Path,
    source: IpAddress,
    to: IpAddress,
    hopLimit: number,
    at: number,
    length: number,
    body = 0,
    bodyLength = 0,
  ): void {
    const { pool, ip } = this
    const icmp = at + ip.headroom
    pool.view.setUint16(icmp + ICMP_CHECKSUM, 0)
    let sum = pool.sum(icmp, length, ip.pseudoSum(source, to, PROTO_ICMP6) + length + bodyLength)
    if (bodyLength > 0) sum = pool.sum(body, bodyLength, sum)
    pool.view.setUint16(icmp + ICMP_CHECKSUM, ~sum & 0xffff)
    this.counters.icmpOut++
    ip.send(path, source, to, PROTO_ICMP6, hopLimit, 0, at, ip.headroom + length, body, bodyLength, 0, 0)
  }

  private isSumRight(packet: Packet): boolean {
    const { pool } = this
    const sum = pool.sum(packet.at, packet.length, packet.pseudoSum + packet.payloadLength)
    return (packet.bodyLength === 0 ? sum : pool.sum(packet.body, packet.bodyLength, sum)) === 0xffff
  }

  /** Echo with all its data; from the address that was asked, or from one of ours when a group was (RFC 4443 4.2). */
  private answer(packet: Packet): void {
    const { pool, ip, counters } = this
    const to = ip.sourceOf(packet)
    const asked = ip.destinationOf(packet)
    if (!asked.isMulticast && !ip.isOurs(asked)) {
      // A gateway that takes packets for every address does not say that every host is alive.
      counters.drop('icmp6.destination')
      return
    }
    const path = ip.findPath(to)
    const source = asked.isMulticast ? ip.sourceFor(to) : asked
    if (path === null || source === null) {
      counters.drop('icmp6.route')
      return
    }
    if (asked.isMulticast && !this.errors.take()) {
      counters.drop('icmp6.rate')
      return
    }
    const at = pool.take(ip.headroom + ICMP_HEADER)
    if (at < 0) {
      counters.drop('icmp6.pool')
      return
    }
    const icmp = at + ip.headroom
    // The data goes back where it lies: behind the header, or all of it in the body.
    const data = packet.bodyLength === 0 ? packet.at + ICMP_HEADER : packet.body
    const dataLength = packet.payloadLength - ICMP_HEADER
    if (dataLength > 0) pool.retain(data)
    pool.view.setUint16(icmp, ICMP6_ECHO_REPLY << 8)
    pool.view.setInt32(icmp + ICMP_ID, pool.view.getInt32(packet.at + ICMP_ID))
    this.sendMessage(path, source, to, HOP_LIMIT, at, ICMP_HEADER, data, dataLength)
  }

  /** Rules of RFC 4443 2.4 e: no error about an error or a redirect, to a group, or to a source that is no single host. */
  private complain(packet: Packet, type: number, code: number, rest: number, toGroup: boolean): void {
    const { ip } = this
    const { headerAt, body, bodyLength } = packet
    if (packet.group && !toGroup) return
    const to = ip.sourceOf(packet)
    if (to.isUnspecified || to.isMulticast || (!packet.looped && ip.isOurs(to))) return
    if (this.isAboutError(packet)) return
    const source = packet.group ? ip.sourceFor(to) : ip.destinationOf(packet)
    const head = packet.at + packet.length - headerAt
    if (source === null) this.counters.lose('icmp6.route')
    else this.sendError(source, to, type, code, rest, headerAt, head, body, bodyLength)
  }

  /** @param headLength octets of the packet that are quoted from `headerAt` on, before those at `body`. */
  private sendError(
    source: IpAddress,
    to: IpAddress,
    type: number,
    code: number,
    rest: number,
    headerAt: number,
    headLength: number,
    body: number,
    bodyLength: number,
  ): void {
    const { pool, ip, counters } = this
    if (!this.errors.take()) {
      counters.lose('icmp6.rate')
      return
    }
    const path = ip.findPath(to)
    if (path === null) {
      counters.lose('icmp6.route')
      return
    }
    const quote = Math.min(headLength + bodyLength, LARGEST_ERROR - IP6_HEADER - ICMP_HEADER)
    const fromHead = Math.min(headLength, quote)
    const at = pool.take(ip.headroom + ICMP_HEADER + quote)
    if (at < 0) {
      counters.lose('icmp6.pool')
      return
    }
    const icmp = at + ip.headroom
    const into = icmp + ICMP_HEADER
    pool.view.setInt32(icmp, (type << 24) | (code << 16))
    pool.view.setInt32(icmp + ICMP6_REST, rest)
    pool.bytes.copyWithin(into, headerAt, headerAt + fromHead)
    if (quote > fromHead) pool.bytes.copyWithin(into + fromHead, body, body + quote - fromHead)
    this.sendMessage(path, source, to, HOP_LIMIT, at, ICMP_HEADER + quote)
  }

  /** Whether a packet carries an error or a redirect; the header that we do not understand may stand before it. */
  private isAboutError(packet: Packet): boolean {
    const { view } = this.pool
    const end = packet.at + packet.length
    let { protocol: next, at } = packet
    while (isExtension(next) && at + 8 <= end) {
      const length = next === PROTO_FRAGMENT ? 8 : (view.getUint8(at + 1) + 1) * 8
      next = view.getUint8(at)
      at += length
    }
    if (next !== PROTO_ICMP6) return false
    if (at >= end) return true
    const type = view.getUint8(at + ICMP_TYPE)
    return type < ICMP6_FIRST_INFORMATIONAL || type === ICMP6_REDIRECT
  }

  /** Finds whom an error is about. What is quoted is checked like anything from the wire. */
  private passOn(packet: Packet, type: number): void {
    const { view } = this.pool
    const code = view.getUint8(packet.at + ICMP_CODE)
    const at = packet.at + ICMP_HEADER
    // An error is no longer than 1280 octets, so that it comes in one piece; of a longer one the beginning is enough.
    const length = packet.length - ICMP_HEADER
    const scope = packet.interface?.index ?? 0
    const from = this.ip.sourceOf(packet)
    if (type === ICMP6_UNREACHABLE) {
      const meaning = UNREACHABLE[code] ?? { code: 'EHOSTUNREACH' as const, hard: false }
      this.dispatch(at, length, scope, meaning.code, meaning.hard, 0, from, false)
    } else if (type === ICMP6_TOO_BIG) {
      this.dispatch(at, length, scope, 'EMSGSIZE', false, view.getUint32(packet.at + ICMP6_REST), from, false)
    } else if (type === ICMP6_TIME_EXCEEDED) {
      this.dispatch(at, length, scope, 'EHOSTUNREACH', false, 0, from, true)
    } else {
      // RFC 4443 2.4 a: an error of a kind we do not know is passed on nevertheless.
      this.dispatch(at, length, scope, 'EPROTO', type === ICMP6_PARAMETER_PROBLEM, 0, from, false)
    }
  }

  private dispatch(
    at: number,
    length: number,
    scope: number,
    code: Unreachable,
    hard: boolean,
    mtu: number,
    from: IpAddress | null,
    expired: boolean,
  ): void {
    const { counters, ip, chain } = this
    const { view } = this.pool
    if (length < IP6_HEADER + 8 || view.getUint8(at) >>> 4 !== 6) {
      counters.drop('icmp6.quote')
      return
    }
    const local = this.addressAt(at + IP6_SOURCE, scope)
    if (!ip.isBindable(local)) {
      counters.drop('icmp6.quote')
      return
    }
    const remote = this.addressAt(at + IP6_DESTINATION, scope)
    const packetLength = IP6_HEADER + view.getUint16(at + IP6_PAYLOAD_LENGTH)
    const end = at + length
    chain.begin(view.getUint8(at + IP6_NEXT_HEADER), at + IP6_HEADER, at + IP6_NEXT_HEADER)
    let verdict = chain.read(view, at, end)
    const isFragment = verdict === 'fragment'
    if (code === 'EMSGSIZE' && (isFragment || chain.next !== PROTO_TCP)) {
      // What is sent from now on will fit. TCP looks closer: it knows which of its segments are in flight.
      if (!ip.hasSentLarge(remote) || packetLength <= mtu) counters.drop('icmp6.quote')
      else ip.lowerMtu(remote, mtu, packetLength)
      return
    }
    if (isFragment && (view.getUint16(chain.at + 2) & 0xfff8) === 0) {
      chain.begin(view.getUint8(chain.at), chain.at + 8, chain.at)
      verdict = chain.read(view, at, end)
    }
    const transport = verdict === 'end' && chain.at + 8 <= end ? ip.transports[chain.next] : undefined
    if (transport === undefined) {
      counters.drop('icmp6.quote')
      return
    }
    const report = { code, hard, mtu, packetLength, network: ip, local, remote, from, expired }
    transport.report({ ...report, at: chain.at, length: end - chain.at })
  }

  private addressAt(at: number, scope: number): IpAddress {
    const { view } = this.pool
    const [w0, w1] = [view.getInt32(at), view.getInt32(at + 4)]
    const isScoped = w0 >>> 22 === 0x3fa
    return new IpAddress(6, w0, w1, view.getInt32(at + 8), view.getInt32(at + 12), isScoped ? scope : 0)
  }
}
