import { expect, test } from 'vitest'
import { compareMembers, loadNatives } from './native.ts'

test('this Node has every class and method that is needed, and none that is unknown', () => {
  const { TCP } = loadNatives()
  expect(compareMembers(TCP.prototype)).toEqual({ unknown: [], missing: [] })
})

test('what a Node of the future adds or drops is named', () => {
  const { TCP } = loadNatives()
  const future = Object.create(null, Object.getOwnPropertyDescriptors(TCP.prototype))
  Object.defineProperty(future, 'teleport', { value() {} })
  const { unknown, missing } = compareMembers(future)
  expect(unknown).toEqual(['teleport'])
  // The parents' members are gone.
  expect(missing).toContain('readStart')
  expect(missing).not.toContain('bind')
})
