/**
 * ARP (RFC 826) and address conflict detection (RFC 5227), as they show on the wire.
 *
 * @module
 */
import { parseIpAddress, parseMac } from '@ioth/core'
import { expect } from 'vitest'
import type { ArpPacket } from '../checker/arp.ts'
import { FrameChecker } from '../checker/frame-checker.ts'
import { type ArpFields, craftArp, craftEthernet } from '../craft/craft.ts'
import type { Host } from '../lan/host.ts'
import { type Lan, withLan } from '../lan/lan.ts'
import type { Tap } from '../lan/wire.ts'
import type { Suite } from '../suite.ts'
import { expectError } from './expect-code.ts'

const OURS = [10, 0, 0, 1]
const NEIGHBOR = [10, 0, 0, 66]
const MAC = [2, 0x66, 0, 0, 0, 0x66]
const OTHER_MAC = [2, 0x77, 0, 0, 0, 0x77]
const EVERYBODY = [255, 255, 255, 255, 255, 255]
const REQUEST = 1
const REPLY = 2
const SECOND = 1_000_000

type Heard = ArpPacket & { readonly time: number; readonly to: string }

/** A station that says what a test says, and answers for the addresses it is told to. */
class Station {
  readonly heard: Heard[] = []
  readonly answers = new Set<string>([text(NEIGHBOR)])
  private readonly tap: Tap
  private readonly checker = new FrameChecker()

  constructor(lan: Lan) {
    this.tap = lan.tap((frame) => {
      const { arp, ethernet } = this.checker.check(frame)
      if (arp === null || ethernet === null) return
      this.heard.push({ ...arp, time: lan.now, to: ethernet.destination })
      if (arp.operation !== 'request' || !this.answers.has(arp.targetAddress) || arp.senderAddress === '0.0.0.0') return
      this.say({
        operation: REPLY,
        senderAddress: octets(arp.targetAddress),
        targetMac: Array.from(parseMac(arp.senderMac)),
        targetAddress: octets(arp.senderAddress),
      })
    })
  }

  say(fields: Partial<ArpFields>, source: readonly number[] = MAC, destination: readonly number[] = EVERYBODY): void {
    const packet = { operation: REQUEST, senderMac: source, senderAddress: NEIGHBOR, targetAddress: OURS, ...fields }
    this.raw(craftArp(packet), source, destination)
  }

  raw(packet: Uint8Array, source: readonly number[] = MAC, destination: readonly number[] = EVERYBODY): void {
    this.tap.send(craftEthernet({ source, destination, type: 0x806 }, packet))
  }
}

interface Link {
  readonly lan: Lan
  readonly host: Host
  readonly station: Station
}

export function arp(suite: Suite): void {
  const test = (name: string, body: (link: Link) => Promise<void>): void => {
    suite.plainTest(name, () =>
      withLan({ hosts: [], time: suite.time, name: `${suite.subject.name} ${name}` }, async (lan) => {
        const station = new Station(lan)
        const host = await lan.join(suite.host())
        await lan.wait(5000)
        await body({ lan, host, station })
      }),
    )
  }

  test('R-ARP-01 R-ARP-02 who asks for our address is answered, and known from then on; who asks for another is not', async ({
    lan,
    host,
    station,
  }) => {
    const ours = `${host.stack.interfaces[0]?.mac}`
    let since = lan.now
    station.say({ targetAddress: [10, 0, 0, 9] })
    await lan.wait(10)
    expect(replies(station, since)).toEqual([])
    expect(known(host)).toEqual([])
    since = lan.now
    station.say({})
    await lan.wait(10)
    expect(replies(station, since)).toMatchObject([
      { senderMac: ours, senderAddress: text(OURS), targetAddress: text(NEIGHBOR), to: '02:66:00:00:00:66' },
    ])
    expect(known(host)).toEqual([`${text(NEIGHBOR)} 02:66:00:00:00:66`])
  })

  test('R-ARP-01 H-29 H-36 a request with one thing wrong draws no answer and leaves nothing', async ({
    lan,
    host,
    station,
  }) => {
    const rows: readonly (readonly [string, Partial<ArpFields>])[] = [
      ['hardware type', { hardwareType: 6 }],
      ['protocol type', { protocolType: 0x86dd }],
      ['hardware length', { hardwareLength: 8 }],
      ['protocol length', { protocolLength: 16 }],
      ['operation 0', { operation: 0 }],
      ['operation 3', { operation: 3 }],
      ['operation 9', { operation: 9 }],
      ['sender everybody', { senderMac: EVERYBODY }],
      ['sender a group', { senderMac: [1, 0, 0x5e, 0, 0, 1] }],
      ['sender nobody', { senderMac: [0, 0, 0, 0, 0, 0] }],
      ['sender address a group', { senderAddress: [224, 0, 0, 1] }],
      ['sender address everybody', { senderAddress: [255, 255, 255, 255] }],
      ['not for us', { targetAddress: [10, 0, 0, 99] }],
      ['announcement', { targetAddress: NEIGHBOR }],
      ['reply not asked for', { operation: REPLY }],
    ]
    for (const [what, fields] of rows) {
      const since = lan.now
      station.say(fields)
      await lan.wait(10)
      expect(replies(station, since), what).toEqual([])
      expect(known(host), what).toEqual([])
    }
    const whole = craftArp({ operation: REQUEST, senderMac: MAC, senderAddress: NEIGHBOR, targetAddress: OURS })
    for (let length = 0; length < whole.length; length++) station.raw(whole.subarray(0, length))
    const since = lan.now
    await lan.wait(10)
    expect(replies(station, since)).toEqual([])
    station.raw(Uint8Array.from([...whole, ...new Uint8Array(18)]))
    await lan.wait(10)
    expect(replies(station, since), 'the same, right, with padding').toHaveLength(1)
  })

  test('R-ARP-03 what waits for an answer leaves with it', async ({ lan, host, station }) => {
    station.answers.clear()
    const socket = host.stack.openUdp(4)
    for (const octet of [1, 2, 3]) socket.send(Uint8Array.of(octet), 0, 1, parseIpAddress(text(NEIGHBOR)), 9)
    await lan.wait(300)
    const before = sent(host).length
    station.answers.add(text(NEIGHBOR))
    await lan.wait(3000)
    const datagrams = sent(host)
      .slice(before)
      .filter(({ octets: frame }) => frame[12] === 8 && frame[13] === 0)
    expect(datagrams.length).toBeGreaterThanOrEqual(1)
    expect(datagrams.map(({ octets: frame }) => frame.at(42))).toEqual([1, 2, 3].slice(3 - datagrams.length))
    socket.close()
  })

  test('R-ARP-02 R-ARP-03 nobody answers: EHOSTUNREACH, and no more questions than a few a second', async ({
    lan,
    host,
    station,
  }) => {
    const since = lan.now
    const outcome = host.stack.ping(parseIpAddress('10.0.0.99'), { timeoutMs: 20_000 }).then(
      () => null,
      (error: unknown) => error,
    )
    expectError((await lan.settled(outcome)) as never, 'EHOSTUNREACH', { syscall: 'ping', address: '10.0.0.99' })
    const asked = station.heard.filter(({ time, operation }) => time >= since && operation === 'request')
    expect(asked.length).toBeGreaterThanOrEqual(1)
    expect(asked.length / ((lan.now - since) / SECOND)).toBeLessThanOrEqual(3)
  })

  test('R-ARP-04 an address that is ours is announced, defended once, and given up with an event', async ({
    lan,
    host,
    station,
  }) => {
    const announced = station.heard.filter(
      ({ senderAddress, targetAddress }) => senderAddress === text(OURS) && targetAddress === text(OURS),
    )
    expect(announced.length, 'announcements').toBeGreaterThanOrEqual(1)
    const claim = { senderAddress: OURS, targetAddress: OURS }
    let since = lan.now
    station.say(claim, OTHER_MAC)
    await lan.wait(100)
    const defence = station.heard.filter(({ time, senderAddress }) => time >= since && senderAddress === text(OURS))
    expect(defence.map(({ targetAddress }) => targetAddress)).toEqual([text(OURS)])
    expect(host.stack.interfaces[0]?.addresses).toHaveLength(1)
    since = lan.now
    station.say(claim, OTHER_MAC)
    await lan.wait(100)
    expect(station.heard.filter(({ time }) => time >= since)).toHaveLength(0)
    expect(host.stack.interfaces[0]?.addresses).toHaveLength(0)
    expect(host.events.map(({ kind, mac }) => [kind, mac])).toEqual([
      ['address-added', undefined],
      ['address-conflict', '02:77:00:00:00:77'],
      ['address-conflict', '02:77:00:00:00:77'],
      ['address-removed', undefined],
    ])
  })

  test('R-ARP-04 defended again after ten seconds', async ({ lan, host, station }) => {
    for (let i = 0; i < 5; i++) {
      station.say({ senderAddress: OURS, targetAddress: OURS }, OTHER_MAC)
      await lan.wait(11_000)
    }
    expect(host.stack.interfaces[0]?.addresses).toHaveLength(1)
  })

  suite.plainTest('R-ARP-04 an address that somebody has is refused', async () => {
    await withLan({ hosts: [], time: suite.time, name: `${suite.subject.name} R-ARP-04` }, async (lan) => {
      const station = new Station(lan)
      const outcome = lan.join(suite.host()).then(
        () => null,
        (error: unknown) => error,
      )
      await lan.until(() => station.heard.length > 0, 10_000)
      expect(station.heard[0]).toMatchObject({
        senderAddress: '0.0.0.0',
        targetAddress: text(OURS),
        operation: 'request',
      })
      station.say({ operation: REPLY, senderAddress: OURS, targetAddress: [0, 0, 0, 0] })
      const error = (await lan.settled(outcome)) as { code: string; message: string }
      expect(error.code).toBe('EADDRINUSE')
      expect(error.message).toContain('02:66:00:00:00:66')
    })
  })

  test('P-21 H-30 a flood of strangers: a bounded cache, and who was spoken to stays', async ({
    lan,
    host,
    station,
  }) => {
    const outcome = host.stack.ping(parseIpAddress(text(NEIGHBOR)), { timeoutMs: 100 }).catch(() => null)
    await lan.settled(outcome)
    await lan.wait(60_000)
    for (let i = 0; i < 5000; i++) {
      station.say({ senderAddress: [10, 0, i >> 8, i & 255].map((octet, at) => (at === 2 ? octet + 1 : octet)) }, [
        2,
        9,
        0,
        0,
        i >> 8,
        i & 255,
      ])
      if (i % 100 === 99) await lan.wait(1)
    }
    await lan.wait(10)
    expect([...host.stack.neighbors.list()].length).toBeLessThanOrEqual(4096)
    expect(known(host)).toContain(`${text(NEIGHBOR)} 02:66:00:00:00:66`)
  })
}

function replies(station: Station, since: number): readonly Heard[] {
  return station.heard.filter(({ time, operation }) => time >= since && operation === 'reply')
}

function sent(host: Host): Host['frames'] {
  return host.frames.filter(({ direction }) => direction === 'out')
}

function known(host: Host): string[] {
  return Array.from(host.stack.neighbors.list(), ({ address, mac }) => `${address} ${mac}`)
}

function text(address: readonly number[]): string {
  return address.join('.')
}

function octets(address: string): number[] {
  return address.split('.').map(Number)
}
