/**
 * The chain of IPv6 extension headers (RFC 8200 4), read strictly in order and in one go. Each header takes at least eight octets and
 * each option one, so the work is bounded by the length of the packet; a chain that is absurdly long is refused (RFC 8504 5.3).
 *
 * @module
 */
import {
  IP6_HEADER,
  PROTO_DESTINATION_OPTIONS,
  PROTO_FRAGMENT,
  PROTO_HOP_BY_HOP,
  PROTO_NONE,
  PROTO_ROUTING,
} from '@ioth/core'
import { PROBLEM6_HEADER, PROBLEM6_NEXT_HEADER, PROBLEM6_OPTION } from '../wire/icmpv6.ts'

/** What the chain leads to. */
export type Chain =
  /** A header of another kind: that of a protocol above, or one nobody knows. */
  | 'end'
  | 'fragment'
  /** To be dropped: see {@link HeaderChain.reason}. */
  | 'drop'
  /** To be dropped, and reported to the sender. */
  | 'problem'

const MOST_HEADERS = 32

// Options (RFC 8200 4.2)
const PAD_1 = 0
const PAD_N = 1
/** RFC 2711: meant for routers. */
const ROUTER_ALERT = 5

/** Whether a next header is one of the chain, and not its end. */
export function isExtension(next: number): boolean {
  return (
    next === PROTO_DESTINATION_OPTIONS || next === PROTO_HOP_BY_HOP || next === PROTO_ROUTING || next === PROTO_FRAGMENT
  )
}

/** One object per stack, filled again for each packet. */
export class HeaderChain {
  /** The kind of the header that was reached, and where it and the field that names it stand. */
  next = 0
  at = 0
  nextHeaderAt = 0
  /** Why the packet is dropped. */
  reason = ''
  /** Code and pointer of the parameter problem; whether even the sender to a group is told. */
  code = 0
  pointer = 0
  toGroup = false

  /** Begins with a header of kind `next` at `at`; the field that named it stands at `nextHeaderAt`. All are absolute positions. */
  begin(next: number, at: number, nextHeaderAt: number): void {
    this.next = next
    this.at = at
    this.nextHeaderAt = nextHeaderAt
  }

  /**
   * Reads on to the next fragment header, or to the end of the chain.
   * @param header position of the IPv6 header.
   * @param end where the packet, or what is here of it in one piece, ends.
   */
  read(view: DataView, header: number, end: number): Chain {
    for (let count = 0; count < MOST_HEADERS; count++) {
      const { next, at } = this
      if (next === PROTO_NONE) return this.drop('no-next-header')
      if (!isExtension(next)) return 'end'
      if (next === PROTO_HOP_BY_HOP && at !== header + IP6_HEADER) return this.unknown(header)
      if (at + 8 > end) return this.drop('header-length')
      if (next === PROTO_FRAGMENT) return 'fragment'
      const length = (view.getUint8(at + 1) + 1) * 8
      if (at + length > end) return this.drop('header-length')
      if (next !== PROTO_ROUTING) {
        const verdict = this.readOptions(view, header, at + 2, at + length)
        if (verdict !== 'end') return verdict
      } else if (view.getUint8(at + 3) !== 0) {
        // RFC 8200 4.4, RFC 5095: no kind of routing header is known, and this one wants to be followed.
        return this.problem(PROBLEM6_HEADER, at + 2 - header)
      }
      this.begin(view.getUint8(at), at + length, at)
    }
    return this.drop('headers')
  }

  /** A next header that nobody knows, or that stands where it must not (RFC 8200 4). */
  unknown(header: number): Chain {
    return this.problem(PROBLEM6_NEXT_HEADER, this.nextHeaderAt - header)
  }

  private readOptions(view: DataView, header: number, at: number, end: number): Chain {
    while (at < end) {
      const type = view.getUint8(at)
      if (type === PAD_1) {
        at++
        continue
      }
      if (at + 2 > end) return this.drop('option-length')
      const length = 2 + view.getUint8(at + 1)
      if (at + length > end) return this.drop('option-length')
      // The two high bits of an option that is not known say what to do.
      const action = type === PAD_N || type === ROUTER_ALERT ? 0 : type >>> 6
      if (action === 1) return this.drop('option')
      if (action > 1) return this.problem(PROBLEM6_OPTION, at - header, action === 2)
      at += length
    }
    return 'end'
  }

  drop(reason: string): Chain {
    this.reason = reason
    return 'drop'
  }

  problem(code: number, pointer: number, toGroup = false): Chain {
    this.reason = 'parameter'
    this.code = code
    this.pointer = pointer
    this.toGroup = toGroup
    return 'problem'
  }
}
