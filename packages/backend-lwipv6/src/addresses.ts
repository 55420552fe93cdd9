/**
 * Addresses as LWIPv6 has them: 16 octets for both families, IPv4 in its mapped form, in a mask too; and the host's socket addresses.
 *
 * @module
 */
import { endianness } from 'node:os'
import { fromBytes, IpAddress, toBytes } from '@ioth/core'

export const AF_INET = 2
export const AF_INET6 = 10

const IS_LITTLE = endianness() === 'LE'
/** `struct sockaddr_in` and `struct sockaddr_in6`. */
const SIZE4 = 16
export const SIZE6 = 28

/** `struct ip_addr` */
export function ipAddr(address: IpAddress): Uint8Array {
  return toBytes(address.mapped())
}

/** The mask of a prefix, as `struct ip_addr`. */
export function maskOf(family: 4 | 6, prefixLength: number): Uint8Array {
  const mask = new Uint8Array(16)
  const bits = family === 4 ? 96 + prefixLength : prefixLength
  for (let bit = 0; bit < bits; bit++) mask[bit >> 3] = (mask[bit >> 3] as number) | (0x80 >> (bit & 7))
  return mask
}

/** `struct sockaddr_in` or `struct sockaddr_in6`. */
export function sockaddr(address: IpAddress, port: number): Uint8Array {
  const octets = new Uint8Array(address.family === 4 ? SIZE4 : SIZE6)
  const view = new DataView(octets.buffer)
  view.setUint16(0, address.family === 4 ? AF_INET : AF_INET6, IS_LITTLE)
  view.setUint16(2, port)
  octets.set(toBytes(address), address.family === 4 ? 4 : 8)
  return octets
}

/** For a socket of a family: IPv4 in its mapped form on a socket of IPv6. */
export function sockaddrFor(family: 4 | 6, address: IpAddress, port: number): Uint8Array {
  return sockaddr(family === 6 ? address.mapped() : address, port)
}

/** Room for a socket address, and for its length. */
export class SockaddrBuffer {
  readonly octets: Uint8Array = new Uint8Array(SIZE6)
  readonly length: Uint8Array = new Uint8Array(4)
  private readonly view = new DataView(this.octets.buffer)

  /** Before each call that fills it. */
  clear(): this {
    this.octets.fill(0)
    new DataView(this.length.buffer).setUint32(0, SIZE6, IS_LITTLE)
    return this
  }

  get port(): number {
    return this.view.getUint16(2)
  }

  /** The address, IPv4 as such. */
  get address(): IpAddress {
    if (this.view.getUint16(0, IS_LITTLE) === AF_INET6) return fromBytes(this.octets, 8, 16).unmapped()
    return IpAddress.v4(this.view.getInt32(4))
  }
}
