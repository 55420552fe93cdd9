/**
 * Ping answers, and does not lie.
 *
 * @module
 */
import { type Interface, LOOPBACK_V4, LOOPBACK_V6, parseIpAddress } from '@ioth/core'
import { expect } from 'vitest'
import { introduce } from '../lan/introduce.ts'
import type { Suite } from '../suite.ts'
import { expectRejection } from './expect-code.ts'

export function ping(suite: Suite): void {
  if (!suite.capabilities.ping) {
    suite.notClaimed('ping', 'ping: false')
    return
  }

  suite.test('the answer tells the round trip time, size, time to live and sender', async ({ lan, a, b }) => {
    await introduce(lan, a, b)
    for (const host of [a, b]) host.impair({ delayMs: 7 })
    const reply = await lan.settled(a.stack.ping(b.address))
    expect(reply).toMatchObject({ size: 56, ttl: 64 })
    expect(`${reply.from}`).toBe(`${b.address}`)
    if (lan.virtual !== null) expect(reply.microseconds).toBe(14_000)
  })

  const wholeEcho = suite.family === 4 ? 'R-ICMP4-02' : 'R-ICMP6-04 P-19'
  suite.test(`${wholeEcho} all sizes come back whole, in fragments if need be`, async ({ lan, a, b }) => {
    for (const size of [0, 1, 1472, 1473, 8000, 65_507]) {
      const reply = await lan.settled(a.stack.ping(b.address, { size, timeoutMs: 5000 }))
      expect(reply.size).toBe(size)
    }
  })

  suite.test('a stack answers itself, and on its loopback address', async ({ lan, a }) => {
    for (const to of [a.address, suite.family === 4 ? LOOPBACK_V4 : LOOPBACK_V6]) {
      const reply = await lan.settled(a.stack.ping(to))
      expect(`${reply.from}`).toBe(`${to}`)
    }
  })

  suite.test('several at once are not mixed up', async ({ lan, a, b }) => {
    const sizes = [10, 200, 30, 400]
    const replies = await lan.settled(Promise.all(sizes.map((size) => a.stack.ping(b.address, { size }))))
    expect(replies.map(({ size }) => size)).toEqual(sizes)
  })

  suite.test('nobody there: EHOSTUNREACH; no route: ENETUNREACH', async ({ lan, a }) => {
    const nobody = a.stack.ping(lan.addressAt(99), { timeoutMs: 20_000 })
    await expectRejection(lan.settled(nobody), 'EHOSTUNREACH', { address: `${lan.addressAt(99)}` })
    const outside = parseIpAddress(suite.family === 4 ? '192.0.2.1' : '2001:db8::1')
    const far = a.stack.ping(outside)
    await expectRejection(lan.settled(far), 'ENETUNREACH', { address: `${outside}` })
  })

  suite.test('options that make no sense are refused by what they are', async ({ lan, a, b }) => {
    for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      await expectRejection(lan.settled(a.stack.ping(b.address, { timeoutMs })), 'EINVAL')
    for (const ttl of [0, 1.5, 256]) await expectRejection(lan.settled(a.stack.ping(b.address, { ttl })), 'EINVAL')
    for (const size of [-1, 1.5, suite.family === 4 ? 65_508 : 65_528])
      await expectRejection(lan.settled(a.stack.ping(b.address, { size })), 'EMSGSIZE')
  })

  suite.test(
    'the interface goes: EHOSTUNREACH, and whoever waits for an address of it: ENETDOWN',
    async ({ lan, a }) => {
      const [on] = a.stack.interfaces as [Interface]
      const pinging = expectRejection(a.stack.ping(lan.addressAt(99), { timeoutMs: 20_000 }), 'EHOSTUNREACH')
      const adding = expectRejection(on.addAddress(lan.addressAt(77), suite.family === 4 ? 24 : 64), 'ENETDOWN')
      const since = lan.now
      await lan.settled(Promise.all([on.remove(), pinging, adding]))
      expect((lan.now - since) / 1e6).toBeLessThan(5)
    },
  )

  if (suite.family === 4)
    suite.test('an address of IPv4 in the form of IPv6 is one of IPv4', async ({ lan, a, b }) => {
      const reply = await lan.settled(a.stack.ping(parseIpAddress(`::ffff:${b.address}`)))
      expect(`${reply.from}`).toBe(`${b.address}`)
    })

  suite.test('no answer: ETIMEDOUT after the time asked for', async ({ lan, a, b }) => {
    await introduce(lan, a, b)
    b.impair({ loss: 1 })
    const since = lan.now
    await expectRejection(lan.settled(a.stack.ping(b.address, { timeoutMs: 3000 })), 'ETIMEDOUT', {
      address: `${b.address}`,
    })
    if (lan.virtual !== null) expect((lan.now - since) / 1e6).toBeCloseTo(3, 1)
  })

  suite.test('it can be given up: AbortError with the reason as its cause', async ({ lan, a, b }) => {
    await introduce(lan, a, b)
    b.impair({ loss: 1 })
    const controller = new AbortController()
    const reason = new Error('enough')
    const pinging = a.stack.ping(b.address, { timeoutMs: 60_000, signal: controller.signal })
    controller.abort(reason)
    const error = await lan.settled(
      pinging.then(
        () => null,
        (failure: unknown) => failure as Error,
      ),
    )
    expect(error).toMatchObject({ name: 'AbortError', cause: reason })
    const aborted = a.stack.ping(b.address, { signal: AbortSignal.abort(reason) })
    await expect(lan.settled(aborted)).rejects.toMatchObject({ name: 'AbortError', cause: reason })
  })
}
