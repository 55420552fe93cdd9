/**
 * Numbers of DHCP (RFC 2131, RFC 2132, RFC 3397, RFC 3442), and how option values are read and written.
 *
 * @module
 */
import { fromBytes, type IpAddress, toBytes } from '../../address/ip-address.ts'
import { readDomainName, withoutFinalDot } from '../domain-name.ts'

// Message types (RFC 2132 9.6)
export const DISCOVER = 1
export const OFFER = 2
export const REQUEST = 3
export const DECLINE = 4
export const ACK = 5
export const NAK = 6
export const RELEASE = 7
export const INFORM = 8

export const OPTION_PAD = 0
export const OPTION_SUBNET_MASK = 1
export const OPTION_ROUTER = 3
export const OPTION_NAME_SERVER = 6
export const OPTION_HOST_NAME = 12
export const OPTION_DOMAIN_NAME = 15
export const OPTION_BROADCAST = 28
export const OPTION_REQUESTED_ADDRESS = 50
export const OPTION_LEASE_TIME = 51
export const OPTION_OVERLOAD = 52
export const OPTION_MESSAGE_TYPE = 53
export const OPTION_SERVER_ID = 54
export const OPTION_PARAMETERS = 55
export const OPTION_MESSAGE = 56
export const OPTION_MAX_MESSAGE = 57
export const OPTION_RENEWAL_TIME = 58
export const OPTION_REBINDING_TIME = 59
export const OPTION_CLIENT_ID = 61
export const OPTION_DOMAIN_SEARCH = 119
export const OPTION_CLASSLESS_ROUTES = 121
export const OPTION_END = 255

/** A lease that never ends. */
export const INFINITE = 0xffff_ffff

export type Options = ReadonlyMap<number, Uint8Array>

// Readers give null for an option that is not there, or not as its RFC has it.

export function readByte(options: Options, code: number): number | null {
  const value = options.get(code)
  return value?.length === 1 ? (value[0] as number) : null
}

export function readUint32(options: Options, code: number): number | null {
  const value = options.get(code)
  return value?.length === 4 ? new DataView(value.buffer, value.byteOffset).getUint32(0) : null
}

export function readAddress(options: Options, code: number): IpAddress | null {
  const value = options.get(code)
  return value?.length === 4 ? fromBytes(value) : null
}

/** The addresses of a list, as many as are whole, and no more than `most`. */
export function readAddresses(options: Options, code: number, most: number): IpAddress[] {
  const value = options.get(code) ?? new Uint8Array(0)
  const addresses: IpAddress[] = []
  for (let at = 0; at + 4 <= value.length && addresses.length < most; at += 4) addresses.push(fromBytes(value, at, 4))
  return addresses
}

/** Text of printable ASCII; some servers end it with NUL. */
export function readText(options: Options, code: number): string | null {
  const value = options.get(code)
  if (value === undefined) return null
  const text = String.fromCharCode(...value).replace(/\0+$/, '')
  return /^[ -~]+$/.test(text) ? text : null
}

/** RFC 3397: names that may be compressed among themselves. None at all when one of them is broken. */
export function readNames(options: Options, code: number, most: number): string[] {
  const value = options.get(code) ?? new Uint8Array(0)
  const names: string[] = []
  for (let at = 0; at < value.length && names.length < most; ) {
    const read = readDomainName(value, at)
    if (read === null) return []
    if (read.name !== '') names.push(read.name)
    at = read.next
  }
  return names
}

/** A route of {@link readRoutes}. */
export interface LeasedRoute {
  readonly destination: IpAddress
  readonly prefixLength: number
  /** Null: on link. */
  readonly via: IpAddress | null
}

/** RFC 3442: prefix length, the octets of the prefix that count, router. None at all when one of them is broken. */
export function readRoutes(options: Options, code: number, most: number): LeasedRoute[] {
  const value = options.get(code) ?? new Uint8Array(0)
  const routes: LeasedRoute[] = []
  for (let at = 0; at < value.length && routes.length < most; ) {
    const prefixLength = value[at] as number
    const octets = Math.ceil(prefixLength / 8)
    const router = at + 1 + octets
    if (prefixLength > 32 || router + 4 > value.length) return []
    const destination = new Uint8Array(4)
    destination.set(value.subarray(at + 1, router))
    const via = fromBytes(value, router, 4)
    routes.push({ destination: fromBytes(destination), prefixLength, via: via.isUnspecified ? null : via })
    at = router + 4
  }
  return routes
}

export function uint32(value: number): Uint8Array {
  const octets = new Uint8Array(4)
  new DataView(octets.buffer).setUint32(0, value)
  return octets
}

export function addressList(addresses: readonly IpAddress[]): Uint8Array {
  return Uint8Array.from(addresses.flatMap((address) => Array.from(toBytes(address))))
}

export function asciiText(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0x7f)
}

/** Names without compression. */
export function nameList(names: readonly string[]): Uint8Array {
  const octets: number[] = []
  for (const name of names) {
    for (const label of withoutFinalDot(name).split('.')) octets.push(label.length, ...asciiText(label))
    octets.push(0)
  }
  return Uint8Array.from(octets)
}
