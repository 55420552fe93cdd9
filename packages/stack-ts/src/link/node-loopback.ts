/**
 * Loopback between the processes of one node. Each has a stack of its own, and all have the same addresses: a looped packet whose port
 * nobody in this stack holds may be another's. It leaves as a frame to the own hardware address, where the link carries such frames
 * ({@link Link.carriesLoopback}), and who gets it takes it as looped.
 *
 * @module
 */
import {
  CHECKSUM_MISSING,
  CHECKSUM_VERIFIED,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  type FramePool,
  IP4_DESTINATION,
  IP4_HEADER,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  IP6_SOURCE,
  IpAddress,
  PROTO_ICMP,
  PROTO_ICMP6,
  PROTO_TCP,
  PROTO_UDP,
} from '@ioth/core'
import type { Network } from '../ip/network.ts'
import type { Packet } from '../ip/packet.ts'
import type { Tcp } from '../tcp/tcp.ts'
import type { Udp } from '../udp/udp.ts'
import { LINK_HEADROOM } from './path.ts'
import type { Port } from './port.ts'

/** Ports of a transport header, or the start of the packet that an error message quotes. */
const LEAST_TRANSPORT = 8

export interface NodeLoopbackHost {
  readonly pool: FramePool
  readonly tcp: Tcp
  readonly udp: Udp
  readonly ip: Network
  readonly ip6: Network
  readonly interfaces: readonly { readonly port: Port }[]
}

export class NodeLoopback {
  private readonly host: NodeLoopbackHost

  constructor(host: NodeLoopbackHost) {
    this.host = host
  }

  /**
   * Sends a looped packet on if it is for another process of the node. Its references pass on with it.
   * @param at where the headroom before its IP header begins.
   * @returns false when it is for this stack, or nobody else is there.
   */
  passOn(
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): boolean {
    const port = this.wayOut()
    const packet = at + LINK_HEADROOM
    const length = headLength - LINK_HEADROOM
    if (port === null || this.isOurs(packet, length, false)) return false
    const type = this.host.pool.view.getUint8(packet) >>> 4 === 4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6
    const { high, low } = port.mac
    const transport = (flags & CHECKSUM_MISSING) === 0 ? 0 : transportAt
    port.send(high, low, type, at, headLength, body, bodyLength, flags, segmentSize, transport)
    return true
  }

  /** A packet that came here and is for another process of the node after all: it goes back to where the node's packets are told apart. */
  sendBack({ headerAt, at, length, body, bodyLength, network }: Packet): void {
    const port = this.wayOut()
    if (port === null) return
    const { pool } = this.host
    const head = at - headerAt + length
    const frame = pool.take(LINK_HEADROOM + head + bodyLength)
    if (frame < 0) return
    pool.bytes.copyWithin(frame + LINK_HEADROOM, headerAt, headerAt + head)
    if (bodyLength > 0) pool.bytes.copyWithin(frame + LINK_HEADROOM + head, body, body + bodyLength)
    const { high, low } = port.mac
    const type = network.family === 4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6
    port.send(high, low, type, frame, LINK_HEADROOM + head + bodyLength, 0, 0, CHECKSUM_VERIFIED, 0, 0)
  }

  private wayOut(): Port | null {
    for (const { port } of this.host.interfaces) if (port.link.carriesLoopback === true) return port
    return null
  }

  /** @param quoted whether it is a packet of ours that an error message quotes, so that its source is the local side. */
  private isOurs(at: number, length: number, quoted: boolean): boolean {
    const { pool, ip, ip6, tcp, udp } = this.host
    const { view } = pool
    const isV4 = view.getUint8(at) >>> 4 === 4
    const headerLength = isV4 ? (view.getUint8(at) & 15) * 4 : IP6_HEADER
    if (length < headerLength + LEAST_TRANSPORT || headerLength < IP4_HEADER) return true
    const protocol = view.getUint8(at + (isV4 ? IP4_PROTOCOL : IP6_NEXT_HEADER))
    const transport = at + headerLength
    if (protocol === PROTO_TCP || protocol === PROTO_UDP) {
      const source = view.getUint16(transport)
      const destination = view.getUint16(transport + 2)
      const localPort = quoted ? source : destination
      if (protocol === PROTO_UDP) return udp.isHeld(localPort)
      const sourceAddress = this.addressAt(isV4, at + (isV4 ? IP4_SOURCE : IP6_SOURCE))
      const destinationAddress = this.addressAt(isV4, at + (isV4 ? IP4_DESTINATION : IP6_DESTINATION))
      const network = isV4 ? ip : ip6
      return quoted
        ? tcp.isHeld(network, sourceAddress, source, destinationAddress, destination)
        : tcp.isHeld(network, destinationAddress, destination, sourceAddress, source)
    }
    if (quoted || !isError(protocol, view.getUint8(transport))) return true
    return this.isOurs(transport + LEAST_TRANSPORT, length - headerLength - LEAST_TRANSPORT, true)
  }

  private addressAt(isV4: boolean, at: number): IpAddress {
    const { view } = this.host.pool
    if (isV4) return IpAddress.v4(view.getInt32(at))
    return new IpAddress(6, view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12))
  }
}

/** RFC 792: destination unreachable, time exceeded, parameter problem. RFC 4443 2.1: below 128. */
function isError(protocol: number, type: number): boolean {
  if (protocol === PROTO_ICMP) return type === 3 || type === 11 || type === 12
  return protocol === PROTO_ICMP6 && type < 128
}
