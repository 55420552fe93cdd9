/**
 * A stack comes up ready, and leaves nothing behind.
 *
 * @module
 */
import { CLOSED, ERROR, parseIpAddress, READABLE, type TcpSocket } from '@ioth/core'
import { expect } from 'vitest'
import { withLan } from '../lan/lan.ts'
import { Service } from '../lan/service.ts'
import type { Suite } from '../suite.ts'
import { expectRejection, expectThrow } from './expect-code.ts'
import { listen } from './tcp-peer.ts'

export function lifecycle(suite: Suite): void {
  const { subject, capabilities } = suite

  suite.plainTest('the backend says what it is', async () => {
    const { backend } = subject
    expect(backend.name).toMatch(/^[a-z][a-z0-9-]*$/)
    expect(backend.license).not.toBe('')
    expect((await backend.probe()).usable).toBe(true)
  })

  suite.test('a stack is ready when createStack settles', ({ a }) => {
    const { stack } = a
    expect(stack.backend).toBe(subject.backend.name)
    expect(stack.name).toBe('a')
    expect(stack.capabilities).toEqual(subject.backend.capabilities)
    const [interface_] = stack.interfaces
    expect(interface_?.mtu).toBe(1500)
    expect(interface_?.mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/)
    expect(interface_?.addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`)).toContain(a.cidr)
    const socket = stack.openTcp(4)
    socket.bind(a.address, 80)
    expect(`${socket.localAddress}:${socket.localPort}`).toBe('10.0.0.1:80')
    socket.close()
  })

  suite.test('close: idempotent, closed settles, and nothing is opened afterwards', async ({ lan, a }) => {
    const first = a.stack.close()
    const second = a.stack.close()
    await lan.settled(Promise.all([first, second, a.stack.closed]))
    expectThrow(() => a.stack.openTcp(4), 'ENETDOWN')
    if (capabilities.udp !== 'none') expectThrow(() => a.stack.openUdp(4), 'ENETDOWN')
    await lan.settled(a.stack.close())
  })

  suite.test('close with open sockets: each is closed, the peer sees the end', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    const talk = service.converse(a, { send: 5000, finish: 'never' }, { finish: 'after-peer' })
    const listening = new Service(a, 81)
    await lan.until(
      () => talk.up.read === 5000,
      10_000,
      () => `${talk}`,
    )
    // A graceful close is an end like any other.
    talk.up.ended = true
    await lan.settled(a.stack.close())
    await lan.until(
      () => talk.client.closed,
      1000,
      () => 'CLOSED of the connection',
    )
    expect(listening.listener.ready & CLOSED).toBe(CLOSED)
    expect(talk.up.endSeen || talk.server?.error?.code === 'ECONNRESET', `${talk.server}`).toBe(true)
    expect([...a.stack.sockets()].map(({ state }) => state)).toEqual([])
  })

  suite.test(
    'close with open sockets: each is closed, the peer sees the end of both directions',
    async ({ lan, a, b }) => {
      const listener = listen(b)
      const client = a.stack.openTcp(b.address.family)
      client.connect(b.address, 80)
      await lan.until(
        () => (listener.ready & READABLE) !== 0,
        5000,
        () => `a connection, not ${client.state}`,
      )
      const server = listener.accept() as TcpSocket
      await lan.settled(a.stack.close())
      await lan.until(
        () => (server.ready & ERROR) !== 0,
        1000,
        () => `a reset, in ${server.state}`,
      )
      // As on Linux it depends on whether the peer's own end had come.
      expect(server.error?.code).toMatch(/^(ECONNRESET|EPIPE)$/)
    },
  )

  suite.test('asyncDispose closes', async ({ lan, a }) => {
    await lan.settled(Promise.resolve(a.stack[Symbol.asyncDispose]()))
    await lan.settled(a.stack.closed)
    expectThrow(() => a.stack.openTcp(4), 'ENETDOWN')
  })

  if (capabilities.teardown === 'full' && capabilities.virtualTime) {
    suite.test('P-11 a closed stack holds no memory, no timer, no port and no process', async ({ lan, a, b }) => {
      const service = new Service(b, 80)
      const talk = service.converse(a, { send: 300_000 }, { send: 300_000 })
      await lan.until(
        () => talk.isDone,
        60_000,
        () => `${talk}`,
      )
      await lan.settled(Promise.all([a.stack.close(), b.stack.close()]))
      await lan.wait(1)
      const left = [lan.pool.used, lan.virtual?.timers, lan.virtual?.holds, a.ports.size, b.ports.size]
      expect(left, 'memory, timers, holds, ports of a, ports of b').toEqual([0, 0, 0, 0, 0])
    })

    suite.test('P-13 idle is silent', async ({ lan, a, b }) => {
      await lan.wait(10_000)
      const before = a.frames.length + b.frames.length
      await lan.wait(24 * 3_600_000)
      expect(a.frames.length + b.frames.length - before, 'frames in a day without sockets').toBe(0)
      expect(lan.virtual?.nextTimer, 'no timer is armed').toBe(-1)
    })
  }

  suite.test('an address that somebody has: EADDRINUSE', async ({ lan, a, b }) => {
    await expectRejection(lan.join({ ...suite.host(), name: 'thief', address: `${b.address}/24` }), 'EADDRINUSE', {
      address: '10.0.0.2',
    })
    const service = new Service(b, 80)
    const talk = service.converse(a, { send: 10 }, { send: 10 })
    await lan.until(
      () => talk.isDone,
      60_000,
      () => `the owner serves on: ${talk}`,
    )
  })

  const malformed = [['10.0.0.1/33'], ['10.0.0.300/24'], ['ten/24']]
  for (const addresses of malformed) {
    suite.test(`the address ${addresses[0]} is refused: EINVAL`, async ({ lan }) => {
      const { scheduler, pool } = lan
      const link = lan.link('new')
      const making = suite.host().backend.createStack({ scheduler, pool, interfaces: [{ link, addresses }] })
      await expectRejection(lan.settled(making, 20_000), 'EINVAL')
    })
  }

  suite.test('unknown settings are refused by name', async ({ lan }) => {
    const { scheduler, pool } = lan
    const making = suite.host().backend.createStack({ scheduler, pool, interfaces: [], settings: { noSuchSetting: 1 } })
    const failed = lan.settled(making, 20_000).then(
      () => null,
      (error: unknown) => error as Error,
    )
    expect((await failed)?.message).toContain('noSuchSetting')
  })

  suite.test('an interface can be added and removed', async ({ lan, a }) => {
    const link = lan.link('second')
    const added = await lan.settled(a.stack.addInterface({ link, addresses: ['10.9.0.1/24'] }), 20_000)
    expect(a.stack.interfaces.includes(added)).toBe(true)
    const socket = a.stack.openTcp(4)
    socket.bind(parseIpAddress('10.9.0.1'), 80)
    socket.close()
    await lan.settled(added.remove())
    expect(a.stack.interfaces.includes(added)).toBe(false)
    expect(link.state).toBe('closed')
    const late = a.stack.openTcp(4)
    expectThrow(() => late.bind(parseIpAddress('10.9.0.1'), 80), 'EADDRNOTAVAIL', { address: '10.9.0.1', port: 80 })
    late.close()
  })

  suite.test('an address can be added and removed', async ({ lan, a }) => {
    const [interface_] = a.stack.interfaces
    const address = parseIpAddress('10.0.0.77')
    const adding = interface_?.addAddress(address, 24)
    await lan.settled(adding as Promise<void>, 20_000)
    const socket = a.stack.openTcp(4)
    socket.bind(address, 80)
    socket.close()
    interface_?.removeAddress(address)
    const late = a.stack.openTcp(4)
    expectThrow(() => late.bind(address, 80), 'EADDRNOTAVAIL', { address: '10.0.0.77', port: 80 })
    late.close()
    expectThrow(() => interface_?.removeAddress(address), 'EADDRNOTAVAIL')
  })

  if (capabilities.stacksPerThread > 2) {
    suite.plainTest('several stacks in one thread, each with port 80', async () => {
      const hosts = [suite.host(), suite.peer(), suite.host(), suite.peer()]
      await withLan({ hosts, name: `${subject.name} several stacks` }, async (lan) => {
        const services = lan.hosts.map((host) => new Service(host, 80))
        const talks = services.flatMap((service) =>
          lan.hosts
            .filter((host) => host !== service.host)
            .map((host) => service.converse(host, { send: 3000 }, { send: 2000 })),
        )
        await lan.until(
          () => talks.every(({ isDone }) => isDone),
          60_000,
          () => talks.join('\n'),
        )
      })
    })
  }
}
