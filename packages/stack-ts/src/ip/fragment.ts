/**
 * Cutting an IPv4 packet that is larger than the path carries (RFC 791 3.2). The pieces share the payload's memory.
 *
 * @module
 */
import { type FramePool, IP4_HEADER, IP4_MORE_FRAGMENTS } from '@ioth/core'
import type { Counters } from '../counters.ts'
import { LINK_HEADROOM, type Path } from '../link/path.ts'
import { writeIpv4 } from '../wire/ipv4.ts'

const HEAD = LINK_HEADROOM + IP4_HEADER

/** Sends a packet in fragments; its references end here. Its payload begins behind the IP header, in the head piece or in the body. */
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
  const first = headLength - HEAD
  const total = first + bodyLength
  const largest = (path.mtu - IP4_HEADER) & ~7
  let joined = at + HEAD
  let owner = at
  if (bodyLength !== 0) {
    // The transport header and the payload lie apart: fragments need them in one piece.
    owner = pool.take(total)
    if (owner >= 0) {
      pool.bytes.copyWithin(owner, at + HEAD, at + headLength)
      pool.bytes.copyWithin(owner + first, body, body + bodyLength)
      joined = owner
    }
    pool.release(at)
    pool.release(body)
    if (owner < 0) {
      counters.lose('ip4.pool')
      return
    }
  }
  for (let offset = 0; offset < total; offset += largest) {
    const length = Math.min(largest, total - offset)
    const head = pool.take(HEAD)
    if (head < 0) {
      counters.lose('ip4.pool')
      break
    }
    const more = offset + length < total ? IP4_MORE_FRAGMENTS : 0
    const { view } = pool
    writeIpv4(
      view,
      head + LINK_HEADROOM,
      IP4_HEADER + length,
      id,
      more | (offset >>> 3),
      ttl,
      trafficClass,
      protocol,
      source,
      destination,
    )
    pool.retain(owner)
    counters.fragmentsOut++
    path.transmit(head, HEAD, joined + offset, length, 0, 0, HEAD)
  }
  pool.release(owner)
}
