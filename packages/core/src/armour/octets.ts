/**
 * Fields in network order, out of octets.
 *
 * @module
 */

/** The 16-bit field at a place. */
export function half(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

/** The 32-bit field at a place, as a signed number. */
export function word(bytes: Uint8Array, at: number): number {
  return (half(bytes, at) << 16) | half(bytes, at + 2)
}

/** Whether all octets from one place up to another are the same one. */
export function areAll(bytes: Uint8Array, from: number, to: number, octet: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== octet) return false
  return true
}

/** Whether the same octets stand at two places. */
export function areEqual(bytes: Uint8Array, one: number, other: number, length: number): boolean {
  for (let index = 0; index < length; index++) if (bytes[one + index] !== bytes[other + index]) return false
  return true
}

/**
 * RFC 1071 sum of an even number of octets, folded to 16 bits: for headers, where the call of a faster sum costs more than it saves.
 * @param initial a sum to go on from.
 */
export function shortSum(bytes: Uint8Array, at: number, length: number, initial: number): number {
  let sum = initial
  for (let place = at; place < at + length; place += 2)
    sum += ((bytes[place] as number) << 8) | (bytes[place + 1] as number)
  sum = (sum & 0xffff) + (sum >>> 16)
  return (sum & 0xffff) + (sum >>> 16)
}
