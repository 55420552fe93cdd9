/**
 * IP addresses as immutable values. Parsing and printing is ipaddr.js's work (RFC 4291, RFC 5952).
 *
 * @module
 */
import ipaddr from 'ipaddr.js'
import { NetError } from '../errors/net-error.ts'

/**
 * An IPv4 or IPv6 address. The words hold it as four signed 32-bit integers in network order; an IPv4 address is held in its
 * IPv4-mapped form (`w0 = w1 = 0`, `w2 = 0xffff`, `w3` the address), so that one key serves both families.
 */
export class IpAddress {
  readonly family: 4 | 6
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
  /** Interface index of a link-local IPv6 address (RFC 4007); 0: none is given. */
  readonly scope: number
  /** Name of the interface, as in `fe80::1%eth0`, until a stack puts its index into {@link scope}; `''`: none is given. */
  readonly zone: string
  private text: string | null = null
  private twin: IpAddress | null = null

  constructor(family: 4 | 6, w0: number, w1: number, w2: number, w3: number, scope = 0, zone = '') {
    this.family = family
    this.w0 = w0 | 0
    this.w1 = w1 | 0
    this.w2 = w2 | 0
    this.w3 = w3 | 0
    this.scope = scope
    this.zone = zone
  }

  /** An IPv4 address from its 32 bits. */
  static v4(word: number): IpAddress {
    return new IpAddress(4, 0, 0, 0xffff, word)
  }

  /** Dotted quad or RFC 5952 text, with the scope of a link-local address: `fe80::1%2`. */
  toString(): string {
    this.text ??= format(this)
    return this.text
  }

  /** Whether family and octets are the same; scopes are not compared. */
  equals(other: IpAddress): boolean {
    return (
      this.w3 === other.w3 &&
      this.w2 === other.w2 &&
      this.w1 === other.w1 &&
      this.w0 === other.w0 &&
      this.family === other.family
    )
  }

  get isUnspecified(): boolean {
    return this.w3 === 0 && this.w0 === 0 && this.w1 === 0 && (this.family === 4 || this.w2 === 0)
  }

  get isLoopback(): boolean {
    if (this.family === 4) return this.w3 >>> 24 === 127
    return this.w0 === 0 && this.w1 === 0 && this.w2 === 0 && this.w3 === 1
  }

  get isMulticast(): boolean {
    return this.family === 4 ? this.w3 >>> 28 === 0xe : this.w0 >>> 24 === 0xff
  }

  get isLinkLocal(): boolean {
    return this.family === 4 ? this.w3 >>> 16 === 0xa9fe : this.w0 >>> 22 === 0x3fa
  }

  /** IPv6 text form of an IPv4 address that came in by a dual-stack socket. */
  get isV4Mapped(): boolean {
    return this.family === 6 && this.w0 === 0 && this.w1 === 0 && this.w2 === 0xffff
  }

  /** The same four words, seen as IPv4. */
  unmapped(): IpAddress {
    if (!this.isV4Mapped) return this
    this.twin ??= IpAddress.v4(this.w3)
    return this.twin
  }

  /** The same four words, seen as IPv6. */
  mapped(): IpAddress {
    if (this.family === 6) return this
    this.twin ??= new IpAddress(6, 0, 0, 0xffff, this.w3)
    return this.twin
  }

  /** The same address on an interface; 0: on none in particular. */
  withScope(scope: number): IpAddress {
    if (this.scope === scope && this.zone === '') return this
    return new IpAddress(this.family, this.w0, this.w1, this.w2, this.w3, scope)
  }
}

export const ANY_V4: IpAddress = IpAddress.v4(0)
export const ANY_V6: IpAddress = new IpAddress(6, 0, 0, 0, 0)
export const LOOPBACK_V4: IpAddress = IpAddress.v4(0x7f000001)
export const LOOPBACK_V6: IpAddress = new IpAddress(6, 0, 0, 0, 1)
export const BROADCAST_V4: IpAddress = IpAddress.v4(-1)

/**
 * Reads an address in standard text: four decimal octets (no abbreviations, no leading zeros), or IPv6, which may name an interface by
 * index or by name: `fe80::1%2`, `fe80::1%eth0`.
 * @throws NetError EINVAL
 */
export function parseIpAddress(text: string): IpAddress {
  const address = tryParseIpAddress(text)
  if (address === null) throw new NetError('EINVAL', 'address', { message: `"${text}" is not an IP address` })
  return address
}

/** Addresses read last, by their text: a program connects to few of them, and often. They are values, so they can be shared. */
const recent = new Map<string, IpAddress>()
const MOST_RECENT = 256

/** As {@link parseIpAddress}, null instead of an error. */
export function tryParseIpAddress(text: string): IpAddress | null {
  const known = recent.get(text)
  if (known !== undefined) return known
  const address = parse(text)
  if (address === null) return null
  if (recent.size >= MOST_RECENT) recent.clear()
  recent.set(text, address)
  return address
}

function parse(text: string): IpAddress | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return fromBytes(ipaddr.IPv4.parse(text).toByteArray())
  const [bare = '', zone, ...more] = text.split('%')
  if (!bare.includes(':') || !ipaddr.IPv6.isValid(bare) || zone === '' || more.length > 0) return null
  const address = fromBytes(ipaddr.IPv6.parse(bare).toByteArray())
  if (zone === undefined) return address
  const { w0, w1, w2, w3 } = address
  return /^\d{1,9}$/.test(zone)
    ? new IpAddress(6, w0, w1, w2, w3, Number(zone))
    : new IpAddress(6, w0, w1, w2, w3, 0, zone)
}

/** An address from its 4 or 16 octets in network order. */
export function fromBytes(octets: ArrayLike<number>, at = 0, length: number = octets.length - at): IpAddress {
  const word = (i: number): number =>
    ((octets[at + i] as number) << 24) |
    ((octets[at + i + 1] as number) << 16) |
    ((octets[at + i + 2] as number) << 8) |
    (octets[at + i + 3] as number)
  if (length === 4) return IpAddress.v4(word(0))
  if (length === 16) return new IpAddress(6, word(0), word(4), word(8), word(12))
  throw new NetError('EINVAL', 'address', { message: `an IP address has 4 or 16 octets, not ${length}` })
}

/** The 4 or 16 octets in network order. */
export function toBytes(address: IpAddress): Uint8Array {
  const words = address.family === 4 ? [address.w3] : [address.w0, address.w1, address.w2, address.w3]
  const octets = new Uint8Array(words.length * 4)
  const view = new DataView(octets.buffer)
  words.forEach((word, i) => {
    view.setInt32(i * 4, word)
  })
  return octets
}

function format(address: IpAddress): string {
  const { w3 } = address
  if (address.family === 4) return `${w3 >>> 24}.${(w3 >>> 16) & 255}.${(w3 >>> 8) & 255}.${w3 & 255}`
  const v6 = new ipaddr.IPv6(Array.from(toBytes(address)))
  if (v6.isIPv4MappedAddress()) return `::ffff:${v6.toIPv4Address().toString()}`
  const text = v6.toRFC5952String()
  if (address.zone !== '') return `${text}%${address.zone}`
  return address.scope === 0 ? text : `${text}%${address.scope}`
}
