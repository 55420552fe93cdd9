/**
 * A frame as the hub of a node looks at it: whose it is, by its hardware addresses, ports, or the packet that an error message quotes.
 * One object, filled again for each frame. What is malformed has no ports: it is the front stack's to drop and count.
 *
 * @module
 */
import {
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_SENDER_IP,
  ARP_TARGET_IP,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  type FrameBatch,
  frameLength,
  IP4_DESTINATION,
  IP4_FRAGMENT,
  IP4_FRAGMENT_OFFSET,
  IP4_HEADER,
  IP4_ID,
  IP4_MORE_FRAGMENTS,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  IP6_SOURCE,
  PROTO_DESTINATION_OPTIONS,
  PROTO_FRAGMENT,
  PROTO_HOP_BY_HOP,
  PROTO_ICMP,
  PROTO_ICMP6,
  PROTO_ROUTING,
  PROTO_TCP,
  PROTO_UDP,
  TCP_ACKNOWLEDGMENT,
  TCP_DATA_OFFSET,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_SEQUENCE,
} from '@ioth/core'
import { Tuple } from './tuple.ts'

/** Extension headers looked through: a longer chain is nobody's. */
const MOST_EXTENSIONS = 8
/** What an ICMP message says before it quotes a packet. */
const ICMP_QUOTE = 8

/** Whose a packet is to be found by. */
export type FrameKind =
  | 'arp'
  | 'tcp'
  | 'udp'
  | 'error'
  | 'echo-reply'
  | 'icmp'
  | 'later-fragment'
  | 'other'
  | 'malformed'

export class FrameView {
  kind: FrameKind = 'malformed'
  destinationHigh = 0
  destinationLow = 0
  sourceHigh = 0
  sourceLow = 0
  /** To a group of stations, by the hardware address. */
  isGroup = false
  /** Of ARP. */
  isRequest = false
  /** Of ARP: the sender speaks of itself. */
  isAnnouncement = false
  isV4 = false
  /** The packet's ports and addresses: `remote` is its source. Of an error, what it quotes, the other way round. */
  readonly tuple: Tuple = new Tuple()
  /** The transport of {@link tuple}: 6, 17, or another protocol's number. */
  protocol = 0
  icmpType = 0
  tcpFlags = 0
  sequence = 0
  acknowledgment = 0
  /** Octets of sequence space. */
  sequenceLength = 0
  /** A first fragment; its others follow it. */
  isFirstFragment = false
  /** What the fragments of one packet have in common. */
  fragmentId = 0

  read(batch: FrameBatch, index: number): void {
    const at = batch.head[index] as number
    const length = batch.headLength[index] as number
    const { view } = batch.pool
    this.kind = 'malformed'
    this.isFirstFragment = false
    if (length < ETHERNET_HEADER) {
      this.isGroup = false
      return
    }
    this.destinationHigh = view.getUint16(at)
    this.destinationLow = view.getInt32(at + 2)
    this.sourceHigh = view.getUint16(at + ETH_SOURCE)
    this.sourceLow = view.getInt32(at + ETH_SOURCE + 2)
    this.isGroup = (this.destinationHigh & 0x100) !== 0
    const type = view.getUint16(at + ETH_TYPE)
    const packet = at + ETHERNET_HEADER
    const octets = length - ETHERNET_HEADER
    this.isV4 = type === ETHERTYPE_IP4
    if (type === ETHERTYPE_ARP) this.readArp(view, packet, octets)
    else if (type === ETHERTYPE_IP4) {
      this.readIp4(view, packet, octets, frameLength(batch, index) - ETHERNET_HEADER, false)
    } else if (type === ETHERTYPE_IP6) {
      this.readIp6(view, packet, octets, frameLength(batch, index) - ETHERNET_HEADER, false)
    } else this.kind = 'other'
  }

  private readArp(view: DataView, at: number, length: number): void {
    if (length < ARP_LENGTH) return
    this.kind = 'arp'
    this.isRequest = view.getUint16(at + ARP_OPERATION) === 1
    this.isAnnouncement = view.getInt32(at + ARP_SENDER_IP) === view.getInt32(at + ARP_TARGET_IP)
    this.tuple.setRemote4(view.getInt32(at + ARP_SENDER_IP))
    this.tuple.setLocal4(view.getInt32(at + ARP_TARGET_IP))
  }

  /** @param length octets at hand. @param total octets of the packet. @param quoted whether an error message quotes it. */
  private readIp4(view: DataView, at: number, length: number, total: number, quoted: boolean): void {
    if (length < IP4_HEADER || view.getUint8(at) >>> 4 !== 4) return
    const headerLength = (view.getUint8(at) & 15) * 4
    if (headerLength < IP4_HEADER || headerLength > length) return
    this.tuple.setRemote4(view.getInt32(at + (quoted ? IP4_DESTINATION : IP4_SOURCE)))
    this.tuple.setLocal4(view.getInt32(at + (quoted ? IP4_SOURCE : IP4_DESTINATION)))
    this.protocol = view.getUint8(at + IP4_PROTOCOL)
    const fragment = view.getUint16(at + IP4_FRAGMENT)
    if ((fragment & (IP4_FRAGMENT_OFFSET | IP4_MORE_FRAGMENTS)) !== 0 && !quoted) {
      this.fragmentId = (view.getUint16(at + IP4_ID) << 8) | this.protocol
      if ((fragment & IP4_FRAGMENT_OFFSET) !== 0) {
        this.kind = 'later-fragment'
        return
      }
      this.isFirstFragment = true
    }
    this.readTransport(view, at + headerLength, length - headerLength, total - headerLength, quoted)
  }

  private readIp6(view: DataView, at: number, length: number, total: number, quoted: boolean): void {
    if (length < IP6_HEADER || view.getUint8(at) >>> 4 !== 6) return
    this.tuple.setRemote6(view, at + (quoted ? IP6_DESTINATION : IP6_SOURCE))
    this.tuple.setLocal6(view, at + (quoted ? IP6_SOURCE : IP6_DESTINATION))
    let next = view.getUint8(at + IP6_NEXT_HEADER)
    let offset = IP6_HEADER
    for (let count = 0; isExtension(next); count++) {
      if (count === MOST_EXTENSIONS || offset + 8 > length) return
      const header = at + offset
      if (next === PROTO_FRAGMENT && !quoted) {
        this.fragmentId = view.getInt32(header + 4)
        if ((view.getUint16(header + 2) & 0xfff8) !== 0) {
          this.kind = 'later-fragment'
          return
        }
        this.isFirstFragment = true
      }
      offset += next === PROTO_FRAGMENT ? 8 : (view.getUint8(header + 1) + 1) * 8
      next = view.getUint8(header)
    }
    this.protocol = next
    this.readTransport(view, at + offset, length - offset, total - offset, quoted)
  }

  private readTransport(view: DataView, at: number, length: number, total: number, quoted: boolean): void {
    const { protocol } = this
    if (protocol === PROTO_TCP || protocol === PROTO_UDP) {
      // RFC 792: what is quoted may end after eight octets.
      if (length < 8) return
      const source = view.getUint16(at)
      const destination = view.getUint16(at + 2)
      this.tuple.remotePort = quoted ? destination : source
      this.tuple.localPort = quoted ? source : destination
      if (quoted) this.kind = 'error'
      else if (protocol === PROTO_UDP) this.kind = 'udp'
      else if (length >= TCP_HEADER) this.readTcp(view, at, total)
    } else if (quoted) {
      this.kind = 'other'
    } else if (protocol === PROTO_ICMP || protocol === PROTO_ICMP6) {
      if (length < ICMP_QUOTE) return
      this.readIcmp(view, at, length)
    } else {
      this.kind = 'other'
    }
  }

  private readTcp(view: DataView, at: number, total: number): void {
    this.kind = 'tcp'
    this.tcpFlags = view.getUint8(at + TCP_FLAGS)
    this.sequence = view.getInt32(at + TCP_SEQUENCE)
    this.acknowledgment = view.getInt32(at + TCP_ACKNOWLEDGMENT)
    const text = Math.max(0, total - (view.getUint8(at + TCP_DATA_OFFSET) >>> 4) * 4)
    this.sequenceLength = text + (this.tcpFlags & 1) + ((this.tcpFlags >>> 1) & 1)
  }

  private readIcmp(view: DataView, at: number, length: number): void {
    const type = view.getUint8(at)
    this.icmpType = type
    if (isError(this.protocol, type)) {
      this.kind = 'other'
      const quote = at + ICMP_QUOTE
      const octets = length - ICMP_QUOTE
      if (this.isV4) this.readIp4(view, quote, octets, octets, true)
      else this.readIp6(view, quote, octets, octets, true)
    } else {
      this.kind = type === (this.protocol === PROTO_ICMP ? 0 : 129) ? 'echo-reply' : 'icmp'
    }
  }
}

function isExtension(header: number): boolean {
  return (
    header === PROTO_HOP_BY_HOP ||
    header === PROTO_ROUTING ||
    header === PROTO_FRAGMENT ||
    header === PROTO_DESTINATION_OPTIONS
  )
}

/** RFC 792: destination unreachable, time exceeded, parameter problem. RFC 4443 2.1: below 128. */
function isError(protocol: number, type: number): boolean {
  if (protocol === PROTO_ICMP) return type === 3 || type === 11 || type === 12
  return type < 128
}
