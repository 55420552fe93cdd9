import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasCode } from '../errors/index.ts'
import { createFramePool, SlabPool } from './slab-pool.ts'

const slotSize = (size: number): number => (size <= 256 ? 256 : size <= 2048 ? 2048 : 65536)

describe.each([true, false])('frame pool (WebAssembly: %s)', (webAssembly) => {
  it('gives slots that never overlap, whatever the order of take, retain and release', () => {
    const command = fc.oneof(
      fc.record({ kind: fc.constant('take' as const), size: fc.constantFrom(1, 256, 257, 1514, 2048, 2049, 65536) }),
      fc.record({ kind: fc.constant('retain' as const), which: fc.nat() }),
      fc.record({ kind: fc.constant('release' as const), which: fc.nat(), inside: fc.nat() }),
    )
    fc.assert(
      fc.property(fc.array(command, { maxLength: 300 }), (commands) => {
        const pool = new SlabPool({ limit: 20 * 65536, webAssembly })
        const live: { at: number; size: number; refs: number; mark: number }[] = []
        let mark = 0
        for (const command of commands) {
          if (command.kind === 'take') {
            const at = pool.take(command.size)
            if (at === -1) continue
            const size = slotSize(command.size)
            expect(pool.room(at)).toBe(size)
            expect(at % size).toBe(0)
            for (const other of live) expect(at >= other.at + other.size || at + size <= other.at).toBe(true)
            mark = (mark + 1) & 0xff
            pool.bytes.fill(mark, at, at + size)
            live.push({ at, size, refs: 1, mark })
          } else if (live.length > 0) {
            const index = command.which % live.length
            const slot = live[index] as (typeof live)[number]
            if (command.kind === 'retain') {
              pool.retain(slot.at + slot.size - 1)
              slot.refs++
            } else {
              const inside = slot.at + (command.inside % slot.size)
              expect(pool.refs(inside)).toBe(slot.refs)
              expect(pool.room(inside)).toBe(slot.at + slot.size - inside)
              pool.release(inside)
              if (--slot.refs === 0) live.splice(index, 1)
            }
          }
          expect(pool.used).toBe(live.length)
        }
        for (const { at, size, mark } of live) {
          expect(pool.bytes[at]).toBe(mark)
          expect(pool.bytes[at + size - 1]).toBe(mark)
        }
      }),
    )
  })

  it('gives -1 at the limit, and everything again afterwards, in any size', () => {
    const pool = createFramePool({ limit: 4 * 65536 })
    const pages = 4
    for (const [size, perPage] of [
      [65536, 1],
      [200, 256],
      [1514, 32],
    ] as const) {
      const slots = Array.from({ length: pages * perPage }, () => pool.take(size))
      expect(slots).not.toContain(-1)
      expect(new Set(slots).size).toBe(slots.length)
      expect(pool.take(size)).toBe(-1)
      expect(pool.take(1)).toBe(-1)
      for (const at of slots) pool.release(at)
      expect(pool.used).toBe(0)
    }
  })

  it('keeps the octets when it grows, and detaches the old views', () => {
    const pool = new SlabPool({ webAssembly })
    const at = pool.take(65536)
    pool.view.setUint32(at, 0xdeadbeef)
    const before = pool.bytes
    const taken = [at]
    while (pool.bytes === before) taken.push(pool.take(65536))
    expect(pool.view.getUint32(at)).toBe(0xdeadbeef)
    expect(before.length).toBe(0)
    for (const slot of taken) pool.release(slot)
  })
})

describe('frame pool', () => {
  it('tells a reference given back too often', () => {
    const pool = createFramePool()
    const at = pool.take(100)
    pool.release(at)
    expect(() => pool.release(at)).toThrow(/more often than taken/)
  })

  it('refuses more than a slot holds', () => {
    expect(createFramePool().take(65537)).toBe(-1)
  })

  it('refuses a limit that makes no sense', () => {
    for (const limit of [0, -1, Number.NaN, 2 ** 32]) {
      try {
        createFramePool({ limit })
        expect.unreachable()
      } catch (error) {
        expect(hasCode(error, 'EINVAL')).toBe(true)
      }
    }
  })
})
