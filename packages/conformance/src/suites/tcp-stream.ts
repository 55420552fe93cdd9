/**
 * Streams: what was written arrives in order, once, whatever the lines do (P-01, P-02, P-03), and the same seed gives the same frames.
 *
 * @module
 */
import { FULL_OFFLOAD } from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
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

  const plans = streamPlans(suite.octets(150_000))
  const shorter = streamPlans(suite.octets(60_000))

  suite.familyProperty('P-01 stream integrity on a sound line', plans, (value, seed, family) =>
    transfer('P-01 sound', value, { seed, family }),
  )

  suite.familyProperty(
    'P-01 P-02 P-03 stream integrity under loss, delay, reordering, duplication, damage, outages and changes of the MTU',
    fc.record({ plans: shorter, faults: suite.faults() }),
    (value, seed, family) => transfer('P-01 faults', value.plans, { seed, family, schedule: value.faults }),
  )

  const limits = fc.record({
    sendBuffer: fc.integer({ min: 2000, max: 100_000 }),
    receiveBuffer: fc.integer({ min: 2000, max: 100_000 }),
  })
  suite.familyProperty(
    'P-01 stream integrity with small buffers',
    fc.record({ plans: shorter, limits, faults: suite.faults(10_000) }),
    (value, seed, family) =>
      transfer('P-01 buffers', value.plans, { seed, family, limits: value.limits, schedule: value.faults }),
  )

  const mtu = fc.oneof(fc.constantFrom(576, 1280, 9000), fc.integer({ min: 576, max: 9000 }))
  suite.familyProperty(
    'P-01 stream integrity for every MTU',
    fc.record({ plans: shorter, mtu }),
    (value, seed, family) =>
      transfer('P-01 MTU', value.plans, { seed, family, mtu: family === 4 ? value.mtu : Math.max(1280, value.mtu) }),
  )

  if (capabilities.superSegments) {
    suite.familyProperty(
      'P-01 stream integrity with super-segments and without checksums',
      streamPlans(suite.octets(400_000)),
      (value, seed, family) => transfer('P-01 super-segments', value, { seed, family, offload: FULL_OFFLOAD }),
    )
  }

  suite.familyProperty(
    'P-01 many connections at once under faults',
    fc.record({
      all: fc.array(streamPlans(suite.octets(20_000)), { minLength: 2, maxLength: 12 }),
      faults: suite.faults(10_000),
    }),
    ({ all, faults }, seed, family) =>
      suite.withScene('P-01 many', { seed, family, schedule: faults }, async ({ lan, a, b }) => {
        const service = new Service(b, 80)
        const talks = all.map(({ client, server }) => service.converse(a, client, server))
        await finished(lan, talks, faults)
      }),
  )

  // A library without selective acknowledgements waits seconds for each loss.
  const large = suite.isVirtual ? 10_000_000 : 300_000
  suite.test(`${large / 1e6} MB each way with 5 % loss and 10 ms`, async ({ lan, a, b }) => {
    for (const host of [a, b]) host.impair({ loss: 0.05, delayMs: 10 })
    const service = new Service(b, 80)
    const talk = service.converse(a, { send: large, lend: true }, { send: large, lend: true })
    await lan.until(
      () => talk.isDone,
      3_600_000,
      () => `${talk}`,
    )
  })

  if (capabilities.virtualTime) {
    suite.familyProperty(
      'P-24 the same seed gives the same frames, octet for octet',
      fc.record({ plans: streamPlans(30_000), faults: suite.faults(5000) }),
      async ({ plans, faults }, seed, family) => {
        const run = async (): Promise<string[]> => {
          let trace: string[] = []
          await suite.withScene('P-24', { seed, family, schedule: faults }, async ({ lan, a, b }) => {
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
