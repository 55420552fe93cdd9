/**
 * Windows, small segments and acknowledgements: RFC 9293 3.7.4 and 3.8.6, seen from the wire.
 *
 * @module
 */
import { expect } from 'vitest'
import type { ScriptedPeer } from '../lan/scripted-peer.ts'
import type { Scene, Suite } from '../suite.ts'
import { established, fresh, octets, read, short } from './tcp-peer.ts'

const MSS = [2, 4, 5, 180]
/** How long a window is closed. */
const PROBED_MS = 7000
/** RFC 9293 3.8.6.3, with room for the delay of the line. */
const LATEST_ACK_MS = 505

export function tcpWindows(suite: Suite): void {
  suite.testIf(
    suite.capabilities.noDelay,
    'noDelay: false',
    'R-TCP-22 Nagle: a small segment waits for the acknowledgement, unless the socket says otherwise',
    async (scene) => {
      const { peer, socket } = await established(scene)
      const news = async (): Promise<readonly string[]> => fresh(scene.lan, peer, await peer.replies()).map(short)
      socket.setOption('noDelay', 0)
      socket.write(octets(10), 0, 10)
      expect(await news()).toEqual(['A+10'])
      socket.write(octets(10, 10), 0, 10)
      socket.write(octets(10, 20), 0, 10)
      expect(await news()).toEqual([])
      peer.ack = (peer.ack + 10) >>> 0
      peer.send()
      expect(await news()).toEqual(['A+20'])
      peer.ack = (peer.ack + 20) >>> 0
      socket.setOption('noDelay', 1)
      socket.write(octets(10, 30), 0, 10)
      expect(await news()).toEqual(['A+10'])
      socket.write(octets(10, 40), 0, 10)
      expect(await news()).toEqual(['A+10'])
    },
  )

  suite.test('R-TCP-28 a window counts from the segment that is newest, and nothing goes beyond it', async (scene) => {
    const { peer, socket } = await established(scene, MSS, 7000, 3000)
    const start = peer.ack
    const old = peer.next
    await peer.exchange({ window: 3000 }, octets(10))
    expect(read(socket)).toEqual(octets(10))
    socket.write(octets(20_000), 0, 20_000)
    await scene.lan.wait(100)
    const reached = (): number => reachedFrom(start, peer)
    expect(reached()).toBeLessThanOrEqual(3000)
    // Older by its number: what its window says is out of date.
    await peer.exchange({ sequence: old, acknowledgment: start, window: 60_000 })
    await scene.lan.wait(100)
    expect(reached()).toBeLessThanOrEqual(3000)
    // Twice, for who sends what is new only when something is acknowledged.
    for (let round = 0; round < 2; round++) {
      const acknowledged = reached()
      await peer.exchange({ acknowledgment: (start + acknowledged) >>> 0, window: 6000 - acknowledged })
      await scene.lan.wait(500)
    }
    expect(reached()).toBeGreaterThan(3000)
    expect(reached()).toBeLessThanOrEqual(6000)
  })

  suite.test('R-TCP-31 the sender makes no dust of a window that opens octet by octet', async (scene) => {
    const { peer, socket } = await established(scene, MSS, 7000, 2920)
    socket.write(octets(20_000), 0, 20_000)
    await fill(scene.lan, peer, 2920)
    const from = peer.received.length
    // Acknowledged, but the window opens by 10 octets at a time.
    for (let window = 10; window <= 100; window += 10) await peer.exchange({ window })
    const sizes = fresh(scene.lan, peer, peer.received.slice(from)).map(({ data }) => data.length)
    // An override timer may have sent one or two of them.
    expect(sizes.filter((size) => size > 0 && size < 700).length).toBeLessThanOrEqual(2)
    const full = await peer.exchange({ window: 2920 })
    expect(Math.max(...full.map(({ data }) => data.length))).toBeGreaterThanOrEqual(700)
  })

  suite.test('R-TCP-30 a closed window is asked for ever more seldom, as long as it is answered', async (scene) => {
    const { peer, socket } = await established(scene, MSS, 7000, 2920)
    const { lan } = scene
    socket.write(octets(20_000), 0, 20_000)
    await fill(lan, peer, 2920)
    const probes: number[] = []
    let seen = peer.received.length
    const began = lan.now
    const passed = (): number => Math.round((lan.now - began) / 1000)
    const came = (): boolean => peer.received.length > seen
    while (await lan.reaches(came, PROBED_MS - passed())) {
      seen = peer.received.length
      probes.push(passed())
      peer.send({ window: 0 })
    }
    // At 0.2, 0.6, 1.4, 3 and 6.2 seconds, or later; one may be sent twice before it is answered.
    expect(probes.length, `asked after ${probes} ms`).toBeGreaterThanOrEqual(2)
    expect(probes.length, `asked after ${probes} ms`).toBeLessThanOrEqual(7)
    peer.send({ window: 65_000 })
    await lan.until(() => peer.received.slice(seen).some(({ data }) => data.length > 1000))
  })

  suite.test('R-TCP-31 what a window leaves is used within a second, again and again', async (scene) => {
    const { peer, socket } = await established(scene, MSS, 7000, 2920)
    const { lan } = scene
    socket.write(octets(20_000), 0, 20_000)
    await fill(lan, peer, 2920)
    // RFC 9293 3.8.6.2.1: what is neither a segment nor half of the window waits, and no longer than the override timer.
    for (let round = 0; round < 4; round++) {
      peer.send({ window: 700 })
      const next = peer.ack
      const came = (): boolean => peer.received.some(({ sequence, data }) => sequence === next && data.length > 1)
      expect(await lan.reaches(came, 1500), `round ${round}`).toBe(true)
      peer.ack = (next + 700) >>> 0
    }
  })

  suite.test(
    'R-TCP-31 the receiver opens a closed window by a full segment or half its buffer, not by what was read',
    async (scene) => {
      const { peer, socket } = await established(scene)
      socket.setOption('receiveBuffer', 20_000)
      let edge = 0
      for (let i = 0; i < 40; i++) {
        await peer.exchange({}, octets(1000, i))
        const last = peer.received.at(-1)
        if (last === undefined || !last.ack) continue
        edge = (last.acknowledgment + last.window) >>> 0
        if (last.window < 1000) break
      }
      const from = peer.received.length
      const into = new Uint8Array(100)
      for (let i = 0; i < 60; i++) {
        socket.read(into, 0, 100)
        await scene.lan.wait(1)
      }
      let before = edge
      for (const { acknowledgment, window } of peer.received.slice(from)) {
        const gain = (acknowledgment + window - before) | 0
        expect(gain === 0 || gain >= 1000, `the right edge moved by ${gain}`).toBe(true)
        before = (acknowledgment + window) >>> 0
      }
    },
  )

  suite.test('R-TCP-32 an ACK for every second full segment, and for the last within half a second', async (scene) => {
    const { peer, socket } = await established(scene)
    const first = await peer.exchange({}, octets(1460))
    const second = await peer.exchange({}, octets(1460))
    expect(first.length + second.length).toBeGreaterThanOrEqual(1)
    expect(second.at(-1)?.acknowledgment).toBe(peer.next)
    peer.send({}, octets(100))
    await scene.lan.wait(LATEST_ACK_MS)
    expect(peer.received.at(-1)?.acknowledgment).toBe(peer.next)
    // Out of order: at once, and at once when the gap is filled.
    const gap = peer.next
    const [ahead] = await peer.exchange({ sequence: (gap + 100) >>> 0 }, octets(100))
    expect(ahead?.acknowledgment).toBe(gap)
    const [filled] = await peer.exchange({ sequence: gap }, octets(100))
    expect(filled?.acknowledgment).toBe((gap + 200) >>> 0)
    expect(read(socket).length).toBe(2 * 1460 + 300)
  })
}

/** How many octets behind a number came. */
function reachedFrom(start: number, { received }: ScriptedPeer): number {
  return Math.max(0, ...received.map(({ sequence, data }) => (sequence + data.length - start) | 0))
}

/** Takes what comes into a window that closes with it, until it is shut. */
async function fill(lan: Scene['lan'], peer: ScriptedPeer, window: number): Promise<void> {
  const start = peer.ack
  for (let taken = 0; taken < window; ) {
    await lan.until(() => reachedFrom(start, peer) > taken)
    taken = reachedFrom(start, peer)
    peer.ack = (start + taken) >>> 0
    peer.send({ window: window - taken })
  }
}
