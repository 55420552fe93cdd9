/** H-23 H-28: what nobody must foresee looks like noise, and tells nobody what others got. */
import { createPortTable, createRandom, createSeededRandom, IpAddress, type PortBinding, type Random } from '@ioth/core'
import { describe, expect, test } from 'vitest'
import { PacketIds } from '../src/ip/packet-id.ts'
import { TupleSecret } from '../src/tcp/isn.ts'

const SAMPLES = 100_000
const LOCAL = 0x0a000001

/** Where numbers of a range come from, one after the other. */
interface Source {
  readonly name: string
  readonly range: number
  make(random: Random): () => number
}

const local = IpAddress.v4(LOCAL)

const SOURCES: readonly Source[] = [
  {
    name: 'initial sequence numbers',
    range: 2 ** 32,
    // One connection after the other to the ports of one host, all in the same instant.
    make: (random) => {
      const secret = new TupleSecret(random)
      let port = 0
      return () => secret.initialSequence(LOCAL, 40_000 + (port & 1023), 0x0a000002, port++ >> 10, 0) >>> 0
    },
  },
  {
    name: 'ports of connections, each to another destination',
    range: 28_232,
    make: (random) => {
      const ports = createPortTable(random)
      let host = 0
      return () => {
        const binding = ports.bindFor(6, local, IpAddress.v4(0x0b000000 + host++), 80, () => true)
        binding.release()
        return binding.port - 32_768
      }
    },
  },
  {
    name: 'ports the stack chooses for datagrams',
    range: 28_232,
    make: (random) => {
      const ports = createPortTable(random)
      return () => {
        const binding: PortBinding = ports.bind(17, local, 0)
        binding.release()
        return binding.port - 32_768
      }
    },
  },
  {
    name: 'IP ids, each for another destination',
    range: 65_536,
    make: (random) => {
      const ids = new PacketIds(random)
      let host = 0
      return () => ids.next(LOCAL, 0x0b000000 + (host++ % 3000), 17)
    },
  },
  {
    name: 'IP ids for one destination',
    range: 65_536,
    make: (random) => {
      const ids = new PacketIds(random)
      return () => ids.next(LOCAL, 0x0a000002, 17)
    },
  },
]

describe.each(SOURCES)('$name', ({ range, make }) => {
  const draw = make(createSeededRandom(20))
  const samples = Array.from({ length: SAMPLES }, draw)

  test('H-23 are spread evenly', () => {
    const cells = 256
    const counts = new Float64Array(cells)
    for (const sample of samples) counts[Math.floor((sample / range) * cells)]! += 1
    const expected = SAMPLES / cells
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    // 255 degrees of freedom: more than 370 comes once in a million. A permutation is more even than chance, which is no harm.
    expect(chiSquare).toBeLessThan(370)
  })

  test('H-23 do not follow from those before: no step is frequent, and there is no correlation', () => {
    const steps = new Map<number, number>()
    for (let i = 1; i < SAMPLES; i++) {
      const step = (samples[i]! - samples[i - 1]! + range) % range
      steps.set(step, (steps.get(step) ?? 0) + 1)
    }
    const most = Math.max(...steps.values())
    expect(most, 'the most frequent step').toBeLessThan(Math.max(40, (SAMPLES / range) * 12))
    const mean = (range - 1) / 2
    const variance = (range * range - 1) / 12
    for (const lag of [1, 2, 3, 7, 64, 256, 1024]) {
      let sum = 0
      for (let i = lag; i < SAMPLES; i++) sum += (samples[i]! - mean) * (samples[i - lag]! - mean)
      const correlation = sum / variance / (SAMPLES - lag)
      // Six standard deviations.
      expect(Math.abs(correlation), `correlation at lag ${lag}`).toBeLessThan(6 / Math.sqrt(SAMPLES))
    }
  })

  test('H-23 are others with another secret', () => {
    const [one, other] = [make(createRandom()), make(createRandom())]
    let equal = 0
    for (let i = 0; i < 1000; i++) if (one() === other()) equal++
    expect(equal).toBeLessThan(20)
  })
})

test('R-IP4-08 H-28 ids: each once in 65536 for one destination and protocol', () => {
  const ids = new PacketIds(createSeededRandom(9))
  for (const protocol of [1, 17]) {
    const first = Array.from({ length: 65_536 }, () => ids.next(LOCAL, 7, protocol))
    expect(new Set(first).size).toBe(65_536)
    expect(ids.next(LOCAL, 7, protocol)).toBe(first[0])
  }
})

test('H-28 ids: what one destination sees does not tell how much others got', () => {
  const seen = (others: number): number[] => {
    const ids = new PacketIds(createSeededRandom(9))
    ids.next(LOCAL, 1, 17)
    ids.next(LOCAL, 2, 17)
    return Array.from({ length: 100 }, (_, i) => {
      for (let n = 0; n < others * (i & 3); n++) ids.next(LOCAL, 2, 17)
      return ids.next(LOCAL, 1, 17)
    })
  }
  expect(seen(5)).toEqual(seen(0))
  // Also not when there are very many of them: the one in use is forgotten last.
  const ids = new PacketIds(createSeededRandom(9))
  const drawn = new Set<number>()
  for (let i = 0; i < 5000; i++) {
    drawn.add(ids.next(LOCAL, 1, 17))
    ids.next(LOCAL, 1000 + i, 17)
  }
  expect(drawn.size).toBe(5000)
})

test('H-28 ports: what one destination sees does not tell how many connections others got', () => {
  const seen = (others: number): number => {
    const ports = createPortTable(createSeededRandom(9))
    const draw = (host: number): number => ports.bindFor(6, local, IpAddress.v4(0x0a000000 + host), 80, () => true).port
    let disturbed = 0
    for (let host = 2; host < 102; host++) {
      const before = draw(host)
      for (let n = 0; n < others; n++) draw(1)
      if ((draw(host) - before + 28_232) % 28_232 !== 1) disturbed++
    }
    return disturbed
  }
  expect(seen(0)).toBe(0)
  expect(seen(7)).toBeLessThanOrEqual(3)
})
