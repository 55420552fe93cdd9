/**
 * IPv6 headers and the chain of extension headers (RFC 8200): lengths, order and options. The chain is walked in one pass, and what is
 * found is kept in fields, so that nothing is allocated.
 *
 * @module
 */
import {
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  PROTO_DESTINATION_OPTIONS,
  PROTO_FRAGMENT,
  PROTO_HOP_BY_HOP,
  PROTO_ICMP6,
  PROTO_ROUTING,
  PROTO_TCP,
  PROTO_UDP,
} from '../frame/offsets.ts'
import { SPLIT, type Verdict } from './inspect-transport.ts'
import { areAll, areEqual, half } from './octets.ts'

/** Extension headers in one packet: each kind once, and destination options twice (RFC 8200 4.1), leave room to spare. */
const MOST_HEADERS = 6
const FRAGMENT_HEADER = 8
const PAD_1 = 0
const JUMBO = 0xc2
const ROUTER_ALERT = 5
const ONE_ADDRESS = 16

export class Ip6Inspector {
  /** Where the transport header begins; of a fragment that is not the first: where its octets do. */
  transport = 0
  /** The protocol there. */
  protocol = 0
  /** Where the fragment header is; 0: there is none. */
  fragment = 0

  /** @param end of the frame. @param seen end of the octets that lie together. */
  inspect(bytes: Uint8Array, ip: number, end: number, seen: number): Verdict {
    this.fragment = 0
    if (end - ip < IP6_HEADER) return 'ip6-short'
    if (seen - ip < IP6_HEADER) return SPLIT
    if ((bytes[ip] as number) >>> 4 !== 6) return 'ip6-header'
    const payload = half(bytes, ip + IP6_PAYLOAD_LENGTH)
    // A length of 0 belongs to a jumbo payload, which no link of ours can carry.
    if (payload === 0 || payload > end - ip - IP6_HEADER) return 'ip6-length'
    const wrong = inspectAddresses(bytes, ip)
    if (wrong !== null) return wrong
    this.transport = ip + IP6_HEADER
    this.protocol = bytes[ip + IP6_NEXT_HEADER] as number
    if (isTransport(this.protocol)) return null
    const packet = ip + IP6_HEADER + payload
    return packet > seen ? SPLIT : this.walk(bytes, packet)
  }

  /** The chain behind a fragment header of the first fragment. @param end of the fragment. */
  walk(bytes: Uint8Array, end: number): Verdict {
    let hops = 0
    let destinations = 0
    let routings = 0
    const first = this.transport
    for (let headers = 0; !isTransport(this.protocol); headers++) {
      const at = this.transport
      if (headers === MOST_HEADERS || at + 8 > end) return 'ip6-chain'
      switch (this.protocol) {
        case PROTO_FRAGMENT:
          return this.enterFragment(bytes, at)
        case PROTO_HOP_BY_HOP:
          if (at !== first || this.fragment !== 0 || hops++ > 0) return 'ip6-chain'
          break
        case PROTO_DESTINATION_OPTIONS:
          if (destinations++ > 1) return 'ip6-chain'
          break
        case PROTO_ROUTING:
          if (routings++ > 0) return 'ip6-chain'
          break
        default:
          return 'ip6-protocol'
      }
      const length = ((bytes[at + 1] as number) + 1) * 8
      if (at + length > end) return 'ip6-chain'
      if (this.protocol === PROTO_ROUTING) {
        if (!isRoutingRight(bytes, at, length)) return 'ip6-routing'
      } else if (!areOptionsRight(bytes, at + 2, at + length)) {
        return 'ip6-options'
      }
      this.protocol = bytes[at] as number
      this.transport = at + length
    }
    return null
  }

  private enterFragment(bytes: Uint8Array, at: number): Verdict {
    if (this.fragment !== 0) return 'fragment-nested'
    this.fragment = at
    this.protocol = bytes[at] as number
    this.transport = at + FRAGMENT_HEADER
    return null
  }
}

function isTransport(protocol: number): boolean {
  return protocol === PROTO_TCP || protocol === PROTO_UDP || protocol === PROTO_ICMP6
}

function inspectAddresses(bytes: Uint8Array, ip: number): Verdict {
  const source = ip + IP6_SOURCE
  const destination = ip + IP6_DESTINATION
  const first = bytes[source] as number
  if (first === 0xff) return 'ip6-source'
  // ::1 and ::ffff:0:0/96 are on no wire; :: is, while an address is being looked for.
  if (first === 0 && areAll(bytes, source, source + 10, 0) && !areAll(bytes, source + 10, source + 16, 0)) {
    return 'ip6-source'
  }
  if (bytes[destination] === 0 && areAll(bytes, destination, destination + 15, 0)) return 'ip6-destination'
  return areEqual(bytes, source, destination, 16) ? 'land' : null
}

/** RFC 8200 4.4, RFC 5095: a host goes nowhere for anybody; nothing may be left, and the list must be as long as it says. */
function isRoutingRight(bytes: Uint8Array, at: number, length: number): boolean {
  const type = bytes[at + 2]
  const left = bytes[at + 3]
  if (left !== 0) return false
  return type !== 0 || (length - 8) % ONE_ADDRESS === 0
}

/** RFC 8200 4.2: type, length, octets; a single octet of padding has no length. */
function areOptionsRight(bytes: Uint8Array, from: number, end: number): boolean {
  let at = from
  while (at < end) {
    const type = bytes[at] as number
    if (type === PAD_1) {
      at++
      continue
    }
    if (type === JUMBO || at + 2 > end) return false
    const length = bytes[at + 1] as number
    if (at + 2 + length > end || (type === ROUTER_ALERT && length !== 2)) return false
    at += 2 + length
  }
  return true
}
