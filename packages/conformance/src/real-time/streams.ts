/**
 * Streams on the host's clock: whole, and with the end that was made (P-01, P-02, P-08).
 *
 * @module
 */
import fc from 'fast-check'
import { expect } from 'vitest'
import { pieceSizes, streamLength, streamPlans } from '../arbitraries/stream-plan.ts'
import { type Conversation, Service } from '../lan/service.ts'
import type { Scene, Suite } from '../suite.ts'
import { expectError } from '../suites/expect-code.ts'
import { interleave, step } from '../suites/tcp-close.ts'
import { exchange } from './events.ts'
import { isSound, overLines, PATIENCE_MS, type Profile } from './lines.ts'

/** Octets of a stream, at most. */
const LONG = 200_000
const SHORT = 10_000
/** What a peer still writes when its connection is reset: its next segment finds out. */
const UNREAD = 20_000
const STEPS = 15

export function streams(suite: Suite, profile: Profile): void {
  overLines(
    suite,
    profile,
    'P-01 real time: both streams arrive whole, in order, once, and end',
    (line) => streamPlans(isSound(line) ? LONG : SHORT),
    async ({ client, server }, { lan, a, b }) => {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const service = new Service(to)
        const talk = service.converse(from, client, server)
        await lan.until(
          () => talk.isDone || hasFailed(talk),
          PATIENCE_MS,
          () => `${talk}`,
        )
        expect(talk.isDone, `${talk}`).toBe(true)
        service.close()
      }
    },
  )
  ends(suite, profile)
  interleavings(suite, profile)
}

function ends(suite: Suite, profile: Profile): void {
  const [own, other] = suite.backends
  const ways: fc.Arbitrary<{ side: 'subject' | 'peer'; way: 'shutdown' | 'reset' }>[] = [
    { side: 'subject', way: 'shutdown' } as const,
    { side: 'peer', way: 'shutdown' } as const,
    // A reset that is a close may look like an end.
    ...(own.capabilities.reset === 'close' ? [] : [{ side: 'subject', way: 'reset' } as const]),
    ...(other.capabilities.reset === 'close' ? [] : [{ side: 'peer', way: 'reset' } as const]),
  ].map((one) => fc.constant(one))
  overLines(
    suite,
    profile,
    'P-02 real time: the end is read when the peer ended its stream and all of it was read; after a reset there is an error',
    (line) =>
      fc.record({
        how: fc.oneof(...ways),
        octets: streamLength(isSound(line) ? LONG : SHORT),
        readSizes: pieceSizes(),
        isClient: fc.boolean(),
      }),
    async ({ how, octets, readSizes, isClient }, { lan, a, b }) => {
      const writer = how.side === 'subject' ? a : b
      const reader = writer === a ? b : a
      const isReset = how.way === 'reset'
      const writes = { send: octets, finish: 'never', paused: isReset } as const
      const reads = { send: isReset ? UNREAD : 0, readSizes, finish: 'never' } as const
      const service = new Service(isClient ? reader : writer)
      const talk = isClient ? service.converse(writer, writes, reads) : service.converse(reader, reads, writes)
      const ends = (): { one: typeof talk.client; other: typeof talk.server } =>
        isClient ? { one: talk.client, other: talk.server } : { one: talk.server as never, other: talk.client }
      const stream = isClient ? talk.up : talk.down
      const isWritten = (): boolean =>
        talk.client.connected && talk.server?.connected === true && stream.written === octets
      await lan.until(
        () => isWritten() || hasFailed(talk),
        PATIENCE_MS,
        () => `all to be written: ${talk}`,
      )
      expect(isWritten(), `all was written: ${talk}`).toBe(true)
      const { one, other } = ends()
      if (isReset) one.socket.reset()
      else one.finish()
      await lan.until(
        () => stream.endSeen || other?.error !== null,
        PATIENCE_MS,
        () => `the ${how.way} of the ${how.side} to be seen: ${talk}`,
      )
      if (isReset) {
        expect(stream.endSeen, `an end was read after a reset: ${talk}`).toBe(false)
        expectError(other?.error, 'ECONNRESET')
      } else {
        expect(other?.error ?? null, `${talk}`).toBe(null)
        expect(stream.read).toBe(octets)
      }
      service.close()
    },
  )
}

function interleavings(suite: Suite, profile: Profile): void {
  const canHalfClose = suite.backends.every(({ capabilities }) => capabilities.halfClose !== 'on-close')
  const title =
    'P-08 real time: any interleaving of writes, reads, shutdown, close and reset ends in CLOSED on both sides'
  if (!canHalfClose)
    suite.notClaimed('P-08 real time: a half-close leaves the other direction open', 'halfClose: on-close')
  overLines(
    suite,
    profile,
    title,
    () => fc.array(step(canHalfClose), { maxLength: STEPS }),
    async (steps, scene) => {
      const beside = new Service(scene.b, 81)
      const pace = {
        patienceMs: PATIENCE_MS,
        pause: () => exchange(scene.lan, beside, scene.a),
        isLeft: (state: string) => state !== 'TIME-WAIT' && state !== 'LISTEN',
      }
      await interleave(scene, steps, pace)
      beside.close()
    },
  )
  if (canHalfClose) halfClose(suite, profile)
}

function halfClose(suite: Suite, profile: Profile): void {
  overLines(
    suite,
    profile,
    'P-08 real time: a half-close leaves the other direction open, and what comes there is intact',
    (line) => fc.record({ question: streamLength(2000), answer: streamLength(isSound(line) ? LONG : SHORT) }),
    async ({ question, answer }, { lan, a, b }: Scene) => {
      const [toB, toA] = [new Service(b), new Service(a)]
      const asks = { send: question } as const
      const answers = { send: answer, writeSizes: [1000], finish: 'after-peer' } as const
      const talks = [
        toB.converse(a, asks, answers),
        toB.converse(a, answers, asks),
        toA.converse(b, asks, answers),
        toA.converse(b, answers, asks),
      ]
      const open = (): readonly Conversation[] => talks.filter(({ isDone }) => !isDone)
      await lan.until(
        () => open().length === 0 || talks.some(hasFailed),
        PATIENCE_MS,
        () => open().join('; '),
      )
      expect(open().join('; '), 'conversations that did not end in order').toBe('')
    },
  )
}

function hasFailed({ client, server }: Conversation): boolean {
  return (client.error ?? server?.error ?? null) !== null
}
