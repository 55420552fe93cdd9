/**
 * Streams: what was written arrives in order, once, whatever the lines do (P-01, P-02, P-03), and the same seed gives the same frames.
 *
 * @module
 */
import { FULL_OFFLOAD } from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { schedule } from '../arbitraries/schedule.ts'
import { streamPlans } from '../arbitraries/stream-plan.ts'
import type { Lan } from '../lan/lan.ts'
import { durationMs, type Schedule } from '../lan/schedule.ts'
import { type Conversation, Service } from '../lan/service.ts'
import type { StreamPlan } from '../lan/stream-driver.ts'
import type { SceneOptions, Suite } from '../suite.ts'

interface Plans {
  readonly client: StreamPlan
  readonly server: StreamPlan
}

/**
 * How long a transfer may go on after the last fault (P-03): the retransmission timer may have backed off to a minute or two, and small
 * windows take their time.
 */
const AFTER_THE_LAST_FAULT_MS = 400_000

export function tcpStream(suite: Suite): void {
  const { capabilities } = suite

  const transfer = (name: string, plans: Plans, options: SceneOptions): Promise<void> =>
    suite.withScene(name, options, async ({ lan, a, b }) => {
      const service = new Service(b, 80)
      const talk = service.converse(a, plans.client, plans.server)
      await finished(lan, [talk], options.schedule)
    })

  suite.property('P-01 stream integrity on a sound line', streamPlans(), (plans, seed) =>
    transfer('P-01 sound', plans, { seed }),
  )

  suite.property(
    'P-01 P-02 P-03 stream integrity under loss, delay, reordering, duplication and corruption',
    fc.record({ plans: streamPlans(60_000), faults: schedule() }),
    ({ plans, faults }, seed) => transfer('P-01 faults', plans, { seed, schedule: faults }),
    { share: 2 },
  )

  const limits = fc.record({
    sendBuffer: fc.integer({ min: 2000, max: 100_000 }),
    receiveBuffer: fc.integer({ min: 2000, max: 100_000 }),
  })
  suite.property(
    'P-01 stream integrity with small buffers',
    fc.record({ plans: streamPlans(60_000), limits, faults: schedule(10_000) }),
    ({ plans, limits: small, faults }, seed) =>
      transfer('P-01 buffers', plans, { seed, limits: small, schedule: faults }),
  )

  const mtu = fc.oneof(fc.constantFrom(576, 1280, 9000), fc.integer({ min: 576, max: 9000 }))
  suite.property(
    'P-01 stream integrity for every MTU',
    fc.record({ plans: streamPlans(60_000), mtu }),
    (value, seed) => transfer('P-01 MTU', value.plans, { seed, mtu: value.mtu }),
    { share: 0.5 },
  )

  if (capabilities.superSegments) {
    suite.property(
      'P-01 stream integrity with super-segments and without checksums',
      streamPlans(400_000),
      (plans, seed) => transfer('P-01 super-segments', plans, { seed, offload: FULL_OFFLOAD }),
      { share: 0.5 },
    )
  }

  suite.property(
    'P-01 many connections at once under faults',
    fc.record({ all: fc.array(streamPlans(20_000), { minLength: 2, maxLength: 12 }), faults: schedule(10_000) }),
    ({ all, faults }, seed) =>
      suite.withScene('P-01 many', { seed, schedule: faults }, async ({ lan, a, b }) => {
        const service = new Service(b, 80)
        const talks = all.map(({ client, server }) => service.converse(a, client, server))
        await finished(lan, talks, faults)
      }),
    { share: 0.5 },
  )

  suite.test('10 MB each way with 5 % loss and 10 ms', async ({ lan, a, b }) => {
    for (const host of [a, b]) host.impair({ loss: 0.05, delayMs: 10 })
    const service = new Service(b, 80)
    const size = 10_000_000
    const talk = service.converse(a, { send: size, lend: true }, { send: size, lend: true })
    await lan.until(
      () => talk.isDone,
      3_600_000,
      () => `${talk}`,
    )
  })

  if (capabilities.virtualTime) {
    suite.property(
      'P-24 the same seed gives the same frames, octet for octet',
      fc.record({ plans: streamPlans(30_000), faults: schedule(5000) }),
      async ({ plans, faults }, seed) => {
        const run = async (): Promise<string[]> => {
          let trace: string[] = []
          await suite.withScene('P-24', { seed, schedule: faults }, async ({ lan, a, b }) => {
            const service = new Service(b, 80)
            await finished(lan, [service.converse(a, plans.client, plans.server)], faults)
            trace = lan.trace.flatMap(({ host, frames }) =>
              frames.map(
                ({ direction, time, octets }) =>
                  `${host} ${direction} ${time} ${Buffer.from(octets).toString('base64')}`,
              ),
            )
          })
          return trace
        }
        const [first, second] = [await run(), await run()]
        expect(second.length).toBe(first.length)
        const place = first.findIndex((line, index) => line !== second[index])
        expect(place, `frame ${place} differs`).toBe(-1)
      },
      { share: 0.25 },
    )
  }
}

/** Waits until all conversations ended in order. */
async function finished(lan: Lan, talks: readonly Conversation[], faults: Schedule = []): Promise<void> {
  const limit = durationMs(faults) + AFTER_THE_LAST_FAULT_MS
  const failed = (): Conversation | undefined => talks.find(({ client, server }) => client.error ?? server?.error)
  const isOver = (): boolean => failed() !== undefined || talks.every(({ isDone }) => isDone)
  await lan.until(isOver, limit, () => talks.filter(({ isDone }) => !isDone).join('\n'))
  if (failed() !== undefined) throw new Error(`a connection failed: ${failed()}`)
}
