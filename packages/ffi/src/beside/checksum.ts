/**
 * The Internet checksum (RFC 1071), as libraries' frames are changed beside them.
 *
 * @module
 */

/** The sum over some octets, not folded. */
export function sumOf(view: DataView, at: number, length: number): number {
  let sum = 0
  for (let word = at; word + 1 < at + length; word += 2) sum += view.getUint16(word)
  if ((length & 1) !== 0) sum += view.getUint8(at + length - 1) << 8
  return sum
}

/** The sum in 16 bits. */
export function fold(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000)
  return folded
}

/** A word that is summed was changed: the checksum at a place follows (RFC 1624: HC' = ~(~HC + ~m + m')). */
export function patchSum(view: DataView, sumAt: number, before: number, after: number): void {
  view.setUint16(sumAt, ~fold((~view.getUint16(sumAt) & 0xffff) + (~before & 0xffff) + after))
}
