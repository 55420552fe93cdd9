/**
 * MAC addresses (IEEE 802 48-bit). Their text form is `aa:bb:cc:dd:ee:ff`.
 *
 * @module
 */
import type { Random } from '../contract/clock.ts'
import { NetError } from '../errors/net-error.ts'

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff'

/** Reads six octets in hexadecimal, joined by colons or by hyphens. @throws NetError EINVAL */
export function parseMac(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$/i.test(text)) {
    throw new NetError('EINVAL', 'mac', { message: `"${text}" is not a MAC address, such as 02:00:00:12:34:56` })
  }
  return Uint8Array.from(text.split(/[:-]/), (octet) => Number.parseInt(octet, 16))
}

/** The text form of six octets. */
export function formatMac(octets: ArrayLike<number>, at = 0): string {
  let text = ''
  for (let i = 0; i < 6; i++) {
    text += `${i === 0 ? '' : ':'}${(octets[at + i] as number).toString(16).padStart(2, '0')}`
  }
  return text
}

/** A random address of the locally administered unicast kind. */
export function randomMac(random: Random): string {
  const octets = new Uint8Array(6)
  random.fill(octets)
  octets[0] = ((octets[0] as number) & 0xfc) | 0x02
  return formatMac(octets)
}
