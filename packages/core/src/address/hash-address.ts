/**
 * IPv6 addresses from names, as the tools of the Internet of Threads compute them: whoever knows the network and the name knows the
 * address, without asking anybody.
 *
 * @module
 */
import { md5 } from '@noble/hashes/legacy.js'
import { NetError } from '../errors/net-error.ts'
import { IpAddress } from './ip-address.ts'

/** The universal/local and the group bit of the interface identifier (RFC 4291 2.5.1), in its first octet: an address of ours has neither. */
const FLAGS = 0x03000000

/**
 * The address of a name: the lower 64 bits of the base, combined by exclusive or with the first eight octets of the name's MD5; the two low
 * bits of the ninth octet are cleared.
 * @param base an IPv6 network, or an address in it.
 * @param name fully qualified; a dot at its end makes no difference.
 * @throws NetError EINVAL
 */
export function hashAddress(base: IpAddress, name: string): IpAddress {
  if (base.family !== 6) throw new NetError('EINVAL', 'address', { message: `"${base}" is not an IPv6 address` })
  const octets = md5(new TextEncoder().encode(name.replace(/\.$/, '')))
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const w2 = (base.w2 ^ view.getInt32(0)) & ~FLAGS
  return new IpAddress(6, base.w0, base.w1, w2, base.w3 ^ view.getInt32(4), base.scope)
}
