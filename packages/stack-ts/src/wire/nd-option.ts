/**
 * Options of neighbour discovery (RFC 4861 4.6, RFC 3971 5.3.2, RFC 4191 2.3, RFC 8106 5).
 *
 * ```
 *  0    1       2
 *  +----+-------+---------------
 *  |type| length| …               length: in units of 8 octets, the first two among them
 *  +----+-------+---------------
 * ```
 *
 * @module
 */
import { fromBytes, type IpAddress, toBytes } from '@ioth/core'
import { isGroupMac, type Mac, macFromBytes } from './ethernet.ts'

const SOURCE_LINK = 1
const TARGET_LINK = 2
const PREFIX = 3
const MTU = 5
const NONCE = 14
const ROUTE = 24
const NAME_SERVERS = 25
const SEARCH_LIST = 31

/** RFC 3971 5.3.2: at least so long. */
export const NONCE_OCTETS = 6

/** Router preference, RFC 4191 2.1. */
export type Preference = 'low' | 'medium' | 'high'

/** RFC 4861 4.6.2. Lifetimes in seconds; {@link FOREVER} is infinity. */
export interface PrefixOption {
  readonly prefix: IpAddress
  readonly prefixLength: number
  readonly onLink: boolean
  readonly autonomous: boolean
  readonly validLifetime: number
  readonly preferredLifetime: number
}

/** RFC 4191 2.3. */
export interface RouteOption {
  readonly prefix: IpAddress
  readonly prefixLength: number
  readonly preference: Preference
  readonly lifetime: number
}

/** RFC 8106 5.1 and 5.2. */
export interface Resolution<Entry> {
  readonly lifetime: number
  readonly entries: readonly Entry[]
}

export interface NdOptions {
  readonly sourceLink?: Mac
  readonly targetLink?: Mac
  readonly mtu?: number
  readonly nonce?: Uint8Array
  readonly prefixes?: readonly PrefixOption[]
  readonly routes?: readonly RouteOption[]
  readonly nameServers?: readonly Resolution<IpAddress>[]
  /** Domain names without a dot at the end. */
  readonly searchLists?: readonly Resolution<string>[]
}

type Draft = { -readonly [Name in keyof NdOptions]: NdOptions[Name] }

export const FOREVER = 0xffffffff

/**
 * Reads a list of options, which must end where the message does. Unknown ones are skipped. What RFC 8106 5.3.1 says of its two options:
 * one that cannot be read is skipped as well.
 * @returns why the list cannot be read otherwise.
 */
export function parseNdOptions(octets: Uint8Array): NdOptions | string {
  const options: Draft = {}
  const prefixes: PrefixOption[] = []
  const routes: RouteOption[] = []
  const nameServers: Resolution<IpAddress>[] = []
  const searchLists: Resolution<string>[] = []
  let at = 0
  while (at < octets.length) {
    if (at + 8 > octets.length) return 'option-end'
    const length = octets[at + 1]! * 8
    if (length === 0) return 'option-length'
    if (at + length > octets.length) return 'option-end'
    const type = octets[at]!
    const option = octets.subarray(at, at + length)
    const view = new DataView(option.buffer, option.byteOffset, length)
    at += length
    if (type === SOURCE_LINK || type === TARGET_LINK) {
      const mac = macFromBytes(option, 2)
      if (length !== 8 || isGroupMac(mac.high)) return 'option-link'
      if (type === SOURCE_LINK) options.sourceLink ??= mac
      else options.targetLink ??= mac
    } else if (type === PREFIX) {
      if (length !== 32 || option[2]! > 128) return 'option-prefix'
      prefixes.push({
        prefixLength: option[2]!,
        onLink: (option[3]! & 0x80) !== 0,
        autonomous: (option[3]! & 0x40) !== 0,
        validLifetime: view.getUint32(4),
        preferredLifetime: view.getUint32(8),
        prefix: fromBytes(option, 16, 16),
      })
    } else if (type === MTU) {
      if (length !== 8) return 'option-mtu'
      options.mtu ??= view.getUint32(4)
    } else if (type === NONCE) {
      options.nonce ??= option.slice(2)
    } else if (type === ROUTE) {
      const prefixLength = option[2]!
      // RFC 4191 2.3: the prefix may be cut to what its length needs.
      const needed = prefixLength === 0 ? 8 : prefixLength <= 64 ? 16 : 24
      if (prefixLength > 128 || length < needed || length > 24) return 'option-route'
      const preference = preferenceOf(option[3]!)
      if (preference === null) continue
      const prefix = new Uint8Array(16)
      prefix.set(option.subarray(8))
      routes.push({ prefix: fromBytes(prefix), prefixLength, preference, lifetime: view.getUint32(4) })
    } else if (type === NAME_SERVERS) {
      if (length < 24 || length % 16 !== 8) continue
      const entries: IpAddress[] = []
      for (let first = 8; first < length; first += 16) entries.push(fromBytes(option, first, 16))
      nameServers.push({ lifetime: view.getUint32(4), entries })
    } else if (type === SEARCH_LIST) {
      const entries = length < 16 ? null : parseNames(option.subarray(8))
      if (entries !== null) searchLists.push({ lifetime: view.getUint32(4), entries })
    }
  }
  if (prefixes.length > 0) options.prefixes = prefixes
  if (routes.length > 0) options.routes = routes
  if (nameServers.length > 0) options.nameServers = nameServers
  if (searchLists.length > 0) options.searchLists = searchLists
  return options
}

export function serializeNdOptions(options: NdOptions): Uint8Array {
  const parts: Uint8Array[] = []
  const { sourceLink, targetLink, mtu, nonce } = options
  if (sourceLink !== undefined) parts.push(linkOption(SOURCE_LINK, sourceLink))
  if (targetLink !== undefined) parts.push(linkOption(TARGET_LINK, targetLink))
  if (mtu !== undefined) {
    const [octets, view] = option(MTU, 8)
    view.setUint32(4, mtu)
    parts.push(octets)
  }
  if (nonce !== undefined) {
    const [octets] = option(NONCE, nonce.length + 2)
    octets.set(nonce, 2)
    parts.push(octets)
  }
  for (const prefix of options.prefixes ?? []) {
    const [octets, view] = option(PREFIX, 32)
    octets[2] = prefix.prefixLength
    octets[3] = (prefix.onLink ? 0x80 : 0) | (prefix.autonomous ? 0x40 : 0)
    view.setUint32(4, prefix.validLifetime)
    view.setUint32(8, prefix.preferredLifetime)
    octets.set(toBytes(prefix.prefix), 16)
    parts.push(octets)
  }
  for (const route of options.routes ?? []) {
    const [octets, view] = option(ROUTE, 24)
    octets[2] = route.prefixLength
    octets[3] = preferenceBits(route.preference)
    view.setUint32(4, route.lifetime)
    octets.set(toBytes(route.prefix), 8)
    parts.push(octets)
  }
  for (const { lifetime, entries } of options.nameServers ?? []) {
    const [octets, view] = option(NAME_SERVERS, 8 + entries.length * 16)
    view.setUint32(4, lifetime)
    for (const [index, address] of entries.entries()) octets.set(toBytes(address), 8 + index * 16)
    parts.push(octets)
  }
  for (const { lifetime, entries } of options.searchLists ?? []) {
    const names = entries.map((name) => serializeName(name))
    const [octets, view] = option(SEARCH_LIST, 8 + names.reduce((length, name) => length + name.length, 0))
    view.setUint32(4, lifetime)
    let at = 8
    for (const name of names) {
      octets.set(name, at)
      at += name.length
    }
    parts.push(octets)
  }
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)))
}

/** RFC 4191 2.2: bits 3 and 4 of the flags. @returns null for the reserved value. */
export function preferenceOf(flags: number): Preference | null {
  return (['medium', 'high', null, 'low'] as const)[(flags >> 3) & 3]!
}

export function preferenceBits(preference: Preference): number {
  return { medium: 0, high: 0x08, low: 0x18 }[preference]
}

/** @param length octets, filled up to a multiple of 8. */
function option(type: number, length: number): [Uint8Array, DataView] {
  const units = Math.ceil(length / 8)
  const octets = new Uint8Array(units * 8)
  octets[0] = type
  octets[1] = units
  return [octets, new DataView(octets.buffer)]
}

function linkOption(type: number, { high, low }: Mac): Uint8Array {
  const [octets, view] = option(type, 8)
  view.setUint16(2, high)
  view.setInt32(4, low)
  return octets
}

/** Names as in DNS (RFC 1035 3.1), none compressed; zeros fill up the end. @returns null when they cannot be read. */
function parseNames(octets: Uint8Array): string[] | null {
  const names: string[] = []
  let at = 0
  while (at < octets.length && octets[at] !== 0) {
    const labels: string[] = []
    let total = 1
    for (;;) {
      const length = octets[at]
      if (length === undefined || length > 63) return null
      at++
      if (length === 0) break
      total += length + 1
      if (at + length > octets.length || total > 255) return null
      const label = String.fromCharCode(...octets.subarray(at, at + length))
      if (!/^[a-z0-9_-]+$/i.test(label)) return null
      labels.push(label)
      at += length
    }
    names.push(labels.join('.'))
  }
  return octets.subarray(at).every((octet) => octet === 0) ? names : null
}

function serializeName(name: string): Uint8Array {
  const octets = name
    .split('.')
    .flatMap((label) => [label.length, ...Array.from(label, (letter) => letter.charCodeAt(0))])
  return Uint8Array.from([...octets, 0])
}
