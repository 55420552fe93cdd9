/**
 * Connections fail: resets, silent peers, and what the program is told in which order.
 *
 * @module
 */
import { CLOSED, ERROR, FAILED, READABLE, WOULD_BLOCK, WRITABLE } from '@ioth/core'
import { expect } from 'vitest'
import { introduce } from '../lan/introduce.ts'
import { type Conversation, Service } from '../lan/service.ts'
import type { Scene, Suite } from '../suite.ts'
import { expectError } from './expect-code.ts'

export function tcpErrors(suite: Suite): void {
  const { capabilities } = suite

  if (capabilities.reset !== 'close') {
    suite.test('reset: the peer fails with ECONNRESET, the caller is CLOSED', async (scene) => {
      const { lan } = scene
      const talk = await connected(scene)
      const { socket } = talk.client
      socket.reset()
      socket.reset()
      socket.close()
      await lan.until(
        () => talk.client.closed && talk.server?.error !== null,
        10_000,
        () => `${talk}`,
      )
      expect(socket.error).toBe(null)
      expectError(talk.server?.error, 'ECONNRESET')
      await lan.until(() => talk.server?.closed === true, 10_000)
      expect([...scene.a.stack.sockets()].map(({ state }) => state)).toEqual([])
      expect([...scene.b.stack.sockets()].map(({ state }) => state)).toEqual(['LISTEN'])
    })

    suite.test('reset drops what is queued', async (scene) => {
      const { lan, a } = scene
      const talk = await connected(scene)
      const { socket } = talk.client
      for (const host of [scene.a, scene.b]) host.impair({ delayMs: 100 })
      socket.write(new Uint8Array(50_000), 0, 50_000)
      socket.reset()
      expect(a.stack.lingering).toBe(0)
      await lan.until(
        () => talk.server?.error !== null,
        10_000,
        () => `${talk}`,
      )
      expect(talk.up.read).toBe(0)
    })

    suite.test('after a failure: data calls give FAILED, with the same error every time', async (scene) => {
      const { lan } = scene
      const talk = await connected(scene)
      const { socket } = talk.client
      socket.interest = 0
      talk.server?.socket.reset()
      await lan.until(() => (socket.ready & ERROR) !== 0, 10_000)
      expect(socket.ready & (READABLE | WRITABLE)).toBe(READABLE | WRITABLE)
      const octets = new Uint8Array(10)
      expect(socket.read(octets, 0, 10)).toBe(FAILED)
      expect(socket.lend(10, { bytes: () => true })).toBe(FAILED)
      expect(socket.write(octets, 0, 10)).toBe(FAILED)
      expect(socket.read(octets, 0, 10)).toBe(FAILED)
      const { error } = socket
      expectError(error, 'ECONNRESET')
      expect(socket.error).toBe(error)
      socket.close()
    })
  }

  suite.test('R-TCP-27 a peer that vanishes: ETIMEDOUT, no earlier than 100 s', async (scene) => {
    const { lan, a, b } = scene
    const talk = await connected(scene)
    b.impair({ loss: 1 })
    const since = lan.now
    a.impair({ loss: 1 })
    talk.client.socket.write(new Uint8Array(10), 0, 10)
    await lan.untilLate(
      () => talk.client.error !== null,
      3_600_000,
      () => `${talk}`,
    )
    expectError(talk.client.error, 'ETIMEDOUT')
    expect((lan.now - since) / 1e6).toBeGreaterThan(100)
  })

  suite.test('R-TCP-53 the user timeout, where it can be set', async (scene) => {
    const { lan, a } = scene
    const talk = await connected(scene)
    const { socket } = talk.client
    try {
      socket.setOption('userTimeout', 5000)
    } catch (error) {
      // `TCP options work or say that they do not` sees to it that this is honest.
      expectError(error, 'ERR_IOTH_NOT_IMPLEMENTED')
      return
    }
    a.impair({ loss: 1 })
    socket.write(new Uint8Array(10), 0, 10)
    const since = lan.now
    await lan.until(
      () => talk.client.error !== null,
      60_000,
      () => `${talk}`,
    )
    expectError(talk.client.error, 'ETIMEDOUT')
    const seconds = (lan.now - since) / 1e6
    expect(seconds).toBeGreaterThanOrEqual(5)
    expect(seconds).toBeLessThan(12)
  })

  suite.test('R-TCP-33 keep-alive finds out about a dead peer, and is off by default', async (scene) => {
    const { lan, a } = scene
    const quiet = await connected(scene)
    const talk = await connected(scene, 81)
    const { socket } = talk.client
    try {
      socket.setOption('keepAlive', 1)
      socket.setOption('keepAliveDelay', 60)
    } catch (error) {
      expectError(error, 'ERR_IOTH_NOT_IMPLEMENTED')
      return
    }
    const before = a.frames.length
    await lan.wait(300_000)
    expect(talk.client.error, 'a living peer answers').toBe(null)
    expect(a.frames.length, 'probes were sent').toBeGreaterThan(before)
    a.impair({ loss: 1 })
    await lan.until(
      () => talk.client.error !== null,
      7_200_000,
      () => `${talk}`,
    )
    expectError(talk.client.error, 'ETIMEDOUT')
    expect(quiet.client.error).toBe(null)
  })

  suite.test('ICMP and outages do not end an established connection', async (scene) => {
    const { lan, a } = scene
    const talk = await connected(scene)
    a.impair({ loss: 1 })
    const octets = new Uint8Array(500)
    talk.up.produce(octets, 500)
    talk.up.wrote(talk.client.socket.write(octets, 0, 500))
    await lan.wait(60_000)
    a.impair({ loss: 0 })
    await lan.until(
      () => talk.up.read === 500,
      200_000,
      () => `${talk}`,
    )
    expect(talk.client.error).toBe(null)
  })

  suite.test('an address that is taken away ends its connections with EADDRNOTAVAIL', async ({ lan, a, b }) => {
    const [interface_] = a.stack.interfaces
    const address = lan.addressAt(60)
    await lan.settled(interface_?.addAddress(address, suite.family === 4 ? 24 : 64) as Promise<void>, 20_000)
    const listening = b.openTcp()
    listening.bind(b.address, 80)
    listening.listen(1)
    const socket = a.openTcp()
    socket.bind(address, 0)
    socket.connect(b.address, 80)
    await lan.until(
      () => socket.state === 'ESTABLISHED',
      10_000,
      () => socket.state,
    )
    interface_?.removeAddress(address)
    await lan.until(
      () => (socket.ready & ERROR) !== 0,
      10_000,
      () => socket.state,
    )
    expectError(socket.error, 'EADDRNOTAVAIL')
    socket.close()
    await lan.wait(1)
    expect(socket.ready & CLOSED).toBe(CLOSED)
  })

  suite.test('data calls before the connection stands: WOULD_BLOCK', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    await introduce(lan, a, b)
    const talk = service.converse(a)
    const { socket } = talk.client
    const octets = new Uint8Array(10)
    expect(socket.read(octets, 0, 10)).toBe(WOULD_BLOCK)
    expect(socket.lend(10, { bytes: () => true })).toBe(WOULD_BLOCK)
    await lan.until(
      () => talk.isDone,
      10_000,
      () => `${talk}`,
    )
  })
}

/** A connection on which nobody writes or ends by itself. */
async function connected({ lan, a, b }: Scene, port = 80): Promise<Conversation> {
  const service = new Service(b, port)
  const talk = service.converse(a, { finish: 'never' }, { finish: 'never' })
  await lan.until(
    () => talk.client.connected && talk.server?.connected === true,
    10_000,
    () => `${talk}`,
  )
  return talk
}
