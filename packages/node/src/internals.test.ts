import { expect, test } from 'vitest'
import { compareInternals, describeDifference } from './internals.ts'
import { loadNatives } from './native.ts'

const natives = loadNatives()
const prototypes = {
  TCP: natives.TCP.prototype,
  UDP: natives.UDP.prototype,
  JSStream: natives.JSStream.prototype,
  ChannelWrap: natives.cares.ChannelWrap.prototype,
}
const major = Number(process.versions.node.split('.')[0])

test('this Node has every class and method that is needed, and none that is unknown', () => {
  expect(natives.difference).toEqual({ unknown: [], missing: [] })
  expect(describeDifference(natives.difference, process.versions.node)).toBeNull()
})

test('what a Node of the future adds or drops is named', () => {
  const future = Object.create(null, Object.getOwnPropertyDescriptors(natives.TCP.prototype))
  Object.defineProperty(future, 'teleport', { value() {} })
  const { unknown, missing } = compareInternals({ ...prototypes, TCP: future }, { 'tls_wrap.wrap': undefined }, major)
  expect(unknown).toEqual(['TCP.teleport'])
  // The parents' members are gone.
  expect(missing).toContain('TCP.readStart')
  expect(missing).not.toContain('TCP.bind')
  expect(missing).toContain('tls_wrap.wrap')
})

test('what came later than a version is unknown in it', () => {
  const newer = Object.create(natives.TCP.prototype, { getTypeOfService: { value() {} } })
  expect(compareInternals({ ...prototypes, TCP: newer }, {}, 22).unknown).toContain('TCP.getTypeOfService')
})

test('a version that nobody has seen is said to be one, and what is new in one that was seen is named', () => {
  expect(describeDifference({ unknown: [], missing: [] }, '27.1.0')).toMatch(
    /^Node 27\.1\.0 .*tested with 20, 22, 24, 26/,
  )
  const line = describeDifference({ unknown: ['TCP.teleport'], missing: [] }, '24.99.0')
  expect(line).toMatch(/^Node 24\.99\.0 .*TCP\.teleport/)
  expect(line).not.toMatch(/tested with/)
})
