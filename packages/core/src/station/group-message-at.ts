/**
 * Which packets are IGMP or MLD.
 *
 * @module
 */
import { IP4_PROTOCOL, IP6_HEADER, IP6_NEXT_HEADER, PROTO_HOP_BY_HOP, PROTO_ICMP6 } from '../frame/offsets.ts'
import { PROTO_IGMP } from '../groups/igmp.ts'
import { MLD_DONE, MLD_QUERY, MLD2_REPORT } from '../groups/mld-message.ts'

/** Where the message of IGMP or MLD begins in a packet that the armour let pass; -1: it is another packet. */
export function groupMessageAt(bytes: Uint8Array, ip: number): number {
  if ((bytes[ip] as number) >>> 4 === 4) {
    return bytes[ip + IP4_PROTOCOL] === PROTO_IGMP ? ip + ((bytes[ip] as number) & 15) * 4 : -1
  }
  const next = bytes[ip + IP6_NEXT_HEADER] as number
  const header = ip + IP6_HEADER
  const isBehind = next === PROTO_HOP_BY_HOP && bytes[header] === PROTO_ICMP6
  if (!isBehind && next !== PROTO_ICMP6) return -1
  const at = isBehind ? header + 8 + (bytes[header + 1] as number) * 8 : header
  return isMld(bytes[at] as number) ? at : -1
}

function isMld(type: number): boolean {
  return (type >= MLD_QUERY && type <= MLD_DONE) || type === MLD2_REPORT
}
