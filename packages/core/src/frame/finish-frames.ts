/**
 * Finishing: what a frame still lacks is done before a taker that cannot do it itself. Super-segments are cut into TCP segments, and
 * missing TCP and UDP checksums are filled in.
 *
 * A frame is immutable from the moment it is sent, so nothing here writes to memory that somebody else may hold: headers are copied to
 * slots of their own unless the caller's reference is the only one, payload is shared by reference and never copied.
 *
 * @module
 */
import {
  CHECKSUM_MISSING,
  CHECKSUM_VERIFIED,
  type FrameBatch,
  type FramePool,
  type Offload,
  SEGMENT_ME,
} from '../contract/frame.ts'
import { frameLength, retainFrame } from './batch.ts'
import {
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_VLAN,
  IP4_CHECKSUM,
  IP4_HEADER,
  IP4_ID,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TOTAL_LENGTH,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  PROTO_TCP,
  PROTO_UDP,
  TCP_CHECKSUM,
  TCP_CWR,
  TCP_DATA_OFFSET,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_PSH,
  TCP_SEQUENCE,
  UDP_CHECKSUM,
  UDP_HEADER,
  VLAN_TAG,
} from './offsets.ts'

/** Takes finished frames, each with references of its own (one to `head`, one to `body` unless `bodyLength` is 0). */
export interface FrameEmitter {
  emit(
    head: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void
}

/** Segments smaller than this (the payload that any IPv4 network must carry, RFC 791 3.2) come only from broken senders. */
const SMALLEST_SEGMENT = 8

/**
 * Gives one frame of a batch to a taker in the form it accepts: as it is, summed, or cut and summed.
 * The references of the batch stay the caller's.
 * @param mtu largest IP packet the taker carries: no segment is cut larger.
 * @returns frames dropped: those the pool had no memory for, or 1 when the flags do not fit the headers.
 */
export function finishFrames(
  from: FrameBatch,
  index: number,
  type: 'ethernet' | 'ip',
  accepts: Offload,
  mtu: number,
  into: FrameEmitter,
): number {
  const flags = from.flags[index] as number
  const missing = (flags & CHECKSUM_MISSING) !== 0 && !accepts.checksum
  if ((flags & SEGMENT_ME) === 0 && !missing) return pass(from, index, flags, into)

  const { pool } = from
  const head = from.head[index] as number
  const network = networkAt(pool, head, type)
  const headers = headersLength(from, index, network)
  if (headers < 0) return 1
  if ((flags & SEGMENT_ME) !== 0) {
    const segmentSize = Math.min(from.segmentSize[index] as number, mtu - (headers - network))
    if (segmentSize < SMALLEST_SEGMENT) return 1
    const payload = frameLength(from, index) - headers
    const unit = accepts.segment
      ? Math.max(segmentSize, accepts.maxSegment - (accepts.maxSegment % segmentSize))
      : segmentSize
    if (payload > unit) return cut(from, index, network, headers, segmentSize, unit, accepts, into)
    if (!missing) return pass(from, index, payload > segmentSize ? flags : flags & ~SEGMENT_ME, into)
    return fillIn(from, index, network, payload > segmentSize ? SEGMENT_ME : 0, into)
  }
  return fillIn(from, index, network, 0, into)
}

/** The frame as it is. */
function pass(from: FrameBatch, index: number, flags: number, into: FrameEmitter): number {
  retainFrame(from, index)
  into.emit(
    from.head[index] as number,
    from.headLength[index] as number,
    from.body[index] as number,
    from.bodyLength[index] as number,
    flags,
    from.segmentSize[index] as number,
    from.transportAt[index] as number,
  )
  return 0
}

/** The same frame with its checksum; in place when nobody else holds the header, else with a copy of it. */
function fillIn(from: FrameBatch, index: number, network: number, flags: number, into: FrameEmitter): number {
  const { pool } = from
  const headLength = from.headLength[index] as number
  const body = from.body[index] as number
  const bodyLength = from.bodyLength[index] as number
  const transport = from.transportAt[index] as number
  let head = from.head[index] as number
  if (pool.refs(head) === 1) {
    pool.retain(head)
  } else {
    head = copyOf(pool, head, headLength)
    if (head === -1) return 1
  }
  fillChecksum(pool, head, headLength, body, bodyLength, network, transport)
  if (bodyLength !== 0) pool.retain(body)
  into.emit(head, headLength, body, bodyLength, flags | CHECKSUM_VERIFIED, from.segmentSize[index] as number, transport)
  return 0
}

/** Segments of `unit` payload octets, each with a header of its own and its part of the payload by reference. */
function cut(
  from: FrameBatch,
  index: number,
  network: number,
  headers: number,
  segmentSize: number,
  unit: number,
  accepts: Offload,
  into: FrameEmitter,
): number {
  const { pool } = from
  const template = from.head[index] as number
  const transport = from.transportAt[index] as number
  const payload = frameLength(from, index) - headers
  let dropped = 0
  for (let offset = 0, piece = 0; offset < payload; offset += unit, piece++) {
    const length = Math.min(unit, payload - offset)
    const body = payloadPiece(from, index, headers, offset, length)
    const head = body === -1 ? -1 : copyOf(pool, template, headers)
    if (head === -1) {
      if (body !== -1) pool.release(body)
      dropped++
      continue
    }
    patch(pool, head, network, transport, headers, offset, length, piece, offset + length === payload)
    let flags = length > segmentSize ? SEGMENT_ME : 0
    if (accepts.checksum) {
      flags |= CHECKSUM_MISSING
    } else {
      fillChecksum(pool, head, headers, body, length, network, transport)
      flags |= CHECKSUM_VERIFIED
    }
    into.emit(head, headers, body, length, flags, segmentSize, transport)
  }
  return dropped
}

/** A piece of the payload with a reference of its own; a copy only when it lies across the two pieces of the frame. -1: no memory. */
function payloadPiece(from: FrameBatch, index: number, headers: number, offset: number, length: number): number {
  const { pool } = from
  const inHead = (from.headLength[index] as number) - headers
  const head = (from.head[index] as number) + headers
  const body = from.body[index] as number
  if (offset < inHead && offset + length > inHead) {
    const copy = pool.take(length)
    if (copy === -1) return -1
    pool.bytes.copyWithin(copy, head + offset, head + inHead)
    pool.bytes.copyWithin(copy + inHead - offset, body, body + offset + length - inHead)
    return copy
  }
  const at = offset < inHead ? head + offset : body + offset - inHead
  pool.retain(at)
  return at
}

function copyOf(pool: FramePool, at: number, length: number): number {
  const copy = pool.take(length)
  if (copy !== -1) pool.bytes.copyWithin(copy, at, at + length)
  return copy
}

/** Makes the header of a super-segment that of one of its segments. */
function patch(
  pool: FramePool,
  head: number,
  network: number,
  transport: number,
  headers: number,
  offset: number,
  length: number,
  piece: number,
  last: boolean,
): void {
  const { bytes, view } = pool
  const ip = head + network
  const tcp = head + transport
  const packet = headers - network + length
  if ((bytes[ip] as number) >>> 4 === 4) {
    view.setUint16(ip + IP4_TOTAL_LENGTH, packet)
    view.setUint16(ip + IP4_ID, view.getUint16(ip + IP4_ID) + piece)
    view.setUint16(ip + IP4_CHECKSUM, 0)
    view.setUint16(ip + IP4_CHECKSUM, ~pool.sum(ip, ((bytes[ip] as number) & 15) * 4))
  } else {
    view.setUint16(ip + IP6_PAYLOAD_LENGTH, packet - IP6_HEADER)
  }
  view.setInt32(tcp + TCP_SEQUENCE, view.getInt32(tcp + TCP_SEQUENCE) + offset)
  let flags = bytes[tcp + TCP_FLAGS] as number
  // PSH and FIN speak of the end of the octets; CWR is said once (RFC 3168 6.1.2).
  if (!last) flags &= ~(TCP_PSH | TCP_FIN)
  if (piece > 0) flags &= ~TCP_CWR
  bytes[tcp + TCP_FLAGS] = flags
}

/** Computes and writes the TCP or UDP checksum of a frame whose headers {@link headersLength} has checked. */
function fillChecksum(
  pool: FramePool,
  head: number,
  headLength: number,
  body: number,
  bodyLength: number,
  network: number,
  transport: number,
): void {
  const { bytes, view } = pool
  const ip = head + network
  const version4 = (bytes[ip] as number) >>> 4 === 4
  const protocol = transportProtocol(bytes, ip, head + transport)
  const field = head + transport + (protocol === PROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM)
  // Not counted: octets after the packet, which pad a short Ethernet frame.
  const packet = version4 ? view.getUint16(ip + IP4_TOTAL_LENGTH) : IP6_HEADER + view.getUint16(ip + IP6_PAYLOAD_LENGTH)
  const length = Math.min(packet - (transport - network), headLength - transport + bodyLength)
  const inHead = Math.min(length, headLength - transport)
  view.setUint16(field, 0)
  let sum = version4
    ? pool.sum(ip + IP4_SOURCE, 8, protocol + length)
    : pool.sum(ip + IP6_SOURCE, 32, protocol + length)
  sum = pool.sum(head + transport, inHead, sum)
  const inBody = length - inHead
  if (inBody > 0) sum = (inHead & 1) === 0 ? pool.sum(body, inBody, sum) : addSwapped(sum, pool.sum(body, inBody))
  const checksum = ~sum & 0xffff
  // RFC 768: a computed zero is sent as all ones, for zero means that there is no checksum.
  view.setUint16(field, checksum === 0 && protocol === PROTO_UDP ? 0xffff : checksum)
}

/** Adds the sum of octets that begin at an odd place (RFC 1071 2(B)). */
function addSwapped(sum: number, odd: number): number {
  const total = sum + (((odd & 0xff) << 8) | (odd >>> 8))
  return (total & 0xffff) + (total >>> 16)
}

/** Where the IP header begins. */
function networkAt(pool: FramePool, head: number, type: 'ethernet' | 'ip'): number {
  if (type === 'ip') return 0
  return pool.view.getUint16(head + ETH_TYPE) === ETHERTYPE_VLAN ? ETHERNET_HEADER + VLAN_TAG : ETHERNET_HEADER
}

/**
 * Octets up to the payload of the TCP segment or UDP datagram that the flags speak of; -1 when there is none at that place, as a frame
 * from another process may claim.
 */
function headersLength(from: FrameBatch, index: number, network: number): number {
  const { bytes, view } = from.pool
  const head = from.head[index] as number
  const headLength = from.headLength[index] as number
  const transport = from.transportAt[index] as number
  if (transport < network + IP4_HEADER || transport + UDP_HEADER > headLength) return -1
  const ip = head + network
  const version = (bytes[ip] as number) >>> 4
  if (version === 4 ? network + ((bytes[ip] as number) & 15) * 4 !== transport : version !== 6) return -1
  const packet =
    version === 4 ? view.getUint16(ip + IP4_TOTAL_LENGTH) : IP6_HEADER + view.getUint16(ip + IP6_PAYLOAD_LENGTH)
  const protocol = transportProtocol(bytes, ip, head + transport)
  let length = UDP_HEADER
  if (protocol === PROTO_TCP) {
    if (transport + TCP_HEADER > headLength) return -1
    length = ((bytes[head + transport + TCP_DATA_OFFSET] as number) >>> 4) * 4
    if (length < TCP_HEADER) return -1
  } else if (protocol !== PROTO_UDP || ((from.flags[index] as number) & SEGMENT_ME) !== 0) {
    return -1
  }
  const headers = transport + length
  return headers <= headLength && headers - network <= packet ? headers : -1
}

/** The protocol of what begins at `transport`: behind the extension headers, in IPv6. -1 when the chain does not lead there. */
function transportProtocol(bytes: Uint8Array, ip: number, transport: number): number {
  if ((bytes[ip] as number) >>> 4 === 4) return bytes[ip + IP4_PROTOCOL] as number
  let protocol = bytes[ip + IP6_NEXT_HEADER] as number
  let at = ip + IP6_HEADER
  while (at < transport) {
    protocol = bytes[at] as number
    at += ((bytes[at + 1] as number) + 1) * 8
  }
  return at === transport ? protocol : -1
}
