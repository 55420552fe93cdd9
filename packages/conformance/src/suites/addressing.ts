/**
 * Addresses and ports: who may have which, and what both ends of a connection are called.
 *
 * @module
 */
import { ANY_V4, IpAddress, LOOPBACK_V4, parseIpAddress } from '@ioth/core'
import { expect } from 'vitest'
import { withLan } from '../lan/lan.ts'
import { Service } from '../lan/service.ts'
import type { Suite } from '../suite.ts'
import { expectThrow } from './expect-code.ts'

export function addressing(suite: Suite): void {
  suite.test('a port 0 is known when bind, listen and connect return', ({ a, b }) => {
    const bound = a.stack.openTcp(4)
    expect(bound.localPort).toBe(0)
    expect(bound.localAddress).toBe(null)
    bound.bind(ANY_V4, 0)
    expect(bound.localPort).toBeGreaterThan(0)
    const listener = a.stack.openTcp(4).listen(1)
    expect(listener.localPort).toBeGreaterThan(0)
    expect(listener.localPort).not.toBe(bound.localPort)
    expect(`${listener.localAddress}`).toBe('0.0.0.0')
    const connecting = a.stack.openTcp(4)
    connecting.connect(b.address, 80)
    expect(connecting.localPort).toBeGreaterThan(0)
    expect(`${connecting.localAddress}`).toBe('10.0.0.1')
    expect(`${connecting.remoteAddress}:${connecting.remotePort}`).toBe('10.0.0.2:80')
    for (const socket of [bound, listener, connecting]) socket.close()
  })

  suite.test('both ends agree on who they are', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    const talk = service.converse(a)
    await lan.until(() => talk.server !== null, 10_000)
    const { socket } = talk.client
    const other = talk.server?.socket
    expect(`${other?.remoteAddress}:${other?.remotePort}`).toBe(`${socket.localAddress}:${socket.localPort}`)
    expect(`${other?.localAddress}:${other?.localPort}`).toBe('10.0.0.2:80')
    await lan.until(
      () => talk.isDone,
      10_000,
      () => `${talk}`,
    )
  })

  suite.test('a connection from a chosen port', async ({ lan, a, b }) => {
    const listener = b.stack.openTcp(4)
    listener.bind(b.address, 80)
    const listening = listener.listen(1)
    const socket = a.stack.openTcp(4)
    socket.bind(a.address, 4321)
    socket.connect(b.address, 80)
    await lan.until(() => listening.ready !== 0, 10_000)
    const accepted = listening.accept()
    expect(accepted?.remotePort).toBe(4321)
    for (const endpoint of [socket, accepted, listening]) endpoint?.close()
  })

  suite.test('bind: an address of another host is EADDRNOTAVAIL', ({ a, b }) => {
    const socket = a.stack.openTcp(4)
    expectThrow(() => socket.bind(b.address, 80), 'EADDRNOTAVAIL', { syscall: 'bind', address: '10.0.0.2', port: 80 })
    socket.close()
  })

  suite.test('bind: twice, or after close, is EINVAL', ({ a }) => {
    const socket = a.stack.openTcp(4)
    socket.bind(ANY_V4, 80)
    expectThrow(() => socket.bind(ANY_V4, 81), 'EINVAL')
    socket.close()
    expectThrow(() => socket.bind(ANY_V4, 82), 'EINVAL')
    expectThrow(() => socket.listen(1), 'EINVAL')
  })

  suite.test('a second listener on a port is EADDRINUSE, wildcard or not', ({ a }) => {
    for (const [first, second] of [
      [ANY_V4, ANY_V4],
      [ANY_V4, a.address],
      [a.address, ANY_V4],
      [a.address, a.address],
    ] as const) {
      const socket = a.stack.openTcp(4)
      socket.bind(first, 80)
      const listener = socket.listen(1)
      const late = a.stack.openTcp(4)
      expectThrow(
        () => {
          late.bind(second, 80)
          late.listen(1)
        },
        'EADDRINUSE',
        { address: `${second}`, port: 80 },
      )
      late.close()
      listener.close()
    }
    const again = a.stack.openTcp(4)
    again.bind(ANY_V4, 80)
    again.listen(1).close()
  })

  suite.test('a listener comes back at once beside old connections of its port', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    const talk = service.converse(a, { finish: 'never' }, { send: 1 })
    await lan.until(
      () => talk.down.endSeen,
      10_000,
      () => `${talk}`,
    )
    service.close()
    const again = new Service(b, 80)
    const next = again.converse(a, { send: 10 }, { send: 10 })
    await lan.until(
      () => next.isDone,
      10_000,
      () => `${next}`,
    )
    talk.client.finish()
    await lan.until(
      () => talk.isDone,
      10_000,
      () => `${talk}`,
    )
  })

  suite.test('different addresses of one stack have ports of their own', async ({ lan, a }) => {
    const second = parseIpAddress('10.0.0.50')
    await lan.settled(a.stack.interfaces[0]?.addAddress(second, 24) as Promise<void>, 20_000)
    const listeners = [a.address, second].map((address) => {
      const socket = a.stack.openTcp(4)
      socket.bind(address, 80)
      return socket.listen(1)
    })
    for (const listener of listeners) listener.close()
  })

  suite.test('connect: no route is ENETUNREACH at once', ({ a }) => {
    const far = parseIpAddress('192.0.2.1')
    const socket = a.stack.openTcp(4)
    expectThrow(() => socket.connect(far, 80), 'ENETUNREACH', { syscall: 'connect', address: '192.0.2.1', port: 80 })
    socket.close()
    expect(a.stack.sourceFor(far)).toBe(null)
    expect(`${a.stack.sourceFor(parseIpAddress('10.0.0.9'))}`).toBe('10.0.0.1')
  })

  suite.test('connect: twice is EALREADY, then EISCONN; after close EINVAL', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    const talk = service.converse(a, { finish: 'never' }, { finish: 'after-peer' })
    const { socket } = talk.client
    expectThrow(() => socket.connect(b.address, 80), 'EALREADY')
    await lan.until(() => talk.client.connected, 10_000)
    expectThrow(() => socket.connect(b.address, 80), 'EISCONN')
    talk.up.ended = true
    socket.close()
    expectThrow(() => socket.connect(b.address, 80), 'EINVAL')
    await lan.until(
      () => talk.up.endSeen && talk.client.closed,
      10_000,
      () => `${talk}`,
    )
  })

  suite.test('a stack talks to itself, by its address and by 127.0.0.1', async ({ lan, a }) => {
    for (const to of [a.address, LOOPBACK_V4, IpAddress.v4(0x7f123456)]) {
      const before = a.frames.length
      const socket = a.stack.openTcp(4)
      socket.bind(to, 0)
      const service = socket.listen(4)
      const client = a.stack.openTcp(4)
      client.connect(to, service.localPort)
      await lan.until(
        () => service.ready !== 0,
        10_000,
        () => `a connection to ${to}: ${client.state}`,
      )
      const server = service.accept()
      expect(`${server?.remoteAddress}`).toBe(`${client.localAddress}`)
      const octets = Uint8Array.of(1, 2, 3)
      expect(client.write(octets, 0, 3)).toBe(3)
      const into = new Uint8Array(8)
      await lan.until(
        () => (server?.read(into, 0, 8) ?? 0) > 0,
        10_000,
        () => `octets at ${to}`,
      )
      expect(Array.from(into.subarray(0, 3))).toEqual([1, 2, 3])
      for (const endpoint of [client, server, service]) endpoint?.close()
      expect(a.frames.length - before, 'frames on the wire').toBe(0)
    }
  })

  suite.plainTest('P-26 ephemeral ports: no four-tuple twice, and EADDRNOTAVAIL when all are taken', async () => {
    const hosts = [{ ...suite.host(), ephemeralPorts: [40_000, 40_009] as const }, suite.peer()]
    await withLan({ hosts, name: `${suite.subject.name} P-26` }, async (lan) => {
      const [a, b] = [lan.host(0), lan.host(1)]
      const services = [new Service(b, 80), new Service(b, 81)]
      for (const service of services) {
        const talks = Array.from({ length: 10 }, () => service.converse(a, { finish: 'never' }))
        const ports = talks.map(({ client }) => client.socket.localPort)
        expect(new Set(ports).size).toBe(10)
        for (const port of ports) expect(port >= 40_000 && port <= 40_009).toBe(true)
        const socket = a.stack.openTcp(4)
        expectThrow(() => socket.connect(b.address, service.port), 'EADDRNOTAVAIL')
        socket.close()
        await lan.until(() => talks.every(({ client }) => client.connected), 10_000)
        for (const { client } of talks) client.socket.reset()
        await lan.wait(10)
      }
      // Reset connections leave nothing: the ports are free again.
      const again = services[0]?.converse(a, { send: 1 }, { send: 1 })
      await lan.until(
        () => again?.isDone === true,
        10_000,
        () => `${again}`,
      )
    })
  })
}
