/** Which failures say that something was not claimed, and which are failures. */
import { NetError } from '@ioth/core'
import { expect, test } from 'vitest'
import { NeedsVirtualTime, notClaimed } from './not-claimed.ts'

const missing = (call: string): NetError => new NetError('ERR_IOTH_NOT_IMPLEMENTED', call)
const full = { udp: 'full', ping: true, slaac: true } as const

test.each([
  ['send', { ...full, udp: 'connected' }, 'udp: connected'],
  ['ping', { ...full, ping: false }, 'ping: false'],
  ['SLAAC', { ...full, slaac: false }, 'slaac: false'],
] as const)('%s: where the manifest does not claim it', (what, manifest, claim) => {
  const told = new Error('a test failed', { cause: missing(what) })
  expect(notClaimed(told, [full, manifest])?.claim).toBe(claim)
  expect(notClaimed(told, [full])).toBe(null)
})

test('what waits for minutes, however deep; nothing else', () => {
  const wait = new NeedsVirtualTime(100_000)
  expect(wait.claim).toBe("virtualTime: false; it waits 100 s of its network's time")
  expect(notClaimed(new Error('a property failed', { cause: new Error('run 1', { cause: wait }) }))).toBe(wait)
  expect(notClaimed(missing('join'), [{ ...full, ping: false }])).toBe(null)
  expect(notClaimed(new NetError('ECONNRESET', 'ping'), [{ ...full, ping: false }])).toBe(null)
  expect(notClaimed('nothing')).toBe(null)
})
