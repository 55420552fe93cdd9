/**
 * UDP (RFC 768, RFC 1122 4.1): which endpoints a datagram belongs to, and sending.
 *
 * @module
 */
import {
  CHECKSUM_MISSING,
  type FramePool,
  type IpAddress,
  PROTO_UDP,
  UDP_CHECKSUM,
  UDP_DESTINATION,
  UDP_HEADER,
  UDP_LENGTH,
  UDP_SOURCE,
} from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { ErrorReport, Network, Transport } from '../ip/network.ts'
import type { Packet } from '../ip/packet.ts'
import type { Path } from '../link/path.ts'
import type { UdpEndpoint } from './endpoint.ts'

const SLOT = 65536
const NOBODY: readonly UdpEndpoint[] = []

export class Udp implements Transport {
  /** Tells the sender that nobody listens; ICMP's business. */
  onUnknownPort: ((packet: Packet) => void) | null = null
  private readonly pool: FramePool
  private readonly counters: Counters
  private readonly endpoints = new Map<number, UdpEndpoint[]>()
  private readonly waiting = new Set<UdpEndpoint>()

  constructor(pool: FramePool, counters: Counters) {
    this.pool = pool
    this.counters = counters
  }

  add(endpoint: UdpEndpoint): void {
    const others = this.endpoints.get(endpoint.port)
    if (others === undefined) this.endpoints.set(endpoint.port, [endpoint])
    else others.push(endpoint)
  }

  remove(endpoint: UdpEndpoint): void {
    this.waiting.delete(endpoint)
    const rest = (this.endpoints.get(endpoint.port) ?? []).filter((other) => other !== endpoint)
    if (rest.length === 0) this.endpoints.delete(endpoint.port)
    else this.endpoints.set(endpoint.port, rest)
  }

  /** Whether somebody here has the port. */
  isHeld(port: number): boolean {
    return this.endpoints.has(port)
  }

  receive(packet: Packet): void {
    const { counters, pool } = this
    const { view } = pool
    const { at } = packet
    if (packet.payloadLength < UDP_HEADER) {
      counters.drop('udp.short')
      return
    }
    const length = view.getUint16(at + UDP_LENGTH)
    if (length < UDP_HEADER || length > packet.payloadLength) {
      counters.drop('udp.length')
      return
    }
    const text = length - UDP_HEADER
    // The payload is in one piece: behind the header, or all of it in the body.
    const textAt = packet.bodyLength === 0 ? at + UDP_HEADER : packet.body
    const hasChecksum = view.getUint16(at + UDP_CHECKSUM) !== 0
    // RFC 8200 8.1: IPv6 has no other checksum.
    if (!hasChecksum && packet.network.family === 6 && !packet.isTrusted) {
      counters.drop('udp.no-checksum')
      return
    }
    if (hasChecksum && !packet.isTrusted) {
      let sum = pool.sum(at, packet.bodyLength === 0 ? length : UDP_HEADER, packet.pseudoSum + length)
      if (packet.bodyLength !== 0) sum = pool.sum(textAt, text, sum)
      if (sum !== 0xffff) {
        counters.drop('udp.checksum')
        return
      }
    }
    const sourcePort = view.getUint16(at + UDP_SOURCE)
    const port = view.getUint16(at + UDP_DESTINATION)
    if (sourcePort === 0 || port === 0) {
      counters.drop('udp.port')
      return
    }
    const candidates = this.endpoints.get(port) ?? NOBODY
    if (packet.group) {
      this.deliverToAll(candidates, packet, textAt, text, sourcePort)
      return
    }
    let best: UdpEndpoint | null = null
    let bestScore = -1
    for (let i = 0; i < candidates.length; i++) {
      const endpoint = candidates[i]!
      const score = endpoint.score(packet, sourcePort)
      // Of sockets that share a port the one that came last has it, as on Linux.
      if (score >= 0 && score >= bestScore) {
        best = endpoint
        bestScore = score
      }
    }
    if (best === null) {
      counters.drop('udp.unreachable')
      this.onUnknownPort?.(packet)
    } else if (this.deliverTo(best, packet, textAt, text, sourcePort)) {
      counters.udpIn++
    } else {
      counters.drop('udp.full')
    }
  }

  private deliverTo(endpoint: UdpEndpoint, packet: Packet, at: number, length: number, sourcePort: number): boolean {
    const { network } = packet
    return endpoint.deliver(at, length, network.sourceOf(packet), network.destinationOf(packet), sourcePort)
  }

  /** A datagram to a group is for everybody who wants it. */
  private deliverToAll(
    candidates: readonly UdpEndpoint[],
    packet: Packet,
    textAt: number,
    text: number,
    sourcePort: number,
  ): void {
    const { counters } = this
    let delivered = 0
    let refused = 0
    for (const endpoint of candidates) {
      if (endpoint.score(packet, sourcePort) < 0) continue
      if (this.deliverTo(endpoint, packet, textAt, text, sourcePort)) delivered++
      else refused++
    }
    if (delivered > 0) {
      counters.udpIn++
      for (; refused > 0; refused--) counters.lose('udp.full')
    } else {
      counters.drop(refused > 0 ? 'udp.full' : 'udp.unwanted')
    }
  }

  /** RFC 1122 4.1.3.3: the connected endpoint hears of it, no other. */
  report(error: ErrorReport): void {
    const { view } = this.pool
    const port = view.getUint16(error.at + UDP_SOURCE)
    const remotePort = view.getUint16(error.at + UDP_DESTINATION)
    let isKnown = false
    for (const endpoint of this.endpoints.get(port) ?? NOBODY) {
      if (!endpoint.isConnection(error.local, error.remote, remotePort)) continue
      isKnown = true
      endpoint.report(error.code)
    }
    if (!isKnown) this.counters.drop('udp.report')
  }

  /** Sends a datagram. @returns false when memory is short. */
  send(
    network: Network,
    path: Path,
    source: IpAddress,
    sourcePort: number,
    destination: IpAddress,
    destinationPort: number,
    ttl: number,
    trafficClass: number,
    from: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    const { pool } = this
    const headLength = network.headroom + UDP_HEADER
    const fits = headLength + length <= SLOT
    const at = pool.take(fits ? headLength + length : headLength)
    if (at < 0) return false
    const body = fits ? 0 : pool.take(length)
    if (body < 0) {
      pool.release(at)
      return false
    }
    const udp = at + network.headroom
    const total = UDP_HEADER + length
    const { view, bytes } = pool
    const text = fits ? udp + UDP_HEADER : body
    bytes.set(offset === 0 && length === from.length ? from : from.subarray(offset, offset + length), text)
    view.setInt32(udp, (sourcePort << 16) | destinationPort)
    view.setInt32(udp + UDP_LENGTH, total << 16)
    let flags = 0
    if (path.offload.checksum && network.headerLength + total <= path.mtu) {
      flags = CHECKSUM_MISSING
    } else {
      let sum = network.pseudoSum(source, destination, PROTO_UDP) + total
      sum = fits ? pool.sum(udp, total, sum) : pool.sum(body, length, pool.sum(udp, UDP_HEADER, sum))
      view.setUint16(udp + UDP_CHECKSUM, ~sum & 0xffff || 0xffff)
    }
    this.counters.udpOut++
    const head = fits ? headLength + length : headLength
    const bodyLength = fits ? 0 : length
    network.send(path, source, destination, PROTO_UDP, ttl, trafficClass, at, head, body, bodyLength, flags, 0)
    return true
  }

  /** An endpoint that found no room wants to hear when there is some. */
  awaitRoom(endpoint: UdpEndpoint): void {
    this.waiting.add(endpoint)
  }

  /** Frames have left: those who waited may try again. */
  roomMade(): void {
    if (this.waiting.size === 0) return
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const endpoint of waiting) endpoint.writable()
  }
}
