import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SlabPool } from './slab-pool.ts'

/** RFC 1071 section 1, word by word. */
function naiveSum(octets: Uint8Array, initial = 0): number {
  let sum = initial
  for (let i = 0; i < octets.length; i += 2) {
    sum += ((octets[i] as number) << 8) | (octets[i + 1] ?? 0)
    sum = (sum & 0xffff) + (sum >>> 16)
  }
  return sum
}

const pools = [
  ['WebAssembly SIMD', new SlabPool()],
  ['32-bit words', new SlabPool({ webAssembly: false })],
] as const

describe.each(pools)('checksum by %s (P-18)', (name, pool) => {
  const slot = pool.take(65536)
  const other = pool.take(65536)
  const octets = fc.uint8Array({ maxLength: 400 })
  const initial = fc.integer({ min: 0, max: 0xffff })

  it('is bound to the intended implementation', () => {
    expect(pool.usesSimd).toBe(name === 'WebAssembly SIMD')
  })

  it('P-18 equals the naive sum at every alignment', () => {
    fc.assert(
      fc.property(octets, fc.nat(70), initial, (data, offset, start) => {
        pool.bytes.fill(0xa5, slot, slot + 600)
        pool.bytes.set(data, slot + offset)
        expect(pool.sum(slot + offset, data.length, start)).toBe(naiveSum(data, start))
      }),
    )
  })

  it('P-18 equals the naive sum for every length up to 300', () => {
    for (let length = 0; length <= 300; length++) {
      const data = Uint8Array.from({ length }, (_, i) => (i * 151 + length) & 0xff)
      pool.bytes.set(data, slot + (length % 7))
      expect(pool.sum(slot + (length % 7), length)).toBe(naiveSum(data))
    }
  })

  it('P-18 goes on from any even split', () => {
    fc.assert(
      fc.property(octets, fc.nat(200), fc.nat(3), (data, half, offset) => {
        const split = Math.min(half * 2, data.length & ~1)
        pool.bytes.set(data.subarray(0, split), slot + offset)
        pool.bytes.set(data.subarray(split), other + 1)
        const first = pool.sum(slot + offset, split)
        expect(pool.sum(other + 1, data.length - split, first)).toBe(naiveSum(data))
      }),
    )
  })

  it('does not overflow on the largest slot', () => {
    pool.bytes.fill(0xff, slot, slot + 65536)
    expect(pool.sum(slot, 65536)).toBe(0xffff)
    expect(pool.sum(slot, 65535, 0xffff)).toBe(naiveSum(new Uint8Array(65535).fill(0xff), 0xffff))
    pool.bytes.fill(0, slot, slot + 65536)
    expect(pool.sum(slot, 65536)).toBe(0)
  })

  it('sees the slab after it has grown', () => {
    const slots = Array.from({ length: 40 }, () => pool.take(65536))
    const at = slots.at(-1) as number
    pool.bytes.set([1, 2, 3], at)
    expect(pool.sum(at, 3)).toBe(0x0102 + 0x0300)
    for (const each of slots) pool.release(each)
  })
})
