/**
 * Connections come about, or fail with the right word.
 *
 * @module
 */
import { CLOSED, ERROR, READABLE, type SocketInfo, WRITABLE } from '@ioth/core'
import { expect } from 'vitest'
import { FrameChecker } from '../checker/frame-checker.ts'
import { introduce } from '../lan/introduce.ts'
import { withLan } from '../lan/lan.ts'
import { ScriptedPeer } from '../lan/scripted-peer.ts'
import { ScriptedStation6 } from '../lan/scripted-station6.ts'
import { Service } from '../lan/service.ts'
import { StreamDriver } from '../lan/stream-driver.ts'
import { ByteStreamModel } from '../model/byte-stream.ts'
import type { Suite } from '../suite.ts'
import { expectError } from './expect-code.ts'

export function tcpConnect(suite: Suite): void {
  const { capabilities } = suite

  suite.test('R-TCP-06 a connection is established on both sides', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    const talk = service.converse(a, { finish: 'never' }, { finish: 'never' })
    const { socket } = talk.client
    expect(socket.state).toBe('SYN-SENT')
    expect(socket.ready & WRITABLE).toBe(0)
    await lan.until(() => talk.server !== null && talk.client.connected, 10_000)
    expect([socket.state, talk.server?.socket.state]).toEqual(['ESTABLISHED', 'ESTABLISHED'])
    expect(socket.ready).toBe(WRITABLE)
  })

  if (capabilities.refusedVisible) {
    suite.test('nobody listens: ECONNREFUSED', async ({ lan, a, b }) => {
      const socket = a.openTcp()
      socket.connect(b.address, 81)
      await lan.until(
        () => (socket.ready & ERROR) !== 0,
        10_000,
        () => socket.state,
      )
      expectError(socket.error, 'ECONNREFUSED', { syscall: 'connect', address: `${b.address}`, port: 81 })
      expect(socket.error?.message).toBe(`connect ECONNREFUSED ${b.address}:81`)
      expect(socket.error).toBe(socket.error)
      socket.close()
      await lan.wait(1)
      expect(socket.ready & CLOSED).toBe(CLOSED)
    })
  } else {
    suite.test('nobody listens: the connection fails', async ({ lan, a, b }) => {
      const socket = a.openTcp()
      socket.connect(b.address, 81)
      await lan.until(
        () => (socket.ready & ERROR) !== 0,
        300_000,
        () => socket.state,
      )
      socket.close()
    })
  }

  suite.test('nobody has the address: EHOSTUNREACH', async ({ lan, a }) => {
    const socket = a.openTcp()
    const nobody = lan.addressAt(99)
    socket.connect(nobody, 80)
    await lan.until(
      () => (socket.ready & ERROR) !== 0,
      30_000,
      () => socket.state,
    )
    expectError(socket.error, 'EHOSTUNREACH', { syscall: 'connect', address: `${nobody}`, port: 80 })
    socket.close()
  })

  suite.test('R-TCP-27 a silent host: ETIMEDOUT after 100 s at the earliest', async ({ lan, a }) => {
    // It answers ARP or solicitations: a host that does not would be unreachable.
    const silent = suite.family === 4 ? new ScriptedPeer(lan, a) : new ScriptedStation6(lan, a, `${lan.addressAt(66)}`)
    const since = lan.now
    const socket = a.openTcp()
    socket.connect(silent.address, 80)
    await lan.untilLate(
      () => (socket.ready & ERROR) !== 0,
      600_000,
      () => socket.state,
    )
    expectError(socket.error, 'ETIMEDOUT', { syscall: 'connect', address: `${silent.address}`, port: 80 })
    expect((lan.now - since) / 1e6).toBeGreaterThan(100)
    socket.close()
  })

  if (capabilities.connectCancel) {
    suite.test('a connect is given up at once, and leaves nothing at the other side', async ({ lan, a, b }) => {
      const service = new Service(b, 80)
      const socket = a.openTcp()
      socket.onReady = () => {}
      socket.interest = CLOSED
      socket.connect(b.address, 80)
      socket.close()
      expect(socket.ready & CLOSED).toBe(CLOSED)
      await lan.wait(1000)
      expect(service.listener.ready & READABLE, 'no connection waits').toBe(0)
      service.close()
      expect([...b.stack.sockets()].map(({ state }) => state).filter((state) => state !== 'LISTEN')).toEqual([])
    })

    suite.test('a connect given up after the SYN left: the late SYN-ACK draws a RST', async ({ lan, a, b }) => {
      const service = new Service(b, 80)
      await introduce(lan, a, b)
      // What is remembered of the connection that introduced them.
      const remembered = new Set([...b.stack.sockets()].map(nameOf))
      b.impair({ delayMs: 600 })
      const socket = a.openTcp()
      socket.connect(b.address, 80)
      await lan.wait(200)
      socket.close()
      const before = b.frames.length
      await lan.wait(2000)
      const checker = new FrameChecker()
      const resets = b.frames.slice(before).filter(({ octets }) => checker.check(octets).tcp?.rst)
      expect(resets.map(({ direction }) => direction)).toEqual(['in'])
      expect(service.listener.ready & READABLE, 'no connection waits').toBe(0)
      const left = [...b.stack.sockets()].filter(
        (info) => !(info.state === 'TIME-WAIT' && remembered.has(nameOf(info))),
      )
      expect(left.map(({ state }) => state)).toEqual(['LISTEN'])
    })
  }

  suite.test('R-TCP-51 a full backlog delays connections, and hurts none', async ({ lan, a, b }) => {
    const socket = b.openTcp()
    socket.bind(b.any, 80)
    const listener = socket.listen(2)
    const clients = Array.from({ length: 8 }, () => {
      const client = a.openTcp()
      client.connect(b.address, 80)
      return client
    })
    await lan.wait(500)
    const waiting = [...b.stack.sockets()].filter(({ state }) => state === 'ESTABLISHED').length
    expect(waiting, 'connections that wait').toBeLessThanOrEqual(3)
    let accepted = 0
    listener.onReady = () => {
      if (listener.accept() !== null) accepted++
    }
    listener.interest = READABLE
    await lan.until(
      () => accepted === 8,
      60_000,
      () => `8 connections; ${accepted} so far`,
    )
    await lan.moment(() => clients.every(({ state }) => state === 'ESTABLISHED'), 0, 1000)
    expect(clients.map(({ state }) => state)).toEqual(Array(8).fill('ESTABLISHED'))
  })

  suite.test('a listener that closes resets the connections nobody accepted', async ({ lan, a, b }) => {
    const socket = b.openTcp()
    socket.bind(b.any, 80)
    const listener = socket.listen(4)
    const client = a.openTcp()
    client.connect(b.address, 80)
    await lan.until(() => client.state === 'ESTABLISHED' && (listener.ready & READABLE) !== 0, 10_000)
    listener.close()
    await lan.until(
      () => (client.ready & ERROR) !== 0,
      10_000,
      () => client.state,
    )
    expectError(client.error, 'ECONNRESET')
    client.close()
  })

  suite.test('accept: null when nobody waits', ({ b }) => {
    const listener = b.openTcp().listen(1)
    expect(listener.accept()).toBe(null)
    listener.close()
  })

  for (const delayMs of [0, 50]) {
    suite.test(`P-09 simultaneous open, ${delayMs} ms apart, makes one connection`, async ({ lan, a, b }) => {
      await introduce(lan, a, b)
      for (const host of [a, b]) host.impair({ delayMs: 100 })
      const up = new ByteStreamModel('from a', 1)
      const down = new ByteStreamModel('from b', 2)
      const first = a.openTcp()
      first.bind(a.address, 1111)
      first.connect(b.address, 2222)
      await lan.wait(delayMs)
      const second = b.openTcp()
      second.bind(b.address, 2222)
      second.connect(a.address, 1111)
      const one = new StreamDriver(first, up, down, { send: 5000 })
      const other = new StreamDriver(second, down, up, { send: 3000 })
      await lan.until(
        () => one.isOver && other.isOver,
        60_000,
        () => `${one} | ${other}`,
      )
      expect([one.error, other.error]).toEqual([null, null])
    })
  }

  suite.plainTest('100 connections at once', async () => {
    const hosts = [suite.host(), suite.peer()]
    const { family } = suite
    await withLan({ hosts, family, name: `${suite.subject.name} 100 connections` }, async (lan) => {
      const service = new Service(lan.host(1), 80, 128)
      const talks = Array.from({ length: 100 }, () => service.converse(lan.host(0), { send: 2000 }, { send: 1000 }))
      await lan.until(
        () => talks.every(({ isDone }) => isDone),
        60_000,
        () => talks.filter((talk) => !talk.isDone).join('\n'),
      )
      await lan.until(
        () => talks.every(({ isClosed }) => isClosed),
        200_000,
        () => 'CLOSED everywhere',
      )
    })
  })
}

/** A connection of a list, to be known again in the next one. */
function nameOf({ endpoint }: SocketInfo): string {
  return `${endpoint.localPort} ${endpoint.remoteAddress} ${endpoint.remotePort}`
}
