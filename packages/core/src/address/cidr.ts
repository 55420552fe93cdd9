/**
 * Addresses with a prefix length (RFC 4632, RFC 4291 2.3), and netmasks.
 *
 * @module
 */
import { NetError } from '../errors/net-error.ts'
import { IpAddress, tryParseIpAddress } from './ip-address.ts'

/** An address and the length of its network's prefix. */
export interface Cidr {
  readonly address: IpAddress
  readonly prefixLength: number
}

/** Prefix length of an address written without one, by family. */
export interface DefaultPrefix {
  readonly v4: number
  readonly v6: number
}

/** A home-sized network: `10.40.0.32` alone means `10.40.0.32/24`. */
export const DEFAULT_PREFIX: DefaultPrefix = Object.freeze({ v4: 24, v6: 64 })

const ALL_ONES = { 4: IpAddress.v4(-1), 6: new IpAddress(6, -1, -1, -1, -1) } as const

/**
 * Reads `10.0.0.1/24`, `fc00::1/64`, or an address alone.
 * @param defaults the prefix length of an address alone.
 * @throws NetError EINVAL
 */
export function parseCidr(text: string, defaults: DefaultPrefix = DEFAULT_PREFIX): Cidr {
  const [host = '', length, ...more] = text.split('/')
  const address = tryParseIpAddress(host)
  if (address === null || more.length > 0) {
    throw invalid(`"${text}" is not an IP address with a prefix length, such as 10.0.0.1/24 or fc00::1/64`)
  }
  if (length === undefined) {
    return { address, prefixLength: address.family === 4 ? defaults.v4 : defaults.v6 }
  }
  const prefixLength = /^\d{1,3}$/.test(length) ? Number(length) : -1
  const longest = bitsOf(address)
  if (prefixLength < 0 || prefixLength > longest) {
    throw invalid(`"${text}": the prefix length of an IPv${address.family} address is 0 to ${longest}`)
  }
  return { address, prefixLength }
}

/** `10.0.0.1/24` */
export function formatCidr(cidr: Cidr): string {
  return `${cidr.address}/${cidr.prefixLength}`
}

/** Whether an address lies in the network of `network/prefixLength`. Families never match each other. */
export function inPrefix(address: IpAddress, network: IpAddress, prefixLength: number): boolean {
  if (address.family !== network.family) return false
  const bits = address.family === 4 ? prefixLength + 96 : prefixLength
  return (
    ((address.w0 ^ network.w0) & wordMask(bits, 0)) === 0 &&
    ((address.w1 ^ network.w1) & wordMask(bits, 32)) === 0 &&
    ((address.w2 ^ network.w2) & wordMask(bits, 64)) === 0 &&
    ((address.w3 ^ network.w3) & wordMask(bits, 96)) === 0
  )
}

/** The first address of the network: host bits zero. */
export function networkAddress(address: IpAddress, prefixLength: number): IpAddress {
  const { family, w0, w1, w2, w3, scope } = address
  if (family === 4) return IpAddress.v4(w3 & wordMask(prefixLength, 0))
  return new IpAddress(
    6,
    w0 & wordMask(prefixLength, 0),
    w1 & wordMask(prefixLength, 32),
    w2 & wordMask(prefixLength, 64),
    w3 & wordMask(prefixLength, 96),
    scope,
  )
}

/** The broadcast address of an IPv4 network; null where there is none: /31 (RFC 3021), /32, IPv6. */
export function broadcastAddress(address: IpAddress, prefixLength: number): IpAddress | null {
  if (address.family === 6 || prefixLength > 30) return null
  return IpAddress.v4(address.w3 | ~wordMask(prefixLength, 0))
}

/** `24` is `255.255.255.0`; in IPv6, `64` is `ffff:ffff:ffff:ffff::`. */
export function prefixToNetmask(prefixLength: number, family: 4 | 6 = 4): IpAddress {
  return networkAddress(ALL_ONES[family], prefixLength)
}

/** `255.255.255.0` is `24`. @throws NetError EINVAL when the ones are not contiguous. */
export function netmaskToPrefix(netmask: IpAddress): number {
  const prefixLength = Math.clz32(~netmask.w3)
  if (netmask.family !== 4 || netmask.w3 !== wordMask(prefixLength, 0)) {
    throw invalid(`"${netmask}" is not a netmask, such as 255.255.255.0`)
  }
  return prefixLength
}

/** Bits of an address. */
function bitsOf(address: IpAddress): number {
  return address.family === 4 ? 32 : 128
}

/** The mask of the 32-bit word that begins at bit `from`. */
function wordMask(prefixLength: number, from: number): number {
  const bits = prefixLength - from
  if (bits <= 0) return 0
  return bits >= 32 ? -1 : -1 << (32 - bits)
}

function invalid(message: string): NetError {
  return new NetError('EINVAL', 'address', { message })
}
