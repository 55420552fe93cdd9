/**
 * ICMP of libraries, mended on its way out: in errors the field that is to be zero (RFC 792, RFC 4443 3.1) holds what was in their memory, which
 * is nobody's business, and an echo reply has the code of its request, whatever that was.
 *
 * @module
 */
import {
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  ICMP_CHECKSUM,
  ICMP_TYPE,
  IP4_PROTOCOL,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  PROTO_ICMP,
  PROTO_ICMP6,
} from '@ioth/core'
import { patchSum } from './checksum.ts'

/** By the types of either family: destination unreachable, time exceeded. */
const ERRORS_4: readonly number[] = [3, 11]
const ERRORS_6: readonly number[] = [1, 3]
const REPLY_4 = 0
const REPLY_6 = 129
const UNUSED = 4

/** Clears what is to be zero in a frame of the library's. */
export function mendIcmp(frame: Uint8Array, length: number): void {
  const type = ((frame[ETH_TYPE] as number) << 8) | (frame[ETH_TYPE + 1] as number)
  const ip = ETHERNET_HEADER
  if (type === ETHERTYPE_IP4) {
    const icmp = ip + ((frame[ip] as number) & 15) * 4
    if (frame[ip + IP4_PROTOCOL] === PROTO_ICMP) mend(frame, icmp, length, ERRORS_4, REPLY_4)
  } else if (type === ETHERTYPE_IP6 && frame[ip + IP6_NEXT_HEADER] === PROTO_ICMP6) {
    mend(frame, ip + IP6_HEADER, length, ERRORS_6, REPLY_6)
  }
}

function mend(frame: Uint8Array, icmp: number, length: number, errors: readonly number[], reply: number): void {
  if (icmp + 8 > length) return
  const type = frame[icmp + ICMP_TYPE] as number
  const view = new DataView(frame.buffer, frame.byteOffset, length)
  if (type === reply) replace(view, icmp, icmp, type << 8)
  else if (errors.includes(type)) {
    replace(view, icmp, icmp + UNUSED, 0)
    replace(view, icmp, icmp + UNUSED + 2, 0)
  }
}

/** Another word in a message; the sum follows. */
function replace(view: DataView, icmp: number, at: number, word: number): void {
  const before = view.getUint16(at)
  view.setUint16(at, word)
  patchSum(view, icmp + ICMP_CHECKSUM, before, word)
}
