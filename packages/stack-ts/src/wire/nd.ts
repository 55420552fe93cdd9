/**
 * Messages of neighbour discovery (RFC 4861 4), which travel in ICMPv6.
 *
 * ```
 *  0    1    2       4                 8                24               40
 *  +----+----+-------+-----------------+----------------+----------------+---------
 *  |type| 0  | sum   | 0                                                 | options   router solicitation, from 8
 *  |type| 0  | sum   | hops, flags, lifetime | reachable, retransmit     | options   router advertisement, from 16
 *  |type| 0  | sum   | flags or 0      | target         | options        |           neighbour solicitation, advertisement
 *  |type| 0  | sum   | 0               | target         | destination    | options   redirect
 *  +----+----+-------+-----------------+----------------+----------------+---------
 * ```
 *
 * @module
 */
import { fromBytes, ICMP_CODE, ICMP_TYPE, type IpAddress, toBytes } from '@ioth/core'
import {
  ICMP6_NEIGHBOR_ADVERTISEMENT,
  ICMP6_NEIGHBOR_SOLICITATION,
  ICMP6_REDIRECT,
  ICMP6_ROUTER_ADVERTISEMENT,
  ICMP6_ROUTER_SOLICITATION,
} from './icmpv6.ts'
import {
  type NdOptions,
  type Preference,
  parseNdOptions,
  preferenceBits,
  preferenceOf,
  serializeNdOptions,
} from './nd-option.ts'

/** Nothing but neighbours sends with this hop limit and arrives with it (RFC 4861 11.2). */
export const ND_HOP_LIMIT = 255

const FLAGS = 4
const TARGET = 8
const DESTINATION = 24

export interface RouterSolicitation {
  readonly type: typeof ICMP6_ROUTER_SOLICITATION
  readonly options: NdOptions
}

export interface RouterAdvertisement {
  readonly type: typeof ICMP6_ROUTER_ADVERTISEMENT
  /** 0: not said. */
  readonly hopLimit: number
  readonly managed: boolean
  readonly other: boolean
  readonly preference: Preference
  /** Seconds; 0: no default router. */
  readonly routerLifetime: number
  /** Milliseconds; 0: not said. */
  readonly reachableTime: number
  readonly retransmitTime: number
  readonly options: NdOptions
}

export interface NeighborSolicitation {
  readonly type: typeof ICMP6_NEIGHBOR_SOLICITATION
  readonly target: IpAddress
  readonly options: NdOptions
}

export interface NeighborAdvertisement {
  readonly type: typeof ICMP6_NEIGHBOR_ADVERTISEMENT
  readonly isRouter: boolean
  readonly solicited: boolean
  readonly override: boolean
  readonly target: IpAddress
  readonly options: NdOptions
}

export interface Redirect {
  readonly type: typeof ICMP6_REDIRECT
  readonly target: IpAddress
  readonly destination: IpAddress
  readonly options: NdOptions
}

export type NdMessage =
  | RouterSolicitation
  | RouterAdvertisement
  | NeighborSolicitation
  | NeighborAdvertisement
  | Redirect

/** Where the options of each type begin: its shortest length. */
const OPTIONS_AT: Readonly<Record<NdMessage['type'], number>> = {
  [ICMP6_ROUTER_SOLICITATION]: 8,
  [ICMP6_ROUTER_ADVERTISEMENT]: 16,
  [ICMP6_NEIGHBOR_SOLICITATION]: 24,
  [ICMP6_NEIGHBOR_ADVERTISEMENT]: 24,
  [ICMP6_REDIRECT]: 40,
}

/** What the header says of a message; part of whether it is legal. */
export interface NdHeader {
  readonly source: IpAddress
  readonly destination: IpAddress
  readonly hopLimit: number
}

/** Reads a message, checksum not looked at. @returns why it is none. */
export function parseNd(octets: Uint8Array): NdMessage | string {
  const type = octets[ICMP_TYPE] as NdMessage['type']
  const optionsAt = OPTIONS_AT[type]
  if (optionsAt === undefined) return 'type'
  if (octets.length < optionsAt) return 'short'
  if (octets[ICMP_CODE] !== 0) return 'code'
  const options = parseNdOptions(octets.subarray(optionsAt))
  if (typeof options === 'string') return options
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  if (type === ICMP6_ROUTER_SOLICITATION) return { type, options }
  if (type === ICMP6_ROUTER_ADVERTISEMENT) {
    const flags = octets[5]!
    return {
      type,
      hopLimit: octets[4]!,
      managed: (flags & 0x80) !== 0,
      other: (flags & 0x40) !== 0,
      // RFC 4191 2.2: the reserved value counts as medium.
      preference: preferenceOf(flags) ?? 'medium',
      routerLifetime: view.getUint16(6),
      reachableTime: view.getUint32(8),
      retransmitTime: view.getUint32(12),
      options,
    }
  }
  const target = fromBytes(octets, TARGET, 16)
  if (type === ICMP6_NEIGHBOR_SOLICITATION) return { type, target, options }
  if (type === ICMP6_REDIRECT) return { type, target, destination: fromBytes(octets, DESTINATION, 16), options }
  const flags = octets[FLAGS]!
  return {
    type,
    isRouter: (flags & 0x80) !== 0,
    solicited: (flags & 0x40) !== 0,
    override: (flags & 0x20) !== 0,
    target,
    options,
  }
}

/** Why a message with this header is to be dropped without a word (RFC 4861 6.1, 7.1, 8.1), or null. */
export function checkNd(message: NdMessage, { source, destination, hopLimit }: NdHeader): string | null {
  if (hopLimit !== ND_HOP_LIMIT) return 'hop-limit'
  const { type, options } = message
  switch (type) {
    case ICMP6_ROUTER_SOLICITATION:
      return source.isUnspecified && options.sourceLink !== undefined ? 'source-link' : null
    case ICMP6_ROUTER_ADVERTISEMENT:
      return source.isLinkLocal ? null : 'source'
    case ICMP6_NEIGHBOR_SOLICITATION:
      if (message.target.isMulticast) return 'target'
      if (!source.isUnspecified) return null
      if (!isSolicitedNode(destination)) return 'destination'
      return options.sourceLink === undefined ? null : 'source-link'
    case ICMP6_NEIGHBOR_ADVERTISEMENT:
      if (message.target.isMulticast) return 'target'
      return destination.isMulticast && message.solicited ? 'solicited' : null
    case ICMP6_REDIRECT:
      if (!source.isLinkLocal) return 'source'
      if (message.destination.isMulticast) return 'destination'
      return message.target.isLinkLocal || message.target.equals(message.destination) ? null : 'target'
  }
}

/** The message with checksum 0. */
export function serializeNd(message: NdMessage): Uint8Array {
  const options = serializeNdOptions(message.options)
  const optionsAt = OPTIONS_AT[message.type]
  const octets = new Uint8Array(optionsAt + options.length)
  const view = new DataView(octets.buffer)
  octets[ICMP_TYPE] = message.type
  octets.set(options, optionsAt)
  switch (message.type) {
    case ICMP6_ROUTER_SOLICITATION:
      break
    case ICMP6_ROUTER_ADVERTISEMENT:
      octets[4] = message.hopLimit
      octets[5] = (message.managed ? 0x80 : 0) | (message.other ? 0x40 : 0) | preferenceBits(message.preference)
      view.setUint16(6, message.routerLifetime)
      view.setUint32(8, message.reachableTime)
      view.setUint32(12, message.retransmitTime)
      break
    case ICMP6_NEIGHBOR_ADVERTISEMENT:
      octets[FLAGS] = (message.isRouter ? 0x80 : 0) | (message.solicited ? 0x40 : 0) | (message.override ? 0x20 : 0)
      octets.set(toBytes(message.target), TARGET)
      break
    case ICMP6_NEIGHBOR_SOLICITATION:
      octets.set(toBytes(message.target), TARGET)
      break
    case ICMP6_REDIRECT:
      octets.set(toBytes(message.target), TARGET)
      octets.set(toBytes(message.destination), DESTINATION)
  }
  return octets
}

/** `ff02::1:ff00:0/104` (RFC 4291 2.7.1). */
export function isSolicitedNode({ w0, w1, w2, w3 }: IpAddress): boolean {
  return w0 === (0xff020000 | 0) && w1 === 0 && w2 === 1 && w3 >>> 24 === 0xff
}
