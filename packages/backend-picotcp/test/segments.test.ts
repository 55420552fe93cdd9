/**
 * What the library does not do with segments and is done beside it, seen by a peer whose every segment is said here: ends that travel with
 * octets, octets that come again, windows that open and that stand.
 */
import { createLan, type Lan, ScriptedPeer } from '@ioth/conformance'
import { END, READABLE, type TcpSocket } from '@ioth/core'
import { describe, expect, it } from 'vitest'
import { backend } from '../src/index.ts'
import { installed, skipWhereNoneIs } from './installed.ts'

skipWhereNoneIs()

/** TCP options: segments of 1460 octets, selective acknowledgements. */
const OPTIONS = [2, 4, 5, 180, 4, 2, 1, 1]
const SENT = Uint8Array.from({ length: 400 }, (_, index) => index & 0xff)

interface Scene {
  readonly lan: Lan
  readonly socket: TcpSocket
  readonly peer: ScriptedPeer
}

/** A connection of the peer to the stack. */
async function withConnection(library: string, body: (scene: Scene) => Promise<void>, window = 65_535): Promise<void> {
  const lan = await createLan({ hosts: [{ backend, settings: { library } }] })
  const a = lan.host(0)
  const listening = a.openTcp()
  listening.bind(a.any, 80)
  const listener = listening.listen(1)
  const peer = new ScriptedPeer(lan, a)
  peer.send({ flags: 'S', options: OPTIONS, window })
  await lan.until(() => peer.received.length > 0, 5000)
  peer.ack = ((peer.received[0]?.sequence ?? 0) + 1) >>> 0
  peer.send({ window })
  await lan.until(() => (listener.ready & READABLE) !== 0, 5000)
  await body({ lan, socket: listener.accept() as TcpSocket, peer })
  lan.verify()
  await lan.close()
}

/** Reads until the end, and gives the octets. */
async function readAll({ lan, socket }: Scene): Promise<Uint8Array> {
  const octets: number[] = []
  const into = new Uint8Array(1000)
  let count = 0
  await lan.until(
    () => {
      while ((count = socket.read(into, 0, into.length)) > 0) octets.push(...into.subarray(0, count))
      return count === END
    },
    5000,
    () => `the end after ${octets.length} octets`,
  )
  return Uint8Array.from(octets)
}

describe.each(installed)('%s', (library) => {
  it('a stream ends with its last octets, not a round trip later', () =>
    withConnection(library, async ({ lan, socket, peer }) => {
      socket.write(SENT, 0, SENT.length)
      socket.shutdown()
      await lan.until(() => peer.received.some(({ fin }) => fin), 5000)
      expect(peer.received.find(({ fin }) => fin)?.data).toEqual(SENT)
      peer.ack = (peer.ack + SENT.length + 1) >>> 0
      peer.send({ flags: 'FA' })
      expect(await readAll({ lan, socket, peer })).toEqual(new Uint8Array(0))
    }))

  it('the end of a stream that comes with its last octets is seen, though it comes once only', () =>
    withConnection(library, async (scene) => {
      scene.peer.send({ flags: 'FPA' }, SENT)
      expect(await readAll(scene)).toEqual(SENT)
    }))

  it('the end of a stream that overtakes its last octets is seen, though it comes once only', () =>
    withConnection(library, async (scene) => {
      const { peer } = scene
      peer.send({ flags: 'FA', sequence: (peer.next + SENT.length) >>> 0 })
      peer.send({ flags: 'PA' }, SENT)
      expect(await readAll(scene)).toEqual(SENT)
    }))

  it('octets that come again with new ones behind them: the new ones are taken', () =>
    withConnection(library, async (scene) => {
      const { lan, peer } = scene
      const first = peer.next
      const before = peer.received.length
      peer.send({ flags: 'PA' }, SENT.subarray(0, 100))
      await lan.until(() => peer.received.length > before, 5000)
      peer.send({ flags: 'FPA', sequence: first }, SENT)
      expect(await readAll(scene)).toEqual(SENT)
    }))

  it('segments that overlap before their turn, and one over all of them: each octet is read once', () =>
    withConnection(library, async (scene) => {
      const { lan, peer } = scene
      const pieces = [
        [60, 80],
        [50, 70],
        [150, 160],
        [140, 200],
        [300, 310],
        [320, 330],
        [0, 400],
      ] as const
      for (const [from, to] of pieces) {
        const before = peer.received.length
        peer.send({ flags: 'PA', sequence: (peer.next + from) >>> 0 }, SENT.subarray(from, to))
        await lan.until(() => peer.received.length > before, 5000)
      }
      peer.send({ flags: 'FA', sequence: (peer.next + SENT.length) >>> 0 })
      expect(await readAll(scene)).toEqual(SENT)
    }))

  it('an acknowledgement of what was never sent, from nowhere, takes nothing out of a stream', () =>
    withConnection(library, async ({ lan, socket, peer }) => {
      socket.write(SENT, 0, SENT.length)
      await lan.until(() => sum(peer) >= SENT.length, 5000)
      const before = peer.received.length
      peer.send({ sequence: (peer.next + 0x2000_0000) >>> 0, acknowledgment: (peer.ack + 0x1000_0000) >>> 0 })
      peer.send({ acknowledgment: (peer.ack + 0x1000_0000) >>> 0 })
      // The library still has it, and sends it again.
      await lan.until(() => peer.received.slice(before).some(({ data }) => data.length === SENT.length), 5000)
      socket.reset()
    }))

  it('octets that come again after the end are acknowledged, not reset', () =>
    withConnection(library, async (scene) => {
      const { lan, peer } = scene
      const first = peer.next
      peer.send({ flags: 'FPA' }, SENT)
      await readAll(scene)
      const end = (first + SENT.length + 1) >>> 0
      await lan.until(() => peer.received.at(-1)?.acknowledgment === end, 5000)
      const before = peer.received.length
      peer.send({ flags: 'FPA', sequence: first }, SENT)
      await lan.until(() => peer.received.length > before, 5000)
      const [answer] = peer.received.slice(before)
      expect(answer).toMatchObject({ rst: false, ack: true, acknowledgment: end })
    }))

  it('a reset that comes when both ends are acknowledged takes nothing from a program that has not read all yet', () =>
    withConnection(library, async (scene) => {
      const { lan, socket, peer } = scene
      socket.shutdown()
      await lan.until(() => peer.received.some(({ fin }) => fin), 5000)
      peer.ack = (peer.ack + 1) >>> 0
      peer.send({ flags: 'FPA' }, SENT)
      await lan.until(() => peer.received.at(-1)?.acknowledgment === peer.next, 5000)
      peer.send({ flags: 'R' })
      await ping(lan)
      expect(await readAll(scene)).toEqual(SENT)
      expect(socket.error).toBe(null)
    }))

  it('connections one after the other between the same ports, each with numbers of its own', async () => {
    const lan = await createLan({ hosts: [{ backend, settings: { library } }] })
    const a = lan.host(0)
    const listening = a.openTcp()
    listening.bind(a.any, 80)
    const listener = listening.listen(4)
    const peer = new ScriptedPeer(lan, a)
    for (const sequence of [4_000_000_000, 2_000_000_000, 500, 3_000_000_000]) {
      const before = peer.received.length
      peer.next = sequence
      peer.send({ flags: 'S', options: OPTIONS })
      await lan.until(() => peer.received.length > before, 5000)
      expect(peer.received.at(-1)).toMatchObject({ syn: true, ack: true, acknowledgment: sequence + 1 })
      peer.send({ flags: 'R' })
      await ping(lan)
    }
    expect(listener.accept()).toBe(null)
    lan.verify()
    await lan.close()
  })

  it('a window that opens again lets octets go at once, not when a timer of the library is due', () =>
    withConnection(
      library,
      async ({ lan, socket, peer }) => {
        const octets = new Uint8Array(5000)
        socket.write(octets, 0, octets.length)
        await lan.until(() => sum(peer) === 1000, 5000)
        peer.ack = (peer.ack + 1000) >>> 0
        peer.send({ window: 0 })
        await ping(lan)
        expect(sum(peer)).toBe(1000)
        peer.send({ window: 65_535 })
        // What comes after these was not caused by the window.
        await ping(lan)
        await ping(lan)
        expect(sum(peer)).toBeGreaterThan(1000)
        socket.reset()
      },
      1000,
    ))

  it('a window that was offered stands, whatever comes out of order', () =>
    withConnection(library, async (scene) => {
      const { lan, peer } = scene
      const send = async (from: number, to: number): Promise<void> => {
        const before = peer.received.length
        peer.send({ flags: 'PA', sequence: (peer.next + from) >>> 0 }, SENT.subarray(from, to))
        await lan.until(() => peer.received.length > before, 5000)
      }
      await send(0, 100)
      await send(200, 400)
      await send(100, 200)
      peer.send({ flags: 'FA', sequence: (peer.next + SENT.length) >>> 0 })
      expect(await readAll(scene)).toEqual(SENT)
      const edges = peer.received.filter(({ syn }) => !syn).map(edgeOf)
      expect(edges).toEqual([...edges].sort((one, two) => one - two))
    }))
})

function edgeOf({ acknowledgment, window }: { acknowledgment: number; window: number }): number {
  return acknowledgment + window
}

/** Octets that came, those of repeated segments once. */
function sum({ received }: ScriptedPeer): number {
  const lengths = new Map(received.map(({ sequence, data }) => [sequence, data.length]))
  return [...lengths.values()].reduce((octets, length) => octets + length, 0)
}

/** All that reached the stack before is done when this is answered. */
async function ping(lan: Lan): Promise<void> {
  const { stack, address } = lan.host(0)
  await lan.settled(stack.ping(address), 5000)
}
