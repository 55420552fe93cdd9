import { createVirtualScheduler } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Demux } from './demux.ts'

/** Few values, so that tuples meet again. */
const tuple = fc.tuple(fc.nat(2), fc.nat(3), fc.nat(2), fc.nat(12))
const command = fc.record({ kind: fc.constantFrom('insert', 'remove', 'find'), tuple })

test('P-26 behaves like a map by four-tuple, whatever the order of insertions and removals', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.array(command, { maxLength: 300 }), (seed, commands) => {
      const { random } = createVirtualScheduler({ seed })
      const demux = new Demux<string>(random)
      const model = new Map<string, string>()
      for (const [index, { kind, tuple: key }] of commands.entries()) {
        const name = key.join()
        if (kind === 'insert') {
          expect(demux.insert(...key, `${name}#${index}`)).toBe(!model.has(name))
          if (!model.has(name)) model.set(name, `${name}#${index}`)
        } else if (kind === 'remove') {
          demux.remove(...key)
          model.delete(name)
        }
        expect(demux.find(...key)).toBe(model.get(name) ?? null)
        expect(demux.size).toBe(model.size)
      }
      expect(demux.list().sort()).toEqual([...model.values()].sort())
    }),
  )
})
