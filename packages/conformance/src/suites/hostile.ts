/**
 * Hostile frames: no exception, no flood of answers, nothing kept, and other connections go on (P-14, P-15).
 *
 * @module
 */
import { parseMac } from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { hostileFrame, type Parties } from '../arbitraries/hostile-frame.ts'
import { FrameChecker } from '../checker/frame-checker.ts'
import { craftArp, craftEthernet } from '../craft/craft.ts'
import type { Lan } from '../lan/lan.ts'
import { Service } from '../lan/service.ts'
import type { Tap } from '../lan/wire.ts'
import type { Suite } from '../suite.ts'

const STRANGER = { mac: [2, 0x66, 0x66, 0x66, 0x66, 0x66], ip: [10, 0, 0, 66], port: 6666 }
const VICTIM_MAC = '02:00:00:00:00:0a'

export function hostile(suite: Suite): void {
  const parties: Parties = {
    victim: { mac: Array.from(parseMac(VICTIM_MAC)), ip: [10, 0, 0, 1], port: 80 },
    source: STRANGER,
  }

  suite.property(
    'P-14 P-15 arbitrary and mutated frames: no exception, bounded answers, and a live connection is not disturbed',
    fc.array(hostileFrame(parties), { minLength: 1, maxLength: 60 }),
    (frames, seed) =>
      suite.withScene('P-14', { seed }, async ({ lan, a, b }) => {
        const mac = Array.from(parseMac(a.stack.interfaces[0]?.mac as string))
        const tap = stranger(lan)
        const service = new Service(a, 80)
        const talk = service.converse(b, { send: 30_000, writeSizes: [500] }, { send: 30_000, writeSizes: [500] })
        await lan.until(() => talk.client.connected, 10_000)
        for (const frame of frames) {
          const addressed = frame.slice()
          if (addressed.length >= 6) addressed.set(mac, 0)
          const before = a.frames.filter(({ direction }) => direction === 'out')
          tap.send(addressed)
          await lan.wait(1)
          // Answers to the stranger, the transfer apart.
          const sent = a.frames.filter(({ direction }) => direction === 'out').slice(before.length)
          const answers = sent.filter(({ octets }) => isTo(octets, STRANGER.ip))
          expect(answers.length, 'answers to one frame').toBeLessThanOrEqual(1)
          const size = answers.reduce((sum, { octets }) => sum + octets.length, 0)
          expect(size, 'octets in answer').toBeLessThanOrEqual(addressed.length * 1.5 + 64)
        }
        await lan.until(
          () => talk.isDone,
          60_000,
          () => `${talk}`,
        )
        await tap.close()
      }),
  )

  suite.property(
    'P-11 hostile frames leave nothing behind',
    fc.array(hostileFrame(parties), { minLength: 1, maxLength: 100 }),
    (frames, seed) =>
      suite.withScene('P-11 hostile', { seed }, async ({ lan, a }) => {
        const mac = Array.from(parseMac(a.stack.interfaces[0]?.mac as string))
        const service = new Service(a, 80)
        await lan.wait(3_600_000)
        const before = [lan.pool.used, lan.virtual?.timers, a.ports.size]
        const tap = stranger(lan)
        for (const frame of frames) {
          const addressed = frame.slice()
          if (addressed.length >= 6) addressed.set(mac, 0)
          tap.send(addressed)
        }
        await lan.wait(3_600_000)
        expect([lan.pool.used, lan.virtual?.timers, a.ports.size], 'slots, timers, ports').toEqual(before)
        service.close()
        await tap.close()
      }),
  )
}

/** A plug that answers ARP for the stranger, so that answers to it come out. */
function stranger(lan: Lan): Tap {
  const checker = new FrameChecker()
  const tap: Tap = lan.tap((frame) => {
    const { arp } = checker.check(frame)
    if (arp === null || arp.operation !== 'request' || arp.targetAddress !== STRANGER.ip.join('.')) return
    const asker = { mac: Array.from(frame.subarray(22, 28)), ip: Array.from(frame.subarray(28, 32)) }
    const reply = craftArp({
      operation: 2,
      senderMac: STRANGER.mac,
      senderAddress: STRANGER.ip,
      targetMac: asker.mac,
      targetAddress: asker.ip,
    })
    tap.send(craftEthernet({ source: STRANGER.mac, destination: asker.mac, type: 0x806 }, reply))
  })
  return tap
}

function isTo(frame: Uint8Array, ip: readonly number[]): boolean {
  if (frame[12] !== 8 || frame[13] !== 0) return false
  return ip.every((octet, index) => frame[30 + index] === octet)
}
