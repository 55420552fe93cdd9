/**
 * The time of day: what a time server says, and what is not believed.
 *
 * @module
 */
import { openDatagram } from '@ioth/core'
import { askTime } from '@ioth/core/services'
import { expect } from 'vitest'
import type { Scene, Suite } from '../suite.ts'
import { expectRejection } from './expect-code.ts'

/** 2026-01-02T03:04:05.250Z in seconds since 1900. */
const NOON = Date.UTC(2026, 0, 2, 3, 4, 5) / 1000 + 2_208_988_800

/** A good answer. */
function answer(question: Uint8Array): Uint8Array {
  const reply = new Uint8Array(48)
  const view = new DataView(reply.buffer)
  reply.set([0x24, 2])
  reply.set(question.subarray(40, 48), 24)
  view.setUint32(32, NOON)
  view.setUint32(36, 0x2000_0000)
  view.setUint32(40, NOON)
  view.setUint32(44, 0x4000_0000)
  return reply
}

function serve({ b }: Scene, replies: (question: Uint8Array) => readonly Uint8Array[]): Uint8Array[] {
  const asked: Uint8Array[] = []
  const socket = openDatagram(b.stack, { port: 123 })
  void (async () => {
    for await (const { data, address, port } of socket) {
      asked.push(data)
      for (const reply of replies(data)) await socket.send(reply, { host: address, port })
    }
  })().catch(() => undefined)
  return asked
}

export function sntp(suite: Suite): void {
  if (suite.capabilities.udp === 'none') {
    suite.notClaimed('the time of day', 'udp: none')
    return
  }

  suite.test(
    'the time of a server, half of the round trip added, the time it took itself not counted',
    async (scene) => {
      const { lan, a, b } = scene
      for (const host of [a, b]) host.impair({ delayMs: 100 })
      const asked = serve(scene, (question) => [answer(question)])
      const { date, stratum, delayMicroseconds } = await lan.settled(askTime(a.stack, b.address))
      expect(stratum).toBe(2)
      // ARP comes before the question: each of the two needs a round trip of 200 ms.
      const waited = delayMicroseconds + 125_000
      expect(waited).toBeGreaterThanOrEqual(200_000)
      expect(date.getTime()).toBe(Math.floor((NOON - 2_208_988_800) * 1000 + 250 + delayMicroseconds / 2000))
      expect(asked[0]?.length).toBe(48)
      expect([...a.stack.sockets()]).toEqual([])
    },
  )

  suite.test('what is not the answer is not believed', async (scene) => {
    const changed = (question: Uint8Array, at: number, value: number): Uint8Array => {
      const reply = answer(question)
      reply[at] = value
      return reply
    }
    const wrong = (question: Uint8Array): Uint8Array[] => [
      answer(question).subarray(0, 47),
      new Uint8Array(0),
      changed(question, 0, 0x23),
      changed(question, 0, 0xe4),
      changed(question, 1, 0),
      changed(question, 1, 16),
      changed(question, 31, (question[47] as number) ^ 1),
      answer(question).fill(0, 40, 48),
    ]
    let isHonest = false
    const asked = serve(scene, (question) => (isHonest ? [...wrong(question), answer(question)] : wrong(question)))
    const { lan, a, b } = scene
    await expectRejection(lan.settled(askTime(a.stack, b.address, { tries: 2, timeoutMs: 500 })), 'ETIMEDOUT')
    expect(asked.length).toBe(2)
    expect(asked[0]?.subarray(40)).not.toEqual(asked[1]?.subarray(40))
    isHonest = true
    expect((await lan.settled(askTime(a.stack, b.address))).date.getUTCFullYear()).toBe(2026)
  })
}
