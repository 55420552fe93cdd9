/**
 * ICMPv6, listener discovery and neighbour discovery (RFC 4443, RFC 2710, RFC 3810, RFC 4861): what a host needs, checked as RFC 4861 6.1
 * and 7.1 have it. The whole message lies together.
 *
 * @module
 */
import {
  ICMP_CODE,
  ICMP_HEADER,
  ICMP_TYPE,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_HOP_LIMIT,
  IP6_SOURCE,
} from '../frame/offsets.ts'
import { areAll, areEqual, half, word } from './octets.ts'
import type { ArmourReason } from './reasons.ts'

const PACKET_TOO_BIG = 2
const PARAMETER_PROBLEM = 4
const ECHO_REQUEST = 128
const ECHO_REPLY = 129
const LISTENER_QUERY = 130
const LISTENER_DONE = 132
const ROUTER_SOLICITATION = 133
const ROUTER_ADVERTISEMENT = 134
const NEIGHBOR_SOLICITATION = 135
const NEIGHBOR_ADVERTISEMENT = 136
const REDIRECT = 137
const LISTENER_REPORT_2 = 143

const SMALLEST_MTU = 1280
const LEAST_QUOTED = 8

const LISTENER_LENGTH = 24
const QUERY_2_LENGTH = 28
const QUERY_2_SOURCES = 26
const RECORD_LENGTH = 20

const ROUTER_ADVERTISEMENT_LENGTH = 16
/** Of solicitations and advertisements of neighbours: flags or nothing, and the target. */
const NEIGHBOR_LENGTH = 24
const NEIGHBOR_FLAGS = 4
const TARGET = 8
const SOLICITED = 0x40
/** Neighbour discovery crosses no router: whoever is off link cannot have a hop limit of 255. */
const ON_LINK = 255

const SOURCE_LINK_ADDRESS = 1
const TARGET_LINK_ADDRESS = 2
const PREFIX = 3
const MTU = 5
const MOST_OPTIONS = 32

/** @param ip the IPv6 header around it. @param routers whether advertisements of routers are wanted. */
export function inspectIcmp6(
  bytes: Uint8Array,
  ip: number,
  icmp: number,
  end: number,
  routers: boolean,
): ArmourReason | null {
  if (end - icmp < ICMP_HEADER) return 'icmp6-short'
  const type = bytes[icmp + ICMP_TYPE] as number
  if (type >= 1 && type <= PARAMETER_PROBLEM) return inspectError(bytes, ip, icmp, end, type)
  if (type === ECHO_REQUEST || type === ECHO_REPLY) return null
  if (type >= LISTENER_QUERY && type <= LISTENER_DONE) return inspectListener(bytes, ip, icmp, end, type)
  if (type === LISTENER_REPORT_2) return inspectReport(bytes, ip, icmp, end)
  if (type >= ROUTER_SOLICITATION && type <= REDIRECT) return inspectDiscovery(bytes, ip, icmp, end, type, routers)
  return 'icmp6-type'
}

/** Whether a fragmented message is one that may be (RFC 6980 forbids all of neighbour discovery). */
export function isEcho6(bytes: Uint8Array, icmp: number): boolean {
  const type = bytes[icmp + ICMP_TYPE]
  return type === ECHO_REPLY || type === ECHO_REQUEST
}

/** Whether a message tells the link address of its sender: a new neighbour, perhaps. */
export function introducesNeighbor(bytes: Uint8Array, icmp: number): boolean {
  const type = bytes[icmp + ICMP_TYPE]
  return type === NEIGHBOR_SOLICITATION || type === NEIGHBOR_ADVERTISEMENT || type === ROUTER_ADVERTISEMENT
}

function inspectError(bytes: Uint8Array, ip: number, icmp: number, end: number, type: number): ArmourReason | null {
  if (type === PACKET_TOO_BIG) {
    const mtu = word(bytes, icmp + 4) >>> 0
    if (mtu < SMALLEST_MTU || mtu > 0xffff) return 'icmp6-mtu'
  }
  const quoted = icmp + ICMP_HEADER
  if (end - quoted < IP6_HEADER + LEAST_QUOTED || (bytes[quoted] as number) >>> 4 !== 6) return 'icmp6-quote'
  return areEqual(bytes, quoted + IP6_SOURCE, ip + IP6_DESTINATION, 16) ? null : 'icmp6-quote'
}

function inspectListener(bytes: Uint8Array, ip: number, icmp: number, end: number, type: number): ArmourReason | null {
  const length = end - icmp
  if (length < LISTENER_LENGTH || !isListenerLocal(bytes, ip)) return 'mld-length'
  if (type !== LISTENER_QUERY || length === LISTENER_LENGTH) return null
  if (length < QUERY_2_LENGTH) return 'mld-length'
  return QUERY_2_LENGTH + 16 * half(bytes, icmp + QUERY_2_SOURCES) <= length ? null : 'mld-length'
}

/** RFC 3810 5.2: records, each of a group with sources and auxiliary data. */
function inspectReport(bytes: Uint8Array, ip: number, icmp: number, end: number): ArmourReason | null {
  if (!isListenerLocal(bytes, ip)) return 'mld-length'
  let at = icmp + ICMP_HEADER
  for (let records = half(bytes, icmp + 6); records > 0; records--) {
    if (at + RECORD_LENGTH > end) return 'mld-length'
    at += RECORD_LENGTH + 4 * (bytes[at + 1] as number) + 16 * half(bytes, at + 2)
  }
  return at <= end ? null : 'mld-length'
}

/** RFC 3810 5: hop limit 1, from a link-local address, or from none while it is looked for. */
function isListenerLocal(bytes: Uint8Array, ip: number): boolean {
  return (
    bytes[ip + IP6_HOP_LIMIT] === 1 && (isLinkLocal(bytes, ip + IP6_SOURCE) || isUnspecified(bytes, ip + IP6_SOURCE))
  )
}

function inspectDiscovery(
  bytes: Uint8Array,
  ip: number,
  icmp: number,
  end: number,
  type: number,
  routers: boolean,
): ArmourReason | null {
  if (bytes[ip + IP6_HOP_LIMIT] !== ON_LINK) return 'nd-hop-limit'
  if (bytes[icmp + ICMP_CODE] !== 0) return 'nd-format'
  switch (type) {
    case ROUTER_ADVERTISEMENT:
      if (!routers) return 'nd-unwanted'
      if (end - icmp < ROUTER_ADVERTISEMENT_LENGTH || !isLinkLocal(bytes, ip + IP6_SOURCE)) return 'nd-format'
      return inspectOptions(bytes, icmp + ROUTER_ADVERTISEMENT_LENGTH, end, true)
    case NEIGHBOR_SOLICITATION:
    case NEIGHBOR_ADVERTISEMENT:
      return inspectNeighbor(bytes, ip, icmp, end, type === NEIGHBOR_SOLICITATION)
    default:
      return 'nd-unwanted'
  }
}

function inspectNeighbor(bytes: Uint8Array, ip: number, icmp: number, end: number, asks: boolean): ArmourReason | null {
  if (end - icmp < NEIGHBOR_LENGTH || bytes[icmp + TARGET] === 0xff) return 'nd-format'
  const isUnnamed = isUnspecified(bytes, ip + IP6_SOURCE)
  const isToGroup = bytes[ip + IP6_DESTINATION] === 0xff
  if (asks) {
    // RFC 4861 7.1.1: the question of somebody without an address goes to the group of the target, and names no link address.
    if (isUnnamed && !isToGroup) return 'nd-format'
  } else if (isUnnamed || (isToGroup && ((bytes[icmp + NEIGHBOR_FLAGS] as number) & SOLICITED) !== 0)) {
    return 'nd-format'
  }
  return inspectOptions(bytes, icmp + NEIGHBOR_LENGTH, end, !isUnnamed)
}

function inspectOptions(bytes: Uint8Array, from: number, end: number, mayNameSource: boolean): ArmourReason | null {
  let at = from
  for (let count = 0; at < end; count++) {
    if (count === MOST_OPTIONS || at + 2 > end) return 'nd-options'
    const length = (bytes[at + 1] as number) * 8
    if (length === 0 || at + length > end) return 'nd-options'
    switch (bytes[at]) {
      case SOURCE_LINK_ADDRESS:
        if (!mayNameSource) return 'nd-options'
        if (length !== 8 || ((bytes[at + 2] as number) & 1) !== 0) return 'nd-options'
        break
      case TARGET_LINK_ADDRESS:
        if (length !== 8 || ((bytes[at + 2] as number) & 1) !== 0) return 'nd-options'
        break
      case PREFIX:
        if (length !== 32 || (bytes[at + 2] as number) > 128) return 'nd-options'
        break
      case MTU:
        if (length !== 8) return 'nd-options'
        break
    }
    at += length
  }
  return null
}

function isLinkLocal(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xfe && ((bytes[at + 1] as number) & 0xc0) === 0x80
}

function isUnspecified(bytes: Uint8Array, at: number): boolean {
  return areAll(bytes, at, at + 16, 0)
}
