import { READABLE } from '@ioth/core'
import { backend } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { createLan, type Registrar, Service, SUITES, Suite, withLan } from '../src/index.ts'

describe('a LAN', () => {
  it('runs the example of the README', async () => {
    const lan = await createLan({ seed: 7, hosts: [{ backend }, { backend, impair: { loss: 0.1, delayMs: 20 } }] })
    const [a, b] = lan.hosts
    const service = new Service(b!, 80)
    const talk = service.converse(a!, { send: 1_000_000 }, { send: 10, finish: 'after-peer' })
    await lan.until(() => talk.isDone)
    lan.verify()
    await lan.close()
    expect(talk.up.read).toBe(1_000_000)
  })

  it('has as many hosts as one likes, on addresses of their own, and takes more later', async () => {
    const hosts = [
      { backend, address: '10.1.0.1/16', name: 'first' },
      { backend, address: '10.1.2.3/16' },
    ]
    await withLan({ hosts }, async (lan) => {
      const late = await lan.join({ backend, name: 'late', address: '10.1.200.9/16' })
      const service = new Service(lan.host('first'), 80)
      const talks = [lan.host(1), late].map((host) => service.converse(host, { send: 100 }, { send: 100 }))
      await lan.until(() => talks.every(({ isDone }) => isDone))
      expect(lan.hosts.map(({ name }) => name)).toEqual(['first', 'b', 'late'])
      expect(() => lan.host('nobody')).toThrow('no host nobody')
    })
  })

  it('runs in real time as well', async () => {
    await withLan({ hosts: [{ backend }, { backend }], time: 'real' }, async (lan) => {
      const service = new Service(lan.host(1), 80)
      const talk = service.converse(lan.host(0), { send: 50_000 }, { send: 50_000 })
      await lan.until(() => talk.isDone, 20_000)
    })
  })

  it('tells how long it waited, for what, and where the captures are', async () => {
    const waiting = withLan({ hosts: [{ backend }, { backend }], seed: 5, name: 'waits' }, async (lan) => {
      lan.play([{ forMs: 1000, impairment: { loss: 1 } }])
      await lan.until(
        () => false,
        2000,
        () => 'the end of time',
      )
    })
    await expect(waiting).rejects.toThrow(
      /after 2000 ms still waiting for the end of time\n {2}at \d+ µs of a LAN with seed 5\n {2}schedule: \[\{"forMs":1000.*\n {2}capture of a: .*waits\.a\.pcap/,
    )
  })

  it('finds a frame that breaks a rule', async () => {
    const test = withLan({ hosts: [{ backend }, { backend }], name: 'thief' }, async (lan) => {
      // As if the stack had sent it.
      lan.host(0).frame('out', new Uint8Array(20))
    })
    await expect(test).rejects.toThrow(
      /frames break the rules ethernet\.source, ethernet\.type:\n {2}\d+ µs, a: ethernet/,
    )
  })
})

describe('a tap', () => {
  it('hears every frame and sends any octets', async () => {
    await withLan({ hosts: [{ backend }, { backend }] }, async (lan) => {
      let heard = 0
      const tap = lan.tap(() => heard++)
      const receiver = lan.host(1).stack.openUdp(4)
      receiver.bind(lan.host(1).address, 53)
      const sender = lan.host(0).stack.openUdp(4)
      sender.send(Uint8Array.of(1), 0, 1, lan.host(1).address, 53)
      await lan.until(() => (receiver.ready & READABLE) !== 0)
      expect(heard).toBeGreaterThanOrEqual(3)
      tap.send(new Uint8Array(5))
      await lan.wait(1)
    })
  })
})

describe('deviations', () => {
  interface Registered extends Record<keyof Registrar, string[]> {
    readonly checks: Map<string, () => unknown>
  }

  const registered = (deviations: NonNullable<Suite['subject']['deviations']>): Registered => {
    const seen: Registered = { test: [], fails: [], skip: [], checks: new Map() }
    const suite = new Suite(
      { name: 'x', backend, deviations },
      {
        test: (name, body) => {
          seen.test.push(name)
          seen.checks.set(name, body)
        },
        fails: (name) => seen.fails.push(name),
        skip: (name) => seen.skip.push(name),
      },
    )
    for (const register of Object.values(SUITES)) register(suite)
    suite.checkDeviations()
    return seen
  }

  it('run as tests that must fail, with their reason', () => {
    const { fails, test } = registered([{ test: 'R-TCP-53', reason: 'no such timer' }])
    expect(fails).toEqual(['R-TCP-53 the user timeout, where it can be set (deviates: no such timer)'])
    expect(test.some((name) => name.startsWith('R-TCP-53'))).toBe(false)
  })

  it('may be skipped when they would crash', () => {
    // Over IPv4 and over IPv6.
    const { skip } = registered([{ test: 'P-24', reason: 'crashes', skip: true }])
    expect(skip.filter((name) => name.startsWith('P-24')).length).toBe(2)
  })

  it('that name no test are a failure', () => {
    const deviations = ['R-TCP-53', 'R-TCP-999'].map((test) => ({ test, reason: 'a slip' }))
    const { checks } = registered(deviations)
    expect(checks.get('the deviation "R-TCP-53" names a test')).not.toThrow()
    expect(checks.get('the deviation "R-TCP-999" names a test')).toThrow('no test is called "R-TCP-999"')
  })
})
