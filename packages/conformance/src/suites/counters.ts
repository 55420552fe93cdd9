/**
 * Counters add up (P-29): whatever comes in was delivered, or dropped for one reason. A backend takes part by counting `framesIn`.
 *
 * @module
 */
import { ANY_V4, LOOPBACK_V4, parseIpAddress } from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { Dice } from '../arbitraries/hostile-dice.ts'
import { hostileFrameFrom } from '../arbitraries/hostile-forge.ts'
import { craftArp, craftEthernet, craftIcmp, craftIgmp, craftIpv4, craftTcp, craftUdp } from '../craft/craft.ts'
import type { Host } from '../lan/host.ts'
import { Service } from '../lan/service.ts'
import { Station } from '../lan/station.ts'
import type { Suite } from '../suite.ts'
import { attackerTap, battlefield } from './hostile-campaign.ts'

const PORT = 53
const FRAMES = 200

export function counters(suite: Suite): void {
  if (suite.capabilities.udp === 'none') {
    suite.notClaimed('P-29 counters add up', 'udp: none')
    return
  }

  suite.property(
    'P-29 H-41 frames and octets in are those delivered and those dropped, by reason; none decreases',
    fc.record({ dice: fc.integer({ min: 1, max: 0x7fff_ffff }), size: fc.nat(3000) }),
    ({ dice: diceSeed, size }, seed) =>
      suite.withScene('P-29', { seed }, async ({ lan, a, b }) => {
        const dice = new Dice(diceSeed)
        const service = new Service(a, 80)
        const talk = service.converse(b, { send: 20_000, writeSizes: [500] }, { send: 20_000, writeSizes: [500] })
        const socket = a.stack.openUdp(4)
        socket.bind(ANY_V4, PORT)
        const other = b.stack.openUdp(4)
        const tap = attackerTap(lan)
        const field = battlefield(a, [80, PORT])
        let last = a.stack.counters()
        for (let number = 0; number < FRAMES; number++) {
          tap.send(hostileFrameFrom(dice, field))
          if (number % 10 === 0) {
            other.send(new Uint8Array(size), 0, size, a.address, PORT)
            socket.send(new Uint8Array(size), 0, size, number % 20 === 0 ? LOOPBACK_V4 : a.address, PORT)
            await lan.wait(dice.below(20))
            const now = a.stack.counters()
            for (const [name, count] of Object.entries(last))
              expect(now[name] ?? -1, name).toBeGreaterThanOrEqual(count)
            last = now
          }
        }
        await lan.until(
          () => talk.isDone,
          60_000,
          () => `${talk}`,
        )
        await lan.wait(130_000)
        expectSum(a)
        expectSum(b)
        for (const endpoint of [socket, other]) endpoint.close()
        service.close()
        await tap.close()
      }),
  )

  suite.test('P-29 every way to be dropped has its reason, and what is taken has none', async ({ lan, a }) => {
    const station = new Station(lan, a)
    const { ends, mac, targetMac } = station
    const socket = a.stack.openUdp(4)
    socket.bind(ANY_V4, PORT)
    expect(await station.isServed()).toBe(true)
    const ethernet = (payload: Uint8Array, fields: object = {}): Uint8Array =>
      craftEthernet({ source: mac, destination: targetMac, ...fields }, payload)
    const echo = craftIcmp(ends, { type: 8 }, octets(8))
    const udp = { sourcePort: 9, destinationPort: PORT }
    const good: Record<string, Uint8Array> = {
      echo: ethernet(echo),
      datagram: ethernet(craftUdp(ends, udp, octets(4))),
      'a first fragment': ethernet(craftIpv4({ ...ends, protocol: 17, id: 3, flags: 1 }, octets(800))),
      'an ARP request': ethernet(
        craftArp({ operation: 1, senderMac: mac, senderAddress: station.ip, targetAddress: ends.destination }),
        { type: 0x806 },
      ),
    }
    const bad: Record<string, Uint8Array> = {
      'a short frame': octets(13),
      'another station': ethernet(echo, { destination: [2, 9, 9, 9, 9, 9] }),
      'a group as source': ethernet(echo, { source: [3, 0, 0, 0, 0, 1] }),
      'an unknown type': ethernet(echo, { type: 0x9999 }),
      'a tag': ethernet(echo, { type: 0x8100 }),
      'no IPv4 header': ethernet(echo.subarray(0, 19)),
      version: ethernet(craftIcmp({ ...ends, version: 5 }, { type: 8 })),
      'header checksum': ethernet(craftIcmp({ ...ends, checksum: 1 }, { type: 8 })),
      'total length': ethernet(craftIcmp({ ...ends, totalLength: 500 }, { type: 8 })),
      source: ethernet(craftIcmp({ ...ends, source: [127, 0, 0, 1] }, { type: 8 })),
      destination: ethernet(craftIcmp({ ...ends, destination: [10, 0, 0, 99] }, { type: 8 })),
      'a group nobody joined': ethernet(craftUdp({ ...ends, destination: [239, 1, 1, 1] }, udp), {
        destination: [1, 0, 0x5e, 1, 1, 1],
      }),
      'one of us in a frame to all': ethernet(echo, { destination: [255, 255, 255, 255, 255, 255] }),
      'a source route': ethernet(craftIcmp({ ...ends, options: [131, 3, 4, 0] }, { type: 8 })),
      'an empty fragment': ethernet(craftIpv4({ ...ends, protocol: 17, flags: 1, fragmentOffset: 64 }, octets(0))),
      'an unknown protocol': ethernet(craftIpv4({ ...ends, protocol: 200 }, octets(8))),
      'ICMP checksum': ethernet(craftIcmp(ends, { type: 8, checksum: 1 })),
      'ICMP type': ethernet(craftIcmp(ends, { type: 13 }, octets(12))),
      'an error about nothing of ours': ethernet(craftIcmp(ends, { type: 3, code: 3 }, echo)),
      'an answer nobody waits for': ethernet(craftIcmp(ends, { type: 0 }, octets(8))),
      'IGMP from afar': ethernet(craftIgmp({ ...ends, timeToLive: 9 }, { type: 0x11 })),
      'UDP length': ethernet(craftUdp(ends, { ...udp, length: 99 })),
      'UDP checksum': ethernet(craftUdp(ends, { ...udp, checksum: 1 })),
      'UDP port 0': ethernet(craftUdp(ends, { sourcePort: 9, destinationPort: 0 })),
      'nobody listens': ethernet(craftUdp(ends, { sourcePort: 9, destinationPort: 9999 })),
      'TCP checksum': ethernet(craftTcp(ends, { sourcePort: 9, destinationPort: 80, flags: 'S', checksum: 1 })),
      'TCP data offset': ethernet(craftTcp(ends, { sourcePort: 9, destinationPort: 80, flags: 'S', dataOffset: 4 })),
      'an ARP operation': ethernet(
        craftArp({ operation: 9, senderMac: mac, senderAddress: station.ip, targetAddress: ends.destination }),
        { type: 0x806 },
      ),
    }
    if (a.stack.counters().framesIn !== undefined) {
      for (const [frames, isGood] of [
        [good, true],
        [bad, false],
      ] as const) {
        for (const [what, frame] of Object.entries(frames)) {
          const before = a.stack.counters()
          station.frame(frame)
          // Less than an answer to our answer takes.
          await station.answers(1)
          const after = a.stack.counters()
          expect(difference(after, before, 'framesIn'), what).toBe(1)
          expect(difference(after, before, 'framesDelivered'), `${what}: delivered`).toBe(isGood ? 1 : 0)
          expect(dropsOf(after) - dropsOf(before), `${what}: dropped`).toBe(isGood ? 0 : 1)
        }
      }
      await lan.wait(130_000)
      expectSum(a)
    }
    expect(`${a.stack.sourceFor(parseIpAddress('10.0.0.66'))}`).toBe('10.0.0.1')
    socket.close()
    await station.close()
  })
}

/** What the host counts, held against what was seen on its line. */
function expectSum(host: Host): void {
  const counts = host.stack.counters()
  if (counts.framesIn === undefined) return
  const came = host.frames.filter(({ direction }) => direction === 'in')
  const went = host.frames.filter(({ direction }) => direction === 'out')
  const octetsOf = (frames: typeof came): number => frames.reduce((sum, { octets: frame }) => sum + frame.length, 0)
  const count = (name: string): number => counts[name] as number
  expect(count('framesIn'), 'frames in').toBe(came.length)
  expect(count('octetsIn'), 'octets in').toBe(octetsOf(came))
  expect(count('framesOut'), 'frames out').toBe(went.length)
  expect(count('octetsOut'), 'octets out').toBe(octetsOf(went))
  expect(count('framesDelivered') + dropsOf(counts), 'delivered and dropped').toBe(
    count('framesIn') + count('packetsLooped'),
  )
  expect(count('octetsDelivered') + count('octetsDropped'), 'octets delivered and dropped').toBe(
    count('octetsIn') + count('octetsLooped'),
  )
}

function dropsOf(counts: Readonly<Record<string, number>>): number {
  return Object.entries(counts).reduce((sum, [name, count]) => (name.startsWith('drop.') ? sum + count : sum), 0)
}

function difference(
  after: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>>,
  name: string,
): number {
  return (after[name] as number) - (before[name] as number)
}

function octets(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + 1) & 255)
}
