import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MacTable } from './mac-table.ts'

const high = fc.integer({ min: 0, max: 3 })
const low = fc.integer({ min: -4, max: 4 })
const port = fc.integer({ min: 1, max: 4 })
const command = fc.oneof(
  fc.record({ kind: fc.constant('learn' as const), high, low, port }),
  fc.record({ kind: fc.constant('remove' as const), port }),
  fc.record({ kind: fc.constant('expire' as const), age: fc.integer({ min: 0, max: 10 }) }),
)

describe('the learning table', () => {
  test('is a map from address to port', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), fc.integer(), (commands, salt) => {
        const table = new MacTable(1000, salt)
        const model = new Map<string, { port: number; seen: number }>()
        for (const [tick, each] of commands.entries()) {
          const version = table.version
          const before = [...model].map(([key, { port }]) => `${key}:${port}`).sort()
          if (each.kind === 'learn') {
            expect(table.learn(each.high, each.low, each.port, tick)).toBe(true)
            model.set(`${each.high} ${each.low}`, { port: each.port, seen: tick })
          } else if (each.kind === 'remove') {
            table.removePort(each.port)
            for (const [key, entry] of model) if (entry.port === each.port) model.delete(key)
          } else {
            table.expire(tick - each.age)
            for (const [key, entry] of model) if (entry.seen < tick - each.age) model.delete(key)
          }
          const after = [...model].map(([key, { port }]) => `${key}:${port}`).sort()
          if (before.join() !== after.join()) expect(table.version).not.toBe(version)
          for (let h = 0; h <= 3; h++) {
            for (let l = -4; l <= 4; l++) expect(table.find(h, l)).toBe(model.get(`${h} ${l}`)?.port ?? -1)
          }
          expect(table.size).toBe(model.size)
          for (let p = 1; p <= 4; p++) {
            expect(table.countOf(p)).toBe([...model.values()].filter((entry) => entry.port === p).length)
          }
        }
      }),
    )
  })

  test('one port cannot push the others out', () => {
    const table = new MacTable(100, 1)
    for (let l = 0; l < 20_000; l++) expect(table.learn(0, l, 1, 0)).toBe(l < 100)
    expect(table.learn(1, 0, 2, 0)).toBe(true)
    expect(table.find(1, 0)).toBe(2)
    // What it has stays known.
    expect(table.learn(0, 5, 1, 1)).toBe(true)
  })

  test('it is never more than half full', () => {
    const table = new MacTable(1_000_000, 7)
    let learned = 0
    for (let l = 0; l < 20_000; l++) if (table.learn(0, l, l % 50, 0)) learned++
    expect(learned).toBe(8192)
    expect(table.find(0, 8191)).toBe(8191 % 50)
    expect(table.find(9, 9)).toBe(-1)
  })
})
