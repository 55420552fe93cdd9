/** TIME-WAIT: RFC 9293 3.6.1 and 3.10.7.4, RFC 6191, RFC 1337. */
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '@ioth/core'
import { expect, test } from 'vitest'
import type { TcpFields } from '../../src/testing.ts'
import { Conversation, NOTHING_LEFT, pattern, Scenario, SECOND } from '../scenario.ts'

/** A connection to port 80 that ended with us in TIME-WAIT. */
function inTimeWait(scenario: Scenario, options: NonNullable<TcpFields['options']>, octets = 0): Conversation {
  const peer = Conversation.accept(scenario, 80, { options })
  for (let left = octets; left > 0; left -= 60_000) {
    peer.write(pattern(Math.min(left, 60_000)))
    for (let i = 0; i < 100 && peer.socket.bytesQueued > 0; i++) {
      peer.hear()
      peer.send()
    }
  }
  peer.socket.close()
  peer.hear()
  peer.send({ flags: TCP_FIN | TCP_ACK })
  peer.hear()
  return peer
}

const stamps = (value: number): NonNullable<TcpFields['options']> => ({ mss: 1460, timestamps: { value, echo: 0 } })
const PLAIN: NonNullable<TcpFields['options']> = { mss: 1460 }

test('R-TCP-20 a new SYN: every case of RFC 6191', async () => {
  // What the old connection had, and what the SYN has: its timestamp, and whether its number is beyond the old ones.
  for (const [before, syn, isBeyond, isTaken] of [
    [PLAIN, PLAIN, true, true],
    [PLAIN, PLAIN, false, false],
    [PLAIN, stamps(1), false, true],
    [stamps(5000), PLAIN, true, true],
    [stamps(5000), PLAIN, false, false],
    [stamps(5000), stamps(90_000), false, true],
    [stamps(5000), stamps(4000), true, false],
  ] as const) {
    const scenario = await Scenario.create()
    const peer = inTimeWait(scenario, before)
    const listener = scenario.listen(80)
    const sequence = (peer.seq + (isBeyond ? 10 : -10)) | 0
    scenario.tcp({ sourcePort: 5555, destinationPort: 80, sequence, flags: TCP_SYN, options: syn })
    expect(scenario.segment().names, JSON.stringify([before, syn, isBeyond])).toBe(isTaken ? 'SYN,ACK' : 'ACK')
    listener.close()
    expect(await scenario.finish()).toEqual(NOTHING_LEFT)
  }
})

test('R-TCP-04 R-TCP-20 the new connection begins beyond all that the old one sent, however fast that was', async () => {
  const scenario = await Scenario.create()
  // In no time at all: faster than the clock of the sequence numbers.
  const peer = inTimeWait(scenario, PLAIN, 600_000)
  const listener = scenario.listen(80)
  const sequence = (peer.seq + 10) | 0
  scenario.tcp({ sourcePort: 5555, destinationPort: 80, sequence, flags: TCP_SYN, options: PLAIN })
  const answer = scenario.segment()
  expect(answer.names).toBe('SYN,ACK')
  expect((answer.sequence - peer.ack) | 0).toBeGreaterThan(0)
  listener.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-20 nobody listens: the SYN is acknowledged, and the old connection stays where it is', async () => {
  const scenario = await Scenario.create()
  const peer = inTimeWait(scenario, PLAIN)
  const sequence = (peer.seq + 10) | 0
  scenario.tcp({ sourcePort: 5555, destinationPort: 80, sequence, flags: TCP_SYN, options: PLAIN })
  expect(scenario.segment().names).toBe('ACK')
  expect([...scenario.stack.sockets()].map(({ state }) => state)).toEqual(['TIME-WAIT'])
  scenario.advance(61 * SECOND)
  scenario.tcp({ sourcePort: 5555, destinationPort: 80, sequence, flags: TCP_SYN, options: PLAIN })
  expect(scenario.segment().names).toBe('RST,ACK')
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-19 what does not belong there is not answered without limit', async () => {
  const scenario = await Scenario.create()
  const peer = inTimeWait(scenario, PLAIN)
  for (let i = 1; i <= 200; i++) peer.send({ sequence: (peer.seq + i) | 0 })
  for (let i = 1; i <= 200; i++) peer.send({ sequence: (peer.seq + i) | 0, flags: TCP_RST })
  expect(peer.hear().length).toBe(1)
  // The FIN again is answered each time.
  for (let i = 0; i < 5; i++) peer.send({ sequence: (peer.seq - 1) | 0, flags: TCP_FIN | TCP_ACK })
  expect(peer.hear().length).toBe(5)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-19 R-TCP-33 keep-alive that is turned on too late is not heard of: no probe, no RST, no timer', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.accept(scenario, 80, { options: PLAIN })
  peer.socket.shutdown()
  peer.hear()
  peer.send({ flags: TCP_FIN | TCP_ACK })
  peer.hear()
  expect(peer.socket.state).toBe('TIME-WAIT')
  // The program still holds its socket.
  peer.socket.setOption('keepAliveDelay', 60)
  peer.socket.setOption('keepAlive', 1)
  scenario.advance(2 * 3600 * SECOND)
  expect(peer.hear()).toEqual([])
  peer.socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})
