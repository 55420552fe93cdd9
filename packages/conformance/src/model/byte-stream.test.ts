import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteStreamModel, ModelViolation } from './byte-stream.ts'

function written(model: ByteStreamModel, length: number): Uint8Array {
  const octets = new Uint8Array(length)
  model.produce(octets, length)
  model.wrote(length)
  return octets
}

describe('a stream read as it was written', () => {
  it('is accepted in whatever pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 })),
        fc.array(fc.integer({ min: 1, max: 50 })),
        (writes, reads) => {
          const model = new ByteStreamModel('s', 3)
          const pieces = writes.map((length) => written(model, length))
          const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]))
          let at = 0
          for (const length of [...reads, whole.length]) {
            const count = Math.min(length, whole.length - at)
            model.received(whole, at, count)
            at += count
          }
          model.ended = true
          model.receivedEnd()
          expect(model.isComplete).toBe(true)
        },
      ),
    )
  })
})

describe('anything else is a violation', () => {
  const cases: readonly [string, (model: ByteStreamModel) => void][] = [
    ['a changed octet', (model) => model.received(written(model, 10).fill(0, 4, 5), 0, 10)],
    ['a lost octet', (model) => model.received(written(model, 10), 1, 9)],
    [
      'a repeated octet',
      (model) => {
        const octets = written(model, 10)
        model.received(octets, 0, 5)
        model.received(octets, 4, 5)
      },
    ],
    ['more than was written', (model) => model.received(new Uint8Array(11), 0, written(model, 10).length + 1)],
    ['an end that nobody made', (model) => model.receivedEnd()],
    [
      'an end before the last octet',
      (model) => {
        model.received(written(model, 10), 0, 9)
        model.ended = true
        model.receivedEnd()
      },
    ],
    [
      'a write after the end',
      (model) => {
        model.ended = true
        model.wrote(1)
      },
    ],
  ]
  it.each(cases)('%s', (_name, act) => {
    expect(() => act(new ByteStreamModel('s', 1))).toThrow(ModelViolation)
  })

  it('octets of another stream', () => {
    const octets = written(new ByteStreamModel('other', 2), 10)
    const model = new ByteStreamModel('s', 1)
    model.wrote(10)
    expect(() => model.received(octets, 0, 10)).toThrow(ModelViolation)
  })
})
