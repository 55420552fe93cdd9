/**
 * Sequence number arithmetic (RFC 9293 3.4): modulo 2^32, held as signed 32-bit integers, compared by the sign of the difference.
 *
 * Times in milliseconds wrap in the same way, and are compared by the same functions.
 *
 * @module
 */

export function add(sequence: number, octets: number): number {
  return (sequence + octets) | 0
}

/** How far `to` lies ahead of `from`; negative when it lies behind. */
export function distance(from: number, to: number): number {
  return (to - from) | 0
}

export function lessThan(a: number, b: number): boolean {
  return ((a - b) | 0) < 0
}

export function lessOrEqual(a: number, b: number): boolean {
  return ((a - b) | 0) <= 0
}

export function later(a: number, b: number): number {
  return ((a - b) | 0) < 0 ? b : a
}

/** Whether `left <= sequence < left + size`. */
export function inWindow(sequence: number, left: number, size: number): boolean {
  return (sequence - left) >>> 0 < size
}
