/**
 * Ethernet II frames, as a host may send them.
 *
 * @module
 */
import type { Findings } from './finding.ts'
import { hex, isZero, macText, u8, u16 } from './octets.ts'

export const ETHERNET_HEADER = 14
/** A shorter frame may be padded to this length (without the frame check sequence). */
const SHORTEST_FRAME = 60

export interface EthernetFrame {
  readonly destination: string
  readonly source: string
  readonly type: number
  readonly payload: Uint8Array
}

export function checkEthernet(frame: Uint8Array, findings: Findings): EthernetFrame | null {
  if (!findings.expect(frame.length >= ETHERNET_HEADER, 'ethernet.length', `${frame.length} octets are no frame`))
    return null
  const source = macText(frame, 6)
  findings.expect((u8(frame, 6) & 1) === 0, 'ethernet.source', `the source ${source} is a group address`)
  findings.expect(!isZero(frame, 6, 12), 'ethernet.source', 'the source is all zeros')
  return {
    destination: macText(frame, 0),
    source,
    type: u16(frame, 12),
    payload: frame.subarray(ETHERNET_HEADER),
  }
}

/** What follows the last octet of the packet: nothing, or zeros up to the shortest frame. Anything else leaks memory. */
export function checkPadding(payload: Uint8Array, packetLength: number, findings: Findings): void {
  const extra = payload.length - packetLength
  if (extra <= 0) return
  const frameLength = payload.length + ETHERNET_HEADER
  findings.expect(
    frameLength <= SHORTEST_FRAME,
    'ethernet.padding',
    `${extra} octets follow the packet in a frame of ${frameLength}, which needs no padding`,
  )
  findings.expect(isZero(payload, packetLength, payload.length), 'ethernet.padding', 'the padding is not zero')
}

/** Whether the destination MAC fits an IP destination (RFC 1112 6.4, RFC 2464 7, RFC 894). */
export function checkGroupMapping(
  frame: EthernetFrame,
  family: 4 | 6,
  destination: Uint8Array,
  findings: Findings,
): void {
  const expected = groupMac(family, destination)
  if (expected !== null) {
    findings.expect(
      frame.destination === expected,
      'ethernet.destination',
      `a group packet goes to ${expected}, not to ${frame.destination}`,
    )
  } else if (frame.destination !== 'ff:ff:ff:ff:ff:ff') {
    // A directed broadcast (10.0.0.255) cannot be told from a unicast address here.
    const first = Number.parseInt(frame.destination.slice(0, 2), 16)
    findings.expect(
      (first & 1) === 0,
      'ethernet.destination',
      `a unicast packet goes to the group ${frame.destination} (first octet ${hex(first, 2)})`,
    )
  }
}

function groupMac(family: 4 | 6, address: Uint8Array): string | null {
  if (family === 6) {
    if (address[0] !== 0xff) return null
    return macText(Uint8Array.of(0x33, 0x33, u8(address, 12), u8(address, 13), u8(address, 14), u8(address, 15)), 0)
  }
  if (address.every((octet) => octet === 255)) return 'ff:ff:ff:ff:ff:ff'
  if (u8(address, 0) >> 4 !== 14) return null
  return macText(Uint8Array.of(1, 0, 0x5e, u8(address, 1) & 127, u8(address, 2), u8(address, 3)), 0)
}
