/**
 * Reading octets in network order, one by one. The checker shares no code with what it checks, and here plain beats fast.
 *
 * @module
 */

export function u8(octets: Uint8Array, at: number): number {
  return octets[at] as number
}

export function u16(octets: Uint8Array, at: number): number {
  return u8(octets, at) * 256 + u8(octets, at + 1)
}

export function u32(octets: Uint8Array, at: number): number {
  return u16(octets, at) * 65536 + u16(octets, at + 2)
}

export function macText(octets: Uint8Array, at: number): string {
  return Array.from(octets.subarray(at, at + 6), (octet) => octet.toString(16).padStart(2, '0')).join(':')
}

export function ipv4Text(octets: Uint8Array, at: number): string {
  return Array.from(octets.subarray(at, at + 4)).join('.')
}

/** Eight groups, not abbreviated: a key, and clear enough for people. */
export function ipv6Text(octets: Uint8Array, at: number): string {
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push(u16(octets, at + i).toString(16))
  return groups.join(':')
}

export function isZero(octets: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (octets[at] !== 0) return false
  return true
}

export function hex(value: number, digits = 4): string {
  return `0x${value.toString(16).padStart(digits, '0')}`
}

/** RFC 1071 by the book: 16-bit words, end-around carry, complement. An odd last octet is followed by a zero. */
export function internetChecksum(...pieces: readonly Uint8Array[]): number {
  let sum = 0
  let high = true
  for (const piece of pieces) {
    for (const octet of piece) {
      sum += high ? octet * 256 : octet
      high = !high
      if (sum > 0xffff) sum -= 0xffff
    }
  }
  return 0xffff - sum
}
