/**
 * Window scale and timestamps (RFC 7323), seen from the wire. A stack that offers neither is held to that.
 *
 * @module
 */
import { expect } from 'vitest'
import type { TcpSegment } from '../checker/tcp.ts'
import type { ScriptedPeer } from '../lan/scripted-peer.ts'
import type { Suite } from '../suite.ts'
import { established, octets, read, short } from './tcp-peer.ts'

const MSS = [2, 4, 5, 180]
const SCALE = (shift: number): number[] => [3, 3, shift, 1]
const stamps = (value: number, echo: number): number[] => [1, 1, 8, 10, ...word(value), ...word(echo)]
const word = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
const synAckOf = (peer: ScriptedPeer): TcpSegment => peer.received.find(({ syn }) => syn) as TcpSegment

export function tcpOptions(suite: Suite): void {
  for (const shift of [0, 3, 14, 15, 255]) {
    suite.test(
      `R-TCP-42 window scale ${shift}: never on the window of a SYN, then by 14 at most, and only if both sides have it`,
      async (scene) => {
        const window = shift > 3 ? 1 : 1000
        const { peer, socket } = await established(scene, [...MSS, ...SCALE(shift)], 7000, window)
        const isScaled = synAckOf(peer).options.windowScale !== undefined
        const most = window * 2 ** (isScaled ? Math.min(shift, 14) : 0)
        let flight = 0
        let written = 0
        let acknowledged = peer.ack
        for (let round = 0; round < 60; round++) {
          written += Math.max(0, socket.write(octets(40_000, written), 0, 40_000))
          const sent = await peer.exchange({ acknowledgment: acknowledged, window })
          const ends = sent.map(({ sequence, data }) => (sequence + data.length) >>> 0)
          const reached = ends.reduce((far, end) => (((end - far) | 0) > 0 ? end : far), acknowledged)
          flight = Math.max(flight, (reached - acknowledged) >>> 0)
          acknowledged = reached
        }
        expect(written).toBeGreaterThan(0)
        expect(flight).toBeLessThanOrEqual(most)
        if (most >= 1000) expect(flight).toBeGreaterThan(most / 2)
      },
    )
  }

  suite.test('R-TCP-42 R-TCP-43 a peer that offers neither option gets neither', async (scene) => {
    const { peer, socket } = await established(scene, MSS)
    socket.write(octets(100), 0, 100)
    await peer.replies()
    for (const { options } of peer.received) {
      expect(options.windowScale).toBeUndefined()
      expect(options.timestamps).toBeUndefined()
    }
  })

  suite.test(
    'R-TCP-43 timestamps once agreed: on all segments, echoing the newest that came in order',
    async (scene) => {
      const { peer, socket } = await established(scene, [...MSS, ...stamps(1000, 0)])
      const echo = synAckOf(peer).options.timestamps
      if (echo === undefined) {
        expect(peer.received.every(({ options }) => options.timestamps === undefined)).toBe(true)
        return
      }
      expect(echo.echo).toBe(1000)
      await peer.exchange({ options: stamps(1010, echo.value) }, octets(10))
      // Ahead of a gap: not echoed before the gap is filled.
      const ahead = await peer.exchange({ sequence: peer.next + 10, options: stamps(1020, echo.value) }, octets(10))
      expect(ahead.at(-1)?.options.timestamps?.echo).toBe(1010)
      socket.write(octets(10), 0, 10)
      expect((await peer.replies()).at(-1)?.options.timestamps?.echo).toBe(1010)
      const filled = await peer.exchange({ options: stamps(1030, echo.value) }, octets(10))
      expect(filled.at(-1)?.options.timestamps?.echo).toBe(1030)
      expect(peer.received.filter(({ rst }) => !rst).every(({ options }) => options.timestamps !== undefined)).toBe(
        true,
      )
    },
  )

  suite.test('R-TCP-44 PAWS: an older timestamp is answered and dropped, and the connection goes on', async (scene) => {
    const { peer, socket } = await established(scene, [...MSS, ...stamps(100_000, 0)])
    const echo = synAckOf(peer).options.timestamps
    if (echo === undefined) return
    const sequence = peer.next
    const answers = await peer.exchange({ sequence, options: stamps(90_000, echo.value) }, octets(10))
    expect(answers.map(short)).toEqual(['A'])
    expect(answers[0]?.acknowledgment).toBe(sequence)
    expect(read(socket).length).toBe(0)
    await peer.exchange({ options: stamps(100_001, echo.value) }, octets(10, 50))
    expect(read(socket)).toEqual(octets(10, 50))
  })

  suite.test('R-TCP-45 timestamps of two connections do not tell the same clock', async (scene) => {
    const first = await established(scene, [...MSS, ...stamps(1, 0)], 7001)
    const second = await established(scene, [...MSS, ...stamps(1, 0)], 7002)
    const values = [first, second].map(({ peer }) => synAckOf(peer).options.timestamps?.value)
    if (values[0] === undefined) return
    expect(Math.abs((values[0] - (values[1] as number)) | 0)).toBeGreaterThan(1000)
  })
}
