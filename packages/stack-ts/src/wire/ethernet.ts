/**
 * Ethernet II frames. No VLAN tags, no LLC.
 *
 * ```
 *  0             6             12      14
 *  +-------------+-------------+-------+---------
 *  | destination | source      | type  | payload
 *  +-------------+-------------+-------+---------
 * ```
 *
 * @module
 */
import { ETH_DESTINATION, ETH_SOURCE, ETH_TYPE, ETHERNET_HEADER } from '@ioth/core'

/** A hardware address as two integers: 16 bits and a signed 32-bit word, so that it is compared and stored without bytes. */
export interface Mac {
  readonly high: number
  readonly low: number
}

export const BROADCAST_MAC: Mac = { high: 0xffff, low: -1 }

export function macFromBytes(octets: ArrayLike<number>, at = 0): Mac {
  const octet = (i: number): number => octets[at + i] as number
  return {
    high: (octet(0) << 8) | octet(1),
    low: (octet(2) << 24) | (octet(3) << 16) | (octet(4) << 8) | octet(5),
  }
}

/** `aa:bb:cc:dd:ee:ff` */
export function formatMac(high: number, low: number): string {
  const digits = high.toString(16).padStart(4, '0') + (low >>> 0).toString(16).padStart(8, '0')
  return (digits.match(/../g) as string[]).join(':')
}

/** Whether the group bit is set: multicast or broadcast. */
export function isGroupMac(high: number): boolean {
  return (high & 0x0100) !== 0
}

export interface EthernetFrame {
  readonly destination: Mac
  readonly source: Mac
  readonly type: number
  readonly payload: Uint8Array
}

/** @returns the frame, or why it is none. */
export function parseEthernet(octets: Uint8Array): EthernetFrame | string {
  if (octets.length < ETHERNET_HEADER) return 'short'
  return {
    destination: macFromBytes(octets, ETH_DESTINATION),
    source: macFromBytes(octets, ETH_SOURCE),
    type: ((octets[ETH_TYPE] as number) << 8) | (octets[ETH_TYPE + 1] as number),
    payload: octets.subarray(ETHERNET_HEADER),
  }
}

export function serializeEthernet(frame: EthernetFrame): Uint8Array {
  const octets = new Uint8Array(ETHERNET_HEADER + frame.payload.length)
  const view = new DataView(octets.buffer)
  writeEthernet(view, 0, frame.destination.high, frame.destination.low, frame.source.high, frame.source.low, frame.type)
  octets.set(frame.payload, ETHERNET_HEADER)
  return octets
}

/** View level: writes the header at `at`. */
export function writeEthernet(
  view: DataView,
  at: number,
  destinationHigh: number,
  destinationLow: number,
  sourceHigh: number,
  sourceLow: number,
  type: number,
): void {
  view.setInt32(at, (destinationHigh << 16) | (destinationLow >>> 16))
  view.setInt32(at + 4, (destinationLow << 16) | sourceHigh)
  view.setInt32(at + 8, sourceLow)
  view.setInt16(at + 12, type)
}
