/**
 * Readiness is level-triggered, and nothing happens inside a call: no frame, no upcall.
 *
 * @module
 */
import { CLOSED, type Endpoint, ERROR, READABLE, type TcpSocket, WRITABLE } from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { streamPlans } from '../arbitraries/stream-plan.ts'
import type { Host } from '../lan/host.ts'
import type { Lan } from '../lan/lan.ts'
import { durationMs } from '../lan/schedule.ts'
import { Service } from '../lan/service.ts'
import type { Suite } from '../suite.ts'

export function readiness(suite: Suite): void {
  const { capabilities } = suite

  suite.property(
    'at every step: an upcall is queued exactly while ready & interest is not 0',
    fc.record({ plans: streamPlans(20_000), faults: suite.faults(3000) }),
    ({ plans, faults }, seed) =>
      suite.withScene('readiness', { seed, schedule: faults }, async ({ lan, a, b }) => {
        const service = new Service(b, 80)
        const talk = service.converse(a, plans.client, plans.server)
        const isOver = (): boolean => {
          for (const host of [a, b]) for (const { endpoint } of host.stack.sockets()) checkQueued(endpoint)
          return talk.isDone
        }
        await lan.until(isOver, durationMs(faults) + 400_000, () => `${talk}`)
      }),
  )

  suite.test(
    'READABLE stays until everything is read; interest given back and taken again reports it',
    async ({ lan, a, b }) => {
      const service = new Service(b, 80)
      const talk = service.converse(a, { send: 10, finish: 'never' }, { paused: true, finish: 'never' })
      await lan.until(() => ((talk.server?.socket.ready ?? 0) & READABLE) !== 0, 10_000)
      const socket = talk.server?.socket as TcpSocket
      let upcalls = 0
      socket.onReady = () => {
        upcalls++
        socket.interest = 0
      }
      for (const expected of [1, 2, 3]) {
        socket.interest = READABLE
        expect(upcalls, 'no upcall inside the assignment').toBe(expected - 1)
        await lan.wait(1)
        expect(upcalls).toBe(expected)
      }
      expect(socket.read(new Uint8Array(9), 0, 9)).toBe(9)
      expect(socket.ready & READABLE).toBe(READABLE)
      expect(socket.read(new Uint8Array(9), 0, 9)).toBe(1)
      expect(socket.ready & READABLE).toBe(0)
      socket.interest = READABLE
      await lan.wait(1)
      expect(upcalls).toBe(3)
    },
  )

  suite.test('lend consumes what it showed, also when the sink throws or stops', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    const talk = service.converse(a, { send: 30_000, finish: 'never' }, { paused: true, finish: 'never' })
    await lan.wait(1000)
    const socket = talk.server?.socket as TcpSocket
    let shown = 0
    expect(() =>
      socket.lend(100, {
        bytes: (memory, offset, length) => {
          talk.up.received(memory, offset, length)
          shown += length
          throw new Error('the sink has a bug')
        },
      }),
    ).toThrow('the sink has a bug')
    expect(shown).toBeGreaterThan(0)
    let pieces = 0
    const count = socket.lend(20_000, {
      bytes: (memory, offset, length) => {
        talk.up.received(memory, offset, length)
        pieces++
        return false
      },
    })
    expect(pieces, 'pieces after false').toBe(1)
    expect(shown + count).toBe(talk.up.read)
    talk.server?.resume()
    await lan.until(
      () => talk.up.read === 30_000,
      10_000,
      () => `${talk}`,
    )
  })

  suite.test('lend pins what it shows: the sink may reset the socket', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    const talk = service.converse(a, { send: 5000, finish: 'never' }, { paused: true, finish: 'never' })
    await lan.wait(1000)
    const socket = talk.server?.socket as TcpSocket
    socket.lend(100, {
      bytes: (memory, offset, length) => {
        socket.reset()
        talk.up.received(memory, offset, length)
        return true
      },
    })
    await lan.until(() => talk.server?.closed === true, 10_000)
  })

  suite.test('no call emits a frame or runs an upcall before it returns', async ({ lan, a, b }) => {
    const watch = new CallWatch(lan, [a, b])
    const listening = b.openTcp()
    watch.call('bind', () => listening.bind(b.any, 80))
    const listener = watch.call('listen', () => listening.listen(4))
    watch.observe(listener)
    const client = a.openTcp()
    watch.observe(client)
    watch.call('connect', () => client.connect(b.address, 80))
    await lan.until(() => (listener.ready & READABLE) !== 0, 10_000)
    const server = watch.call('accept', () => listener.accept()) as TcpSocket
    watch.observe(server)
    await lan.until(() => (client.ready & WRITABLE) !== 0, 10_000)
    const octets = new Uint8Array(5000)
    watch.call('write', () => client.write(octets, 0, 5000))
    await lan.until(() => (server.ready & READABLE) !== 0, 10_000)
    watch.call('read', () => server.read(octets, 0, 100))
    watch.call('lend', () => server.lend(100_000, { bytes: () => true }))
    watch.call('shutdown', () => client.shutdown())
    await lan.wait(10)
    watch.call('close of the listener', () => listener.close())
    watch.call('close', () => server.close())
    watch.call('reset', () => client.reset())
    await lan.wait(10)
    if (capabilities.udp !== 'none') {
      const socket = a.openUdp()
      watch.observe(socket)
      watch.call('bind', () => socket.bind(a.any, 53))
      watch.call('send', () => socket.send(octets, 0, 100, b.address, 53))
      await lan.wait(10)
      watch.call('close', () => socket.close())
    }
    if (capabilities.ping) {
      const pinging = watch.call('ping', () => a.stack.ping(b.address))
      await lan.settled(pinging)
    }
  })

  suite.test('CLOSED comes last, and once; then the socket is silent', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    const talk = service.converse(a, { send: 100 }, { send: 100 })
    const seen: number[] = []
    const { socket } = talk.client
    const { onReady } = socket
    socket.onReady = (source, bits) => {
      seen.push(bits)
      onReady?.(source, bits)
    }
    await lan.until(
      () => talk.isClosed,
      300_000,
      () => `${talk}`,
    )
    await lan.wait(300_000)
    expect(seen.filter((bits) => (bits & CLOSED) !== 0).length).toBe(1)
    expect((seen.at(-1) as number) & CLOSED).toBe(CLOSED)
    expect(socket.queued).toBe(false)
  })
}

/** The invariant of `Pollable`, as seen between two steps of the scheduler. */
function checkQueued(endpoint: Endpoint): void {
  const due = (endpoint.ready & endpoint.interest) !== 0 && endpoint.onReady !== null
  if (due && !endpoint.queued)
    throw new Error(`ready ${endpoint.ready} & interest ${endpoint.interest}, but no upcall is queued`)
}

/** Makes calls, and notices what happens inside them. */
class CallWatch {
  private readonly lan: Lan
  private readonly hosts: readonly Host[]
  private inside: string | null = null

  constructor(lan: Lan, hosts: readonly Host[]) {
    this.lan = lan
    this.hosts = hosts
  }

  observe(endpoint: Endpoint): void {
    endpoint.onReady = () => {
      // An upcall without a reading program comes again and again; once is enough.
      endpoint.interest = 0
      if (this.inside !== null) throw new Error(`an upcall inside ${this.inside}`)
    }
    endpoint.interest = READABLE | WRITABLE | ERROR | CLOSED
  }

  call<Result>(name: string, action: () => Result): Result {
    const before = this.count()
    const { now } = this.lan
    this.inside = name
    const result = action()
    this.inside = null
    expect(this.count() - before, `frames inside ${name}`).toBe(0)
    if (this.lan.virtual !== null) expect(this.lan.now, `time spent inside ${name}`).toBe(now)
    return result
  }

  private count(): number {
    return this.hosts.reduce((sum, { frames }) => sum + frames.length, 0)
  }
}
