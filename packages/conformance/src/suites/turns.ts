/**
 * Time and turns: the work of one turn is bounded, busy connections hold up no others, clocks may jump, idle stacks are silent
 * (P-12, P-13, P-27).
 *
 * @module
 */
import fc from 'fast-check'
import { expect } from 'vitest'
import { streamPlans } from '../arbitraries/stream-plan.ts'
import { FrameChecker } from '../checker/frame-checker.ts'
import { durationMs } from '../lan/schedule.ts'
import { Service } from '../lan/service.ts'
import type { Suite } from '../suite.ts'

/** Frames a stack may send in one turn, however much there is to send. */
const FRAMES_IN_A_TURN = 1024
/** Of each connection, in octets: what it may send at once. */
const BUFFER = 6000
/** Turns that a question and its answer may take beside busy connections. */
const TURNS_FOR_AN_ANSWER = 200
const ROUTER_SOLICITATION = 133

export function turns(suite: Suite): void {
  suite.familyProperty(
    'P-27 connections at full rate: the work of a turn is bounded, and a question beside them is answered within some turns',
    fc.record({
      busy: fc.integer({ min: 1, max: 3 }),
      sizes: fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 4 }),
    }),
    ({ busy, sizes }, seed, family) =>
      suite.withScene(
        'P-27',
        { seed, family, limits: { sendBuffer: BUFFER, receiveBuffer: BUFFER } },
        async ({ lan, a, b }) => {
          const service = new Service(b, 80)
          const endless = {
            send: 1_000_000_000,
            writeSizes: sizes.map((size) => size + 1000),
            finish: 'never',
          } as const
          const greedy = Array.from({ length: busy }, () => service.converse(a, endless, endless))
          await lan.until(() => greedy.every(({ server }) => server !== null && server.incoming.read > 0), 60_000)
          const question = service.converse(a, { send: 1 }, { send: 1 })
          let turnsTaken = 0
          let seen = a.frames.length
          let most = 0
          const isAnswered = (): boolean => {
            turnsTaken++
            const sent = a.frames.slice(seen).filter(({ direction }) => direction === 'out').length
            seen = a.frames.length
            most = Math.max(most, sent)
            return question.isDone || turnsTaken > TURNS_FOR_AN_ANSWER
          }
          await lan.until(isAnswered, 60_000, () => `${question}`)
          expect(question.isDone, `answered after ${turnsTaken} turns`).toBe(true)
          expect(most, 'frames in one turn').toBeLessThanOrEqual(FRAMES_IN_A_TURN)
          for (const { client } of greedy) client.socket.reset()
        },
      ),
  )

  suite.familyProperty(
    'P-13 an idle stack sends nothing but what is documented, whatever it did before',
    fc.record({ all: fc.array(streamPlans(suite.octets(5000)), { maxLength: 3 }), faults: suite.faults(2000) }),
    ({ all, faults }, seed, family) =>
      suite.withScene('P-13', { seed, family, schedule: faults }, async ({ lan, a, b }) => {
        const service = new Service(b, 80)
        const talks = all.map(({ client, server }) => service.converse(a, client, server))
        await lan.until(
          () => talks.every(({ isDone }) => isDone),
          durationMs(faults) + 400_000,
          () => talks.join('\n'),
        )
        service.close()
        await lan.wait(2 * 3_600_000)
        const before = [a, b].map(({ frames }) => frames.length)
        await lan.wait(24 * 3_600_000)
        const checker = new FrameChecker()
        const late = [a, b].flatMap(({ frames }, index) => frames.slice(before[index]))
        // A host without router asks for one for ever, less and less often (RFC 7559).
        const unasked = late.filter(({ octets }) => checker.check(octets).icmp?.type !== ROUTER_SOLICITATION)
        expect(unasked).toEqual([])
        expect(late.length, 'frames in a day').toBeLessThan(200)
      }),
  )
}
