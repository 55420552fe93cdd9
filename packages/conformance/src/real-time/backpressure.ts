/**
 * A reader that stops, on the host's clock (P-10): the writer is stopped within the limits, and told once when it may go on.
 *
 * @module
 */
import { expect } from 'vitest'
import { Service } from '../lan/service.ts'
import type { Suite } from '../suite.ts'
import { settledValue } from './events.ts'
import { PATIENCE_MS } from './lines.ts'

const SEND_BUFFER = 40_000
const RECEIVE_BUFFER = 30_000
const limits = { sendBuffer: SEND_BUFFER, receiveBuffer: RECEIVE_BUFFER }
const OCTETS = 400_000

export function backpressure(suite: Suite): void {
  for (const who of ['subject', 'peer'] as const) {
    suite.test(
      `P-10 real time: the ${who} stops reading: the writer is stopped within the limits, and all arrives in the end`,
      async ({ lan, a, b }) => {
        const [reader, writer] = who === 'subject' ? [a, b] : [b, a]
        const service = new Service(reader)
        const talk = service.converse(writer, { send: OCTETS }, { paused: true })
        await lan.until(
          () => talk.server !== null && talk.up.written > 0,
          PATIENCE_MS,
          () => `the first octets: ${talk}`,
        )
        await settledValue(lan, writer, reader, () => talk.up.written)
        const slots = lan.pool.used
        // A window may have opened late: once more, and then it is what it is.
        const written = await settledValue(lan, writer, reader, () => talk.up.written)
        expect(written, 'octets taken').toBeLessThan(OCTETS)
        expect(written, 'octets taken while nobody reads').toBeLessThanOrEqual(SEND_BUFFER + RECEIVE_BUFFER)
        expect(talk.client.socket.bytesQueued).toBeLessThanOrEqual(SEND_BUFFER)
        expect(lan.pool.used, 'memory').toBeLessThanOrEqual(slots + SEND_BUFFER + RECEIVE_BUFFER)
        talk.server?.resume()
        await lan.until(
          () => talk.isDone || talk.client.error !== null,
          PATIENCE_MS,
          () => `${talk}`,
        )
        expect(talk.isDone, `${talk}`).toBe(true)
        service.close()
      },
      { limits },
    )

    suite.test(
      `P-10 real time: the ${who === 'subject' ? 'peer' : 'subject'} as writer is told once for each time it had to stop`,
      async ({ lan, a, b }) => {
        const [reader, writer] = who === 'subject' ? [a, b] : [b, a]
        const service = new Service(reader)
        const talk = service.converse(writer, { send: OCTETS, writeSizes: [100_000] }, {})
        await lan.until(
          () => talk.isDone,
          PATIENCE_MS,
          () => `${talk}`,
        )
        expect(talk.client.fullEpisodes).toBeGreaterThan(0)
        expect(talk.client.drains).toBe(talk.client.fullEpisodes)
        service.close()
      },
      { limits },
    )
  }
}
