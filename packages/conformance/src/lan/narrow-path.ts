/**
 * A path whose MTU is smaller than the link's: what is too long is lost, and a router on the way says so (RFC 1191, RFC 8201).
 *
 * @module
 */
import { craftEthernet, craftIcmp, craftIpv6, sumOverIpv6 } from '../craft/craft.ts'

const ROUTER_MAC = [2, 0, 0, 0, 0, 0xfe]
const ROUTER_V4 = [10, 0, 0, 254]
const ROUTER_V6 = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe]
const ETHERNET_HEADER = 14
const DONT_FRAGMENT = 0x40
const PACKET_TOO_BIG = 2
/** RFC 8201 4: a quote makes the message no longer than this. */
const MINIMUM_MTU_V6 = 1280

export class NarrowPath {
  /** Largest IP packet that passes. */
  mtu = 65535
  private readonly tell: (frame: Uint8Array) => void

  /** @param tell sends what the router has to say. */
  constructor(tell: (frame: Uint8Array) => void) {
    this.tell = tell
  }

  /** Whether a frame passes. What may be fragmented on the way is taken to be. */
  passes(frame: Uint8Array): boolean {
    const isV4 = frame[12] === 8 && frame[13] === 0
    const isV6 = frame[12] === 0x86 && frame[13] === 0xdd
    if (frame.length - ETHERNET_HEADER <= this.mtu || !(isV4 || isV6)) return true
    const packet = frame.slice(ETHERNET_HEADER)
    if (isV4 && ((packet[6] as number) & DONT_FRAGMENT) === 0) return true
    const answer = isV4 ? this.fragmentationNeeded(packet) : this.packetTooBig(packet)
    const destination = Array.from(frame.subarray(6, 12))
    this.tell(craftEthernet({ source: ROUTER_MAC, destination, type: isV4 ? 0x800 : 0x86dd }, answer))
    return false
  }

  private fragmentationNeeded(packet: Uint8Array): Uint8Array {
    const ends = { source: ROUTER_V4, destination: Array.from(packet.subarray(12, 16)) }
    const headerLength = ((packet[0] as number) & 15) * 4
    const rest = [0, 0, this.mtu >> 8, this.mtu & 255]
    return craftIcmp(ends, { type: 3, code: 4, rest }, packet.subarray(0, headerLength + 8))
  }

  private packetTooBig(packet: Uint8Array): Uint8Array {
    const ends = { source: ROUTER_V6, destination: Array.from(packet.subarray(8, 24)) }
    const quote = packet.subarray(0, MINIMUM_MTU_V6 - 48)
    const message = Uint8Array.from([PACKET_TOO_BIG, 0, 0, 0, 0, 0, this.mtu >> 8, this.mtu & 255, ...quote])
    return craftIpv6({ ...ends, nextHeader: 58 }, sumOverIpv6(ends, 58, message))
  }
}
