/**
 * After everything is closed nothing is left (P-11), and counters only grow (P-29).
 *
 * @module
 */
import { ERROR, parseIpAddress } from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { streamPlans } from '../arbitraries/stream-plan.ts'
import type { Lan } from '../lan/lan.ts'
import { durationMs } from '../lan/schedule.ts'
import { Service } from '../lan/service.ts'
import type { Suite } from '../suite.ts'

export function resources(suite: Suite): void {
  const { capabilities } = suite

  suite.test('sockets() lists what there is, with its state', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    const talk = service.converse(a, { finish: 'never' }, { finish: 'never' })
    await lan.until(() => talk.server !== null && talk.client.connected, 10_000)
    const [info, ...others] = [...a.stack.sockets()]
    expect(others.length).toBe(0)
    expect(info?.endpoint === talk.client.socket, 'the very socket').toBe(true)
    expect(`${info?.transport} ${info?.state}`).toBe('tcp ESTABLISHED')
    const states = [...b.stack.sockets()].map(({ transport, state }) => `${transport} ${state}`)
    expect(states.sort()).toEqual(['tcp ESTABLISHED', 'tcp LISTEN'])
    if (capabilities.udp !== 'none') {
      const socket = a.stack.openUdp(4)
      socket.bind(a.address, 53)
      expect([...a.stack.sockets()].map(({ transport, state }) => `${transport} ${state}`)).toContain('udp ')
    }
  })

  suite.property(
    'P-29 counters never decrease',
    fc.record({ plans: streamPlans(20_000), faults: suite.faults(3000) }),
    ({ plans, faults }, seed) =>
      suite.withScene('P-29', { seed, schedule: faults }, async ({ lan, a, b }) => {
        const service = new Service(b, 80)
        const talk = service.converse(a, plans.client, plans.server)
        let last = [a.stack.counters(), b.stack.counters()]
        for (let round = 0; round < 20; round++) {
          await lan.wait(500)
          const now = [a.stack.counters(), b.stack.counters()]
          for (const [index, counters] of last.entries())
            for (const [name, count] of Object.entries(counters))
              expect(now[index]?.[name] ?? -1, name).toBeGreaterThanOrEqual(count)
          last = now
        }
        expect(talk.client.error).toBe(null)
      }),
  )

  if (!capabilities.virtualTime) {
    suite.notClaimed('P-11 nothing is left', 'virtualTime: false; it takes hours')
    return
  }

  suite.familyProperty(
    'P-11 after all connections ended nothing is left but the listener',
    fc.record({
      all: fc.array(streamPlans(suite.octets(10_000)), { minLength: 1, maxLength: 5 }),
      faults: suite.faults(5000),
    }),
    ({ all, faults }, seed, family) =>
      suite.withScene('P-11', { seed, family, schedule: faults }, async ({ lan, a, b }) => {
        const service = new Service(b, 80)
        const before = await baseline(lan)
        const talks = all.map(({ client, server }) => service.converse(a, client, server))
        await lan.until(
          () => talks.every(({ isDone }) => isDone),
          durationMs(faults) + 400_000,
          () => talks.join('\n'),
        )
        expect(await baseline(lan)).toEqual(before)
        service.close()
      }),
  )

  suite.test('P-11 nor after refused, reset, aborted, unreachable and timed-out ones', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    const before = await baseline(lan)
    const reset = service.converse(a, { send: 100_000, finish: 'never' }, { paused: true, finish: 'never' })
    await lan.wait(1000)
    reset.client.socket.reset()
    const refused = a.stack.openTcp(4)
    refused.connect(b.address, 81)
    const unreachable = a.stack.openTcp(4)
    unreachable.connect(parseIpAddress('10.0.0.99'), 80)
    const aborted = a.stack.openTcp(4)
    aborted.connect(b.address, 80)
    aborted.close()
    await lan.until(() => (refused.ready & unreachable.ready & ERROR) !== 0, 60_000)
    refused.close()
    unreachable.close()
    for (const host of [a, b]) host.impair({ loss: 1 })
    const silent = a.stack.openTcp(4)
    silent.connect(b.address, 80)
    await lan.until(() => (silent.ready & ERROR) !== 0, 600_000)
    silent.close()
    for (const host of [a, b]) host.impair({ loss: 0 })
    expect(await baseline(lan)).toEqual(before)
    service.close()
  })

  if (capabilities.udp !== 'none') {
    suite.test('P-11 nor of datagrams nobody read and fragments that never met', async ({ lan, a, b }) => {
      const before = await baseline(lan)
      const receiver = b.stack.openUdp(4)
      receiver.bind(b.address, 53)
      const sender = a.stack.openUdp(4)
      a.impair({ loss: 0.4 })
      for (let i = 0; i < 50; i++) {
        sender.send(new Uint8Array(3000), 0, 3000, b.address, 53)
        sender.send(new Uint8Array(3000), 0, 3000, parseIpAddress('10.0.0.99'), 53)
        await lan.wait(10)
      }
      a.impair({ loss: 0 })
      receiver.close()
      sender.close()
      expect(await baseline(lan)).toEqual(before)
    })
  }
}

/** What is held once every timeout has passed. */
async function baseline(lan: Lan): Promise<Record<string, unknown>> {
  await lan.wait(2 * 3_600_000)
  return {
    slots: lan.pool.used,
    timers: lan.virtual?.timers,
    holds: lan.virtual?.holds,
    ports: lan.hosts.map(({ ports }) => ports.size),
    sockets: lan.hosts.map(({ stack }) => [...stack.sockets()].length),
    lingering: lan.hosts.map(({ stack }) => stack.lingering),
  }
}
