/** Which failures say that something was not claimed, and which are failures. */
import { NetError } from '@ioth/core'
import { expect, test } from 'vitest'
import { NeedsVirtualTime, notClaimed } from './not-claimed.ts'

const missing = (what: string): NetError =>
  new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'call', { message: `the stack "x" does not implement ${what}` })
const full = { udp: 'full', ping: true } as const

test.each([
  ['datagrams without connect', { ...full, udp: 'connected' }, 'udp: connected'],
  ['ping', { ...full, ping: false }, 'ping: false'],
] as const)('%s: where the manifest does not claim it', (what, manifest, claim) => {
  const told = new Error('a test failed', { cause: missing(what) })
  expect(notClaimed(told, [full, manifest])?.claim).toBe(claim)
  expect(notClaimed(told, [full])).toBe(null)
})

test('what waits for minutes, however deep; nothing else', () => {
  const wait = new NeedsVirtualTime(100_000)
  expect(wait.claim).toBe("virtualTime: false; it waits 100 s of its network's time")
  expect(notClaimed(new Error('a property failed', { cause: new Error('run 1', { cause: wait }) }))).toBe(wait)
  expect(notClaimed(missing('multicast'), [{ ...full, ping: false }])).toBe(null)
  expect(notClaimed(new NetError('ECONNRESET', 'ping'), [{ ...full, ping: false }])).toBe(null)
  expect(notClaimed('nothing')).toBe(null)
})
