import { describe, expect, it } from 'vitest'
import { SipHash } from './siphash.ts'

describe('SipHash-2-4', () => {
  // Aumasson and Bernstein, appendix A, and the reference vectors for inputs of whole 32-bit words.
  const key = Uint8Array.from({ length: 16 }, (_, i) => i)
  const words = Int32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c)
  it.each([
    [0, '726fdb47dd0e0e31'],
    [1, 'cf2794e0277187b7'],
    [2, '93f5f5799a932462'],
    [3, '751e8fbc860ee5fb'],
  ])('of %i words under the reference key', (count, expected) => {
    const hash = new SipHash(key)
    const low = hash.hash(words, count) >>> 0
    const text = (hash.high >>> 0).toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
    expect(text).toBe(expected)
  })
})
