/**
 * A reader that stops makes the writer stop, within the limits, for as long as it likes (P-10).
 *
 * @module
 */
import { WOULD_BLOCK } from '@ioth/core'
import { expect } from 'vitest'
import { introduce } from '../lan/introduce.ts'
import { Service } from '../lan/service.ts'
import type { Suite } from '../suite.ts'

const SEND_BUFFER = 40_000
const RECEIVE_BUFFER = 30_000
const limits = { sendBuffer: SEND_BUFFER, receiveBuffer: RECEIVE_BUFFER }

export function backpressure(suite: Suite): void {
  const size = 400_000

  suite.test(
    'P-10 a reader that stops: the writer is stopped, memory stays flat, and resuming delivers everything',
    async ({ lan, a, b }) => {
      const service = new Service(b, 80)
      const talk = service.converse(a, { send: size }, { paused: true })
      await lan.wait(10_000)
      const { written } = talk.up
      expect(written).toBeGreaterThan(RECEIVE_BUFFER / 2)
      expect(written).toBeLessThanOrEqual(SEND_BUFFER + RECEIVE_BUFFER)
      expect(talk.client.socket.bytesQueued).toBeLessThanOrEqual(SEND_BUFFER)
      const slots = lan.pool.used
      await lan.wait(6 * 3_600_000)
      expect(talk.up.written, 'nothing more is taken').toBe(written)
      expect(lan.pool.used, 'memory after six hours').toBeLessThanOrEqual(slots)
      expect(talk.client.error).toBe(null)
      talk.server?.resume()
      await lan.until(
        () => talk.isDone,
        600_000,
        () => `${talk}`,
      )
    },
    { limits },
  )

  suite.test(
    'P-10 a writer is told once for each time it had to stop',
    async ({ lan, a, b }) => {
      const service = new Service(b, 80)
      const talk = service.converse(a, { send: size, writeSizes: [100_000] }, {})
      await lan.until(
        () => talk.isDone,
        60_000,
        () => `${talk}`,
      )
      expect(talk.client.fullEpisodes).toBeGreaterThan(0)
      expect(talk.client.drains).toBe(talk.client.fullEpisodes)
    },
    { limits },
  )

  suite.test(
    'R-TCP-30 the window update is lost: a probe finds out',
    async ({ lan, a, b }) => {
      await introduce(lan, a, b)
      const service = new Service(b, 80)
      const talk = service.converse(a, { send: size }, { paused: true })
      await lan.wait(10_000)
      b.impair({ loss: 1 })
      talk.server?.resume()
      await lan.wait(3000)
      expect(talk.up.read).toBeLessThan(size)
      b.impair({ loss: 0 })
      await lan.until(
        () => talk.isDone,
        300_000,
        () => `${talk}`,
      )
    },
    { limits },
  )

  suite.test(
    'R-TCP-31 a reader of single octets gets no silly segments',
    async ({ lan, a, b }) => {
      const service = new Service(b, 80)
      const send = 50_000
      const talk = service.converse(a, { send }, { readSizes: [1] })
      await lan.until(
        () => talk.isDone,
        600_000,
        () => `${talk}`,
      )
      const segments = a.frames.filter(({ direction, octets }) => direction === 'out' && octets.length > 80).length
      expect(segments, `segments for ${send} octets`).toBeLessThan(150)
    },
    { limits },
  )

  suite.test(
    'both directions stop at the same time, and both go on',
    async ({ lan, a, b }) => {
      const service = new Service(b, 80)
      const talk = service.converse(a, { send: size, paused: true }, { send: size, paused: true })
      await lan.wait(60_000)
      talk.client.resume()
      await lan.until(
        () => talk.down.endSeen,
        600_000,
        () => `${talk}`,
      )
      talk.server?.resume()
      await lan.until(
        () => talk.isDone,
        600_000,
        () => `${talk}`,
      )
    },
    { limits },
  )

  suite.test(
    'a full send buffer: WOULD_BLOCK, and not one octet more than the limit',
    async ({ lan, a, b }) => {
      const service = new Service(b, 80)
      const talk = service.converse(a, { finish: 'never' }, { paused: true })
      await lan.until(() => talk.client.connected && talk.server !== null, 10_000)
      const { socket } = talk.client
      const octets = new Uint8Array(7000)
      let taken = 0
      for (let round = 0; round < 200; round++) {
        const count = socket.write(octets, 0, octets.length)
        if (count !== WOULD_BLOCK) taken += count
        expect(socket.bytesQueued).toBeLessThanOrEqual(SEND_BUFFER)
        await lan.wait(10)
      }
      expect(taken).toBeGreaterThanOrEqual(SEND_BUFFER)
      expect(taken).toBeLessThanOrEqual(SEND_BUFFER + RECEIVE_BUFFER)
      socket.reset()
    },
    { limits },
  )
}
