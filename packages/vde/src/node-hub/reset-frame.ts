/**
 * A RST in a member's name, for connections whose process is gone (RFC 9293 3.10.7.1: what belongs to nobody is answered with a RST; here
 * the other side need not ask first).
 *
 * @module
 */
import {
  createBatch,
  ETHERNET_HEADER,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  type FrameBatch,
  type FramePool,
  IP4_CHECKSUM,
  IP4_DESTINATION,
  IP4_DONT_FRAGMENT,
  IP4_FRAGMENT,
  IP4_HEADER,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TOTAL_LENGTH,
  IP4_TTL,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_HOP_LIMIT,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  PROTO_TCP,
  pushFrame,
  releaseAll,
  TCP_ACK,
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_RST,
  TCP_SEQUENCE,
} from '@ioth/core'
import type { HubConnection } from './connection-table.ts'

const HOP_LIMIT = 64

/** Makes the frame, shows it in a batch of one, and forgets it. Without memory there is none. */
export function withReset(
  pool: FramePool,
  macHigh: number,
  macLow: number,
  connection: HubConnection<unknown>,
  show: (batch: FrameBatch) => void,
): void {
  const { isV4 } = connection
  const ipHeader = isV4 ? IP4_HEADER : IP6_HEADER
  const length = ETHERNET_HEADER + ipHeader + TCP_HEADER
  const at = pool.take(length)
  if (at < 0) return
  pool.bytes.fill(0, at, at + length)
  const { view } = pool
  view.setUint16(at, connection.macHigh)
  view.setInt32(at + 2, connection.macLow)
  view.setUint16(at + 6, macHigh)
  view.setInt32(at + 8, macLow)
  view.setUint16(at + 12, isV4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6)
  const ip = at + ETHERNET_HEADER
  const tcp = ip + ipHeader
  view.setInt32(tcp, (connection.localPort << 16) | connection.remotePort)
  view.setInt32(tcp + TCP_SEQUENCE, connection.sndNxt)
  view.setInt32(tcp + TCP_ACKNOWLEDGMENT, connection.rcvNxt)
  view.setUint8(tcp + TCP_DATA_OFFSET, (TCP_HEADER / 4) << 4)
  view.setUint8(tcp + TCP_FLAGS, TCP_RST | TCP_ACK)
  const addresses = isV4 ? writeIp4(view, ip, connection) : writeIp6(view, ip, connection)
  if (isV4) view.setUint16(ip + IP4_CHECKSUM, ~pool.sum(ip, IP4_HEADER) & 0xffff)
  // The pseudo-header: both addresses, the protocol, the length.
  const sum = pool.sum(ip + addresses, isV4 ? 8 : 32, PROTO_TCP + TCP_HEADER)
  view.setUint16(tcp + TCP_CHECKSUM, ~pool.sum(tcp, TCP_HEADER, sum) & 0xffff)
  const batch = createBatch(pool, 1)
  pushFrame(batch, at, length)
  try {
    show(batch)
  } finally {
    releaseAll(batch)
  }
}

/** @returns where the addresses stand. */
function writeIp4(view: DataView, at: number, { local3, remote3 }: HubConnection<unknown>): number {
  view.setUint8(at, 0x45)
  view.setUint16(at + IP4_TOTAL_LENGTH, IP4_HEADER + TCP_HEADER)
  view.setUint16(at + IP4_FRAGMENT, IP4_DONT_FRAGMENT)
  view.setUint8(at + IP4_TTL, HOP_LIMIT)
  view.setUint8(at + IP4_PROTOCOL, PROTO_TCP)
  view.setInt32(at + IP4_SOURCE, local3)
  view.setInt32(at + IP4_DESTINATION, remote3)
  return IP4_SOURCE
}

function writeIp6(view: DataView, at: number, connection: HubConnection<unknown>): number {
  view.setUint8(at, 0x60)
  view.setUint16(at + IP6_PAYLOAD_LENGTH, TCP_HEADER)
  view.setUint8(at + IP6_NEXT_HEADER, PROTO_TCP)
  view.setUint8(at + IP6_HOP_LIMIT, HOP_LIMIT)
  const { local0, local1, local2, local3, remote0, remote1, remote2, remote3 } = connection
  const words = [local0, local1, local2, local3]
  for (const [index, word] of words.entries()) view.setInt32(at + IP6_SOURCE + index * 4, word)
  for (const [index, word] of [remote0, remote1, remote2, remote3].entries()) {
    view.setInt32(at + IP6_DESTINATION + index * 4, word)
  }
  return IP6_SOURCE
}
