/**
 * Floods: what comes in any number is bounded in memory and in answers, what was there goes on, and who comes later is served
 * (P-20, P-21, H-09, H-21, H-30).
 *
 * @module
 */
import { ANY_V4, parseMac, READABLE, toBytes } from '@ioth/core'
import { expect } from 'vitest'
import { Dice } from '../arbitraries/hostile-dice.ts'
import { craftArp, craftEthernet, craftIpv4, craftTcp, craftUdp, type TcpFields } from '../craft/craft.ts'
import type { Host } from '../lan/host.ts'
import { type Lan, withLan } from '../lan/lan.ts'
import { Service } from '../lan/service.ts'
import type { Suite } from '../suite.ts'
import { ATTACKER, attackerTap } from './hostile-campaign.ts'

/** Slots that a host may hold under a flood. */
const MOST_SLOTS = 12_000
/** Questions for absent neighbours in a second. */
const MOST_QUESTIONS = 5000
const STATION = 0x02_66_00_00_00_00

export function hostileFloods(suite: Suite): void {
  if (!suite.capabilities.virtualTime) {
    suite.notClaimed('floods', 'virtualTime: false; they take minutes')
    return
  }

  /** Frames of each flood: more than any table holds. */
  const many = Math.min(suite.settings.frames, 20_000)
  const manyNeighbors = Math.min(suite.settings.frames, 100_000)

  /** A wide network, so that there are millions who could be meant. */
  const onWideLan = (name: string, body: (lan: Lan, a: Host, b: Host) => Promise<void>): Promise<void> => {
    const hosts = [
      { ...suite.host(), address: '10.0.0.1/8' },
      { ...suite.peer(), address: '10.0.0.2/8' },
    ]
    return withLan({ hosts, name: `${suite.subject.name} ${name}`, seed: suite.settings.seed }, async (lan) =>
      body(lan, lan.host(0), lan.host(1)),
    )
  }

  const floods: readonly [string, (dice: Dice, a: Host) => TcpFields & { source?: readonly number[] }][] = [
    ['SYN flood from random sources at an open port', (dice) => ({ ...random(dice), destinationPort: 80, flags: 'S' })],
    [
      'SYN flood from one source at an open port',
      (dice) => ({ ...random(dice), destinationPort: 80, flags: 'S', source: ATTACKER.ip4 }),
    ],
    [
      'SYN flood at closed ports',
      (dice) => ({ ...random(dice), destinationPort: dice.between(1000, 9000), flags: 'S' }),
    ],
    ['ACK flood', (dice) => ({ ...random(dice), destinationPort: 80, flags: 'A' })],
    ['RST flood', (dice) => ({ ...random(dice), destinationPort: 80, flags: 'R' })],
    [
      'land: a flood from the host itself',
      (dice, a) => ({ ...random(dice), sourcePort: 80, destinationPort: 80, flags: 'S', source: ip4(a) }),
    ],
  ]
  for (const [name, fields] of floods) {
    suite.plainTest(`H-21 ${name}: bounded, what was there goes on, and new clients are served within 5 s`, () =>
      onWideLan(`H-21 ${name}`, async (lan, a, b) => {
        const service = new Service(a, 80, 128)
        const first = service.converse(b, { send: 100 }, { send: 100 })
        await lan.until(() => first.isDone, 10_000)
        await lan.wait(7_200_000)
        const before = held(lan, a)
        const live = service.converse(b, { send: 200_000, writeSizes: [100] }, { send: 200_000, writeSizes: [100] })
        const tap = attackerTap(lan)
        const dice = new Dice(suite.settings.seed)
        const mac = macOf(a)
        let most = 0
        for (let i = 0; i < many; i++) {
          const { source = [10, dice.below(250) + 1, dice.below(256), dice.below(256)], ...segment } = fields(dice, a)
          const packet = craftTcp({ source, destination: ip4(a) }, segment)
          tap.send(craftEthernet({ source: ATTACKER.mac, destination: mac }, packet))
          lan.virtual?.advance(100)
          most = Math.max(most, lan.pool.used)
        }
        expect(most, 'slots').toBeLessThanOrEqual(MOST_SLOTS)
        await lan.until(
          () => live.isDone,
          20_000,
          () => `${live}`,
        )
        const late = service.converse(b, { send: 1000 }, { send: 1000 })
        await lan.until(
          () => late.isDone,
          5000,
          () => `who comes after the flood: ${late}`,
        )
        await lan.wait(7_200_000)
        expect(held(lan, a)).toEqual(before)
        service.close()
        await tap.close()
      }),
    )
  }

  suite.plainTest('H-30 P-21 a flood of ARP from absent senders: the cache is bounded, and those in use stay', () =>
    onWideLan('H-30 P-21', async (lan, a, b) => {
      const service = new Service(a, 80)
      const live = service.converse(b, { send: 100_000, writeSizes: [100] }, { send: 100_000, writeSizes: [100] })
      const tap = attackerTap(lan)
      const mac = macOf(a)
      for (let i = 0; i < manyNeighbors; i++) {
        const senderAddress = [10, 9 + (i >> 16), (i >> 8) & 255, i & 255]
        const request = { operation: i % 4 === 3 ? 2 : 1, senderMac: station(i), senderAddress, targetAddress: ip4(a) }
        tap.send(craftEthernet({ source: ATTACKER.mac, destination: mac, type: 0x806 }, craftArp(request)))
        lan.virtual?.advance(100)
      }
      const known = [...a.stack.neighbors.list()]
      expect(known.length, 'neighbours').toBeLessThanOrEqual(4096)
      expect(
        known.some(({ address }) => address.equals(b.address)),
        'b, who is in use, is known',
      ).toBe(true)
      await lan.until(
        () => live.isDone,
        20_000,
        () => `${live}`,
      )
      service.close()
      await tap.close()
    }),
  )

  suite.plainTest(
    'H-30 P-21 traffic that makes a host look for absent neighbours: bounded questions, bounded memory, those in use stay',
    () =>
      onWideLan('H-30 resolve', async (lan, a, b) => {
        const service = new Service(a, 80)
        const live = service.converse(b, { send: 100_000, writeSizes: [100] }, { send: 100_000, writeSizes: [100] })
        const tap = attackerTap(lan)
        const mac = macOf(a)
        let [since, before] = [lan.now, asked(a)]
        for (let i = 0; i < manyNeighbors; i++) {
          // Each draws a RST, or an ICMP error, for somebody who is not there.
          const ends = { source: [10, 9 + (i >> 16), (i >> 8) & 255, i & 255], destination: ip4(a) }
          const packet = craftTcp(ends, { sourcePort: 5, destinationPort: 81, flags: 'S' })
          tap.send(craftEthernet({ source: ATTACKER.mac, destination: mac }, packet))
          lan.virtual?.advance(100)
          expect(lan.pool.used, 'slots').toBeLessThanOrEqual(MOST_SLOTS)
          if (lan.now - since < 1_000_000) continue
          expect(asked(a) - before, 'questions in a second').toBeLessThanOrEqual(MOST_QUESTIONS)
          before = asked(a)
          since = lan.now
        }
        const known = [...a.stack.neighbors.list()]
        expect(known.length, 'neighbours').toBeLessThanOrEqual(4096)
        expect(
          known.some(({ address }) => address.equals(b.address)),
          'b, who is in use, is known',
        ).toBe(true)
        await lan.until(
          () => live.isDone,
          20_000,
          () => `${live}`,
        )
        service.close()
        await tap.close()
      }),
  )

  if (suite.capabilities.udp === 'none') return

  suite.test(
    'H-09 P-20 a flood of first fragments: memory is bounded, and all of it comes back',
    async ({ lan, a }) => {
      await lan.wait(10_000)
      const before = lan.pool.used
      const tap = attackerTap(lan)
      const mac = macOf(a)
      const dice = new Dice(suite.settings.seed)
      for (let i = 0; i < many; i++) {
        const isFirst = dice.oneIn(2)
        const fields = {
          id: i & 0xffff,
          flags: 1,
          fragmentOffset: isFirst ? 0 : 8 * dice.between(1, 180),
          protocol: 17,
        }
        const source = [10, 0, 0, dice.between(100, 200)]
        const packet = craftIpv4({ source, destination: ip4(a), ...fields }, dice.octets(8 * dice.between(2, 180)))
        tap.send(craftEthernet({ source: ATTACKER.mac, destination: mac }, packet))
        lan.virtual?.advance(100)
        expect(lan.pool.used, 'slots').toBeLessThanOrEqual(MOST_SLOTS)
      }
      await lan.wait(300_000)
      expect(lan.pool.used).toBe(before)
      await tap.close()
    },
  )

  suite.test(
    'P-20 a datagram in fragments comes together beside a flood that leaves it room',
    async ({ lan, a, b }) => {
      const receiver = a.stack.openUdp(4)
      receiver.bind(ANY_V4, 53)
      const sender = b.stack.openUdp(4)
      const tap = attackerTap(lan)
      const mac = macOf(a)
      const octets = new Uint8Array(8000).map((_, at) => at * 7)
      for (let round = 0; round < 5; round++) {
        for (let i = 0; i < 40; i++) {
          const fields = { id: i, flags: 1, fragmentOffset: 0, protocol: 17 }
          const packet = craftIpv4({ source: ATTACKER.ip4, destination: ip4(a), ...fields }, new Uint8Array(64))
          tap.send(craftEthernet({ source: ATTACKER.mac, destination: mac }, packet))
        }
        sender.send(octets, 0, octets.length, a.address, 53)
        await lan.until(() => (receiver.ready & READABLE) !== 0, 1000)
        const got: number[] = []
        receiver.receive(4, {
          datagram: (memory, offset, length) => {
            got.push(...memory.subarray(offset, offset + length))
            return true
          },
        })
        expect(Uint8Array.from(got)).toEqual(octets)
      }
      receiver.close()
      sender.close()
      await tap.close()
    },
  )

  suite.test(
    'H-09 a datagram in a thousand fragments of eight octets, last first and interleaved with another, arrives once',
    async ({ lan, a }) => {
      const receiver = a.stack.openUdp(4)
      receiver.bind(ANY_V4, 53)
      const tap = attackerTap(lan)
      const mac = macOf(a)
      const ends = { source: ATTACKER.ip4, destination: ip4(a) }
      const data = new Uint8Array(7992).map((_, at) => at * 5)
      const whole = craftUdp(ends, { sourcePort: 9, destinationPort: 53 }, data).subarray(20)
      const order = Array.from({ length: whole.length / 8 }, (_, i) => whole.length / 8 - 1 - i)
      for (const piece of order) {
        for (const id of [1, 2]) {
          const flags = piece === order[0] ? 0 : 1
          const packet = craftIpv4(
            { ...ends, id, flags, fragmentOffset: 8 * piece, protocol: 17 },
            whole.subarray(8 * piece, 8 * piece + 8),
          )
          // Of the second one piece never comes.
          if (id === 1 || piece !== 500) tap.send(craftEthernet({ source: ATTACKER.mac, destination: mac }, packet))
        }
        lan.virtual?.advance(10)
      }
      await lan.wait(10)
      const lengths: number[] = []
      receiver.receive(4, {
        datagram: (_memory, _offset, length) => {
          lengths.push(length)
          return true
        },
      })
      expect(lengths).toEqual([data.length])
      receiver.close()
      await tap.close()
    },
  )
}

function random(dice: Dice): { sourcePort: number; sequence: number; acknowledgment: number; window: number } {
  return {
    sourcePort: dice.between(1024, 65_535),
    sequence: dice.word(),
    acknowledgment: dice.word(),
    window: dice.half(),
  }
}

/** ARP questions a host has asked. */
function asked(host: Host): number {
  return host.stack.counters().arpOut ?? 0
}

function ip4(host: Host): number[] {
  return Array.from(toBytes(host.address))
}

function macOf(host: Host): number[] {
  return Array.from(parseMac(host.stack.interfaces[0]?.mac as string))
}

/** One of many hardware addresses. */
function station(number: number): number[] {
  const value = STATION + number
  return [40, 32, 24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) & 255)
}

function held(lan: Lan, { stack, ports }: Host): Record<string, unknown> {
  return {
    slots: lan.pool.used,
    holds: lan.virtual?.holds,
    timers: lan.virtual?.timers,
    ports: ports.size,
    sockets: [...stack.sockets()].length,
  }
}
