import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRandom, createSeededRandom, uniform, uniformInteger } from './random.ts'

describe('seeded randomness', () => {
  it('repeats from its seed and differs between seeds', () => {
    const draw = (seed: number): number[] => {
      const random = createSeededRandom(seed)
      return Array.from({ length: 8 }, () => random.int32())
    }
    fc.assert(
      fc.property(fc.maxSafeInteger(), (seed) => {
        expect(draw(seed)).toEqual(draw(seed))
        expect(draw(seed)).not.toEqual(draw(seed === 0 ? 1 : -seed))
      }),
    )
  })

  it('fills octets as it gives numbers', () => {
    const octets = new Uint8Array(7)
    createSeededRandom(9).fill(octets)
    const numbers = createSeededRandom(9)
    const words = new DataView(new ArrayBuffer(8))
    words.setInt32(0, numbers.int32(), true)
    words.setInt32(4, numbers.int32(), true)
    expect([...octets]).toEqual([...new Uint8Array(words.buffer).subarray(0, 7)])
  })
})

describe.each([
  ['seeded', createSeededRandom(3)],
  ['unpredictable', createRandom()],
])('%s randomness', (_, random) => {
  it('has every bit set about half of the time', () => {
    const ones = new Array<number>(32).fill(0)
    for (let i = 0; i < 4000; i++) {
      const value = random.int32()
      expect(value | 0).toBe(value)
      for (let bit = 0; bit < 32; bit++) ones[bit] = (ones[bit] as number) + ((value >>> bit) & 1)
    }
    // Ten standard deviations of a binomial distribution: a chance of about 1e-21.
    for (const count of ones) expect(Math.abs(count - 2000)).toBeLessThan(320)
  })

  it('fills more than one request of the host gives', () => {
    const octets = new Uint8Array(200_001)
    random.fill(octets)
    expect(octets.subarray(199_900).some((octet) => octet !== 0)).toBe(true)
    expect(octets.subarray(70_000, 70_100).some((octet) => octet !== 0)).toBe(true)
  })

  it('makes fractions and integers within their bounds', () => {
    for (let i = 0; i < 1000; i++) {
      const fraction = uniform(random)
      expect(fraction >= 0 && fraction < 1).toBe(true)
      const integer = uniformInteger(random, 7)
      expect(integer >= 0 && integer < 7 && Number.isInteger(integer)).toBe(true)
    }
    expect(new Set(Array.from({ length: 200 }, () => uniformInteger(random, 3))).size).toBe(3)
  })
})
