/** Receive memory of a whole stack under peers that mean harm. */
import { TCP_ACK, TCP_SYN } from '@ioth/core'
import { expect, test } from 'vitest'
import { Conversation, NOTHING_LEFT, pattern, readAll, Scenario } from '../scenario.ts'

const LIMIT = 64 * 1024

test('H-16 H-41 peers that fill every window with segments of any size hold bounded memory, and starve nobody', async () => {
  for (const [size, step, slot] of [
    [513, 513, 2048],
    [700, 1400, 2048],
    [1, 2, 256],
  ] as const) {
    const scenario = await Scenario.create({ settings: { tcp: { receiveMemory: LIMIT } } })
    const listener = scenario.listen(80, 100)
    const before = scenario.pool.used
    for (let port = 1; port <= 25; port++) {
      const from = { sourcePort: 9000 + port, destinationPort: 80 }
      scenario.tcp({ ...from, sequence: 0, flags: TCP_SYN, options: { mss: 1460, windowScale: 7 } })
      const acknowledgment = (scenario.segment().sequence + 1) | 0
      scenario.tcp({ ...from, sequence: 1, flags: TCP_ACK, acknowledgment })
      // What is asked for is not read by anybody: in order, with gaps, or every second octet.
      for (let i = 1; i <= 60; i++) {
        const sequence = 1 + (step === size ? i - 1 : i) * step
        scenario.tcp({ ...from, sequence, flags: TCP_ACK, acknowledgment, payload: pattern(size) })
      }
      scenario.segments()
    }
    expect((scenario.pool.used - before) * slot, `segments of ${size}`).toBeLessThan(
      LIMIT * (1 + Math.log(25)) + 25 * slot,
    )
    const peer = Conversation.connect(scenario, {}, 900_000)
    for (let i = 0; i < 100; i++) {
      peer.send({ payload: pattern(1460, i) })
      expect(readAll(peer.socket)).toEqual(pattern(1460, i))
      peer.hear()
    }
    peer.socket.reset()
    listener.close()
    scenario.segments()
    expect(await scenario.finish()).toEqual(NOTHING_LEFT)
  }
})
