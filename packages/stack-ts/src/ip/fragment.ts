/**
 * Cutting a packet that is larger than the path carries, in both families (RFC 791 3.2, RFC 8200 4.5). The pieces share the payload's
 * memory.
 *
 * @module
 */
import { type FramePool, IP4_HEADER, IP4_MORE_FRAGMENTS, IP6_HEADER, type IpAddress, PROTO_FRAGMENT } from '@ioth/core'
import type { Counters } from '../counters.ts'
import { LINK_HEADROOM, type Path } from '../link/path.ts'
import { writeIpv4 } from '../wire/ipv4.ts'
import { writeIpv6 } from '../wire/ipv6.ts'

const FRAGMENT_HEADER = 8

/** Writes the headers of one fragment, which carries `length` octets of the payload from `offset` on. */
type HeaderWriter = (view: DataView, at: number, offset: number, length: number, more: boolean) => void

/** Sends an IPv4 packet in fragments; its references end here. Its payload begins behind the IP header, in the head piece or in the body. */
export function sendFragments(
  pool: FramePool,
  counters: Counters,
  path: Path,
  id: number,
  ttl: number,
  trafficClass: number,
  protocol: number,
  source: number,
  destination: number,
  at: number,
  headLength: number,
  body: number,
  bodyLength: number,
): void {
  const write: HeaderWriter = (view, header, offset, length, more) => {
    const fragment = (more ? IP4_MORE_FRAGMENTS : 0) | (offset >>> 3)
    const total = IP4_HEADER + length
    writeIpv4(view, header, total, id, fragment, ttl, trafficClass, protocol, source, destination)
  }
  const payloadAt = LINK_HEADROOM + IP4_HEADER
  cut(pool, counters, path, path.mtu, IP4_HEADER, write, at, payloadAt, headLength, body, bodyLength)
}

/** As {@link sendFragments}, of IPv6. @param mtu of the whole way to the destination. */
export function sendFragments6(
  pool: FramePool,
  counters: Counters,
  path: Path,
  mtu: number,
  id: number,
  hopLimit: number,
  trafficClass: number,
  protocol: number,
  source: IpAddress,
  destination: IpAddress,
  at: number,
  headLength: number,
  body: number,
  bodyLength: number,
): void {
  const write: HeaderWriter = (view, header, offset, length, more) => {
    const payload = FRAGMENT_HEADER + length
    writeIpv6(view, header, payload, PROTO_FRAGMENT, hopLimit, trafficClass, source, destination)
    view.setInt32(header + IP6_HEADER, (protocol << 24) | offset | (more ? 1 : 0))
    view.setInt32(header + IP6_HEADER + 4, id)
  }
  const payloadAt = LINK_HEADROOM + IP6_HEADER
  const headers = IP6_HEADER + FRAGMENT_HEADER
  cut(pool, counters, path, mtu, headers, write, at, payloadAt, headLength, body, bodyLength)
}

/** @param headers octets of IP headers in each fragment. @param payloadAt where in the head piece the payload begins. */
function cut(
  pool: FramePool,
  counters: Counters,
  path: Path,
  mtu: number,
  headers: number,
  write: HeaderWriter,
  at: number,
  payloadAt: number,
  headLength: number,
  body: number,
  bodyLength: number,
): void {
  const first = headLength - payloadAt
  const total = first + bodyLength
  const largest = (mtu - headers) & ~7
  let joined = at + payloadAt
  let owner = at
  if (bodyLength !== 0) {
    // The transport header and the payload lie apart: fragments need them in one piece.
    owner = pool.take(total)
    if (owner >= 0) {
      pool.bytes.copyWithin(owner, at + payloadAt, at + headLength)
      pool.bytes.copyWithin(owner + first, body, body + bodyLength)
      joined = owner
    }
    pool.release(at)
    pool.release(body)
    if (owner < 0) {
      counters.lose('fragment.pool')
      return
    }
  }
  const head = LINK_HEADROOM + headers
  for (let offset = 0; offset < total; offset += largest) {
    const length = Math.min(largest, total - offset)
    const piece = pool.take(head)
    if (piece < 0) {
      counters.lose('fragment.pool')
      break
    }
    write(pool.view, piece + LINK_HEADROOM, offset, length, offset + length < total)
    pool.retain(owner)
    counters.fragmentsOut++
    path.transmit(piece, head, joined + offset, length, 0, 0, head)
  }
  pool.release(owner)
}
