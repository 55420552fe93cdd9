/**
 * Campaigns: hostile frames by the thousand in the default run, by the million in the long one (P-14, P-15, P-16, and the classes of
 * section 6 that their generators make).
 *
 * @module
 */
import {
  ANY_V4,
  type NetError,
  type Pollable,
  parseIpAddress,
  parseMac,
  READABLE,
  type TcpSocket,
  toBytes,
  WRITABLE,
} from '@ioth/core'
import { expect } from 'vitest'
import type { Dice } from '../arbitraries/hostile-dice.ts'
import { hostileFrameFrom, type Station } from '../arbitraries/hostile-forge.ts'
import { mutateFields, mutateOctets } from '../arbitraries/hostile-mutation.ts'
import { craftEthernet, craftIcmp, craftIpv6, craftTcp, sumOverIpv6 } from '../craft/craft.ts'
import type { Host } from '../lan/host.ts'
import type { Lan } from '../lan/lan.ts'
import { Service } from '../lan/service.ts'
import type { Suite } from '../suite.ts'
import { ATTACKER, attackerTap, battlefield, campaign, isAnswer, withFrame } from './hostile-campaign.ts'

/** Slots of the pool that a host under attack may hold: reassembly, backlogs and queues at their limits, with room to spare. */
const MOST_SLOTS = 12_000
/** Entries of a neighbour cache. */
const MOST_NEIGHBORS = 4096
/** Challenge ACKs in a second (RFC 5961 7): whatever the number is, it is small. */
const MOST_CHALLENGES = 20

export function hostileCampaigns(suite: Suite): void {
  const { frames } = suite.settings

  campaign(
    suite,
    'P-14 H-01 H-36 H-41 H-43 arbitrary frames: no exception, at most one small answer, nothing kept, and the stack serves on',
    frames,
    async ({ lan, a, b, dice, frames: few, count }) => {
      const service = new Service(a, 80)
      const virtual = lan.virtual as NonNullable<Lan['virtual']>
      const datagrams = suite.capabilities.udp === 'none' ? null : a.stack.openUdp(4)
      datagrams?.bind(ANY_V4, 53)
      if (suite.capabilities.ipv6) await lan.settled(addIpv6(a))
      await expectServed(lan, service, b)
      const tap = attackerTap(lan)
      const field = battlefield(a, [80, 53])
      // Where the attacker is, is asked before it counts.
      for (const question of pings(field.victim)) tap.send(question)
      await lan.wait(10_000)
      expect(
        a.frames.some(({ octets }) => isAnswer(octets)),
        'an answer to ping',
      ).toBe(true)
      const before = held(lan, a)
      let sent = 0
      let received = 0
      for (let number = 0; number < few; number++) {
        const frame = hostileFrameFrom(dice, field)
        const from = a.frames.length
        withFrame(number, frame, () => {
          tap.send(frame)
          virtual.advance()
          const answers = a.frames
            .slice(from)
            .filter(({ direction, octets }) => direction === 'out' && isAnswer(octets))
          const octets = answers.reduce((sum, answer) => sum + answer.octets.length, 0)
          sent += frame.length
          received += octets
          if (octets > 0) count(frame[12] === 0x86 ? 'answers by IPv6' : 'answers by IPv4', answers.length)
          // What is longer than the smallest MTU may be answered in as many fragments.
          const pieces = Math.max(1, Math.ceil((frame.length - 14) / 1232))
          expect(answers.length, 'answers to one frame').toBeLessThanOrEqual(pieces)
          // The last fragment is answered for all of them.
          const most = Math.max(1.5 * frame.length + 64, isFragment(frame) ? 1514 : 0)
          expect(octets, 'octets in answer').toBeLessThanOrEqual(most)
          expect(lan.pool.used, 'slots').toBeLessThanOrEqual(MOST_SLOTS)
          if (dice.oneIn(20)) virtual.advance(dice.oneIn(100) ? 3_000_000 : dice.below(20_000))
        })
      }
      expect(received, 'octets in answer in all').toBeLessThanOrEqual(1.5 * sent + 64 * few)
      expect([...a.stack.neighbors.list()].length, 'neighbours').toBeLessThanOrEqual(MOST_NEIGHBORS)
      await tap.close()
      await expectServed(lan, service, b)
      datagrams?.close()
      service.close()
      await lan.wait(2 * 3_600_000)
      expect(held(lan, a)).toEqual({ ...before, sockets: 0, ports: 0 })
    },
  )

  campaign(
    suite,
    'P-15 H-42 H-43 mutated copies of a connection’s own frames: others go on, and it ends only by a rule',
    frames,
    async ({ lan, a, b, dice, frames: few, count }) => {
      const virtual = lan.virtual as NonNullable<Lan['virtual']>
      const other = new Service(a, 80)
      const recorded: Uint8Array[] = []
      const target = new Target(a, b, 81)
      const tap = lan.tap((frame) => {
        if (!target.isOf(frame)) return
        if (recorded.length === 64) recorded.shift()
        recorded.push(frame)
      })
      // Slow lines: the campaign ends before the transfer does.
      for (const host of [a, b]) host.impair({ rateBitsPerSecond: 2_000_000, delayMs: 2 })
      const plan = { send: few * 60, writeSizes: [700] }
      const talk = other.converse(b, plan, plan)
      await lan.until(() => target.isConnected && talk.client.connected, 60_000)
      await lan.wait(100)
      for (let number = 0; number < few; number++) {
        const original = recorded[dice.below(recorded.length)] as Uint8Array
        const roll = dice.below(8)
        const frame = roll === 0 ? original : roll < 6 ? mutateFields(original, dice) : mutateOctets(original, dice)
        withFrame(number, frame, () => {
          // A mutation that asks for another station is that station's.
          tap.send(frame)
          virtual.advance(dice.below(2000))
        })
        if (!target.isOver) continue
        count('targets that ended')
        expect(['ECONNRESET', 'EPIPE', 'in order'], 'how the target ended').toContain(target.ending)
        target.open(81 + number)
        await lan.until(
          () => target.isConnected && recorded.length > 0,
          60_000,
          () => `${target}`,
        )
      }
      await lan.until(
        () => talk.isDone,
        600_000,
        () => `${talk}`,
      )
      target.close()
      other.close()
      await tap.close()
    },
  )

  campaign(
    suite,
    'P-16 R-TCP-15 H-24 a blind attacker who knows addresses and ports: the stream is whole, and challenges are few',
    frames,
    async ({ lan, a, b, dice, frames: few, count }) => {
      const virtual = lan.virtual as NonNullable<Lan['virtual']>
      const service = new Service(a, 80)
      for (const host of [a, b]) host.impair({ rateBitsPerSecond: 2_000_000, delayMs: 5 })
      const plan = { send: few * 8, writeSizes: [600] }
      const busy = service.converse(b, plan, plan)
      const idle = service.converse(b, { send: 1, finish: 'never' }, { send: 1, finish: 'never' })
      await lan.until(() => busy.client.connected && idle.client.connected, 60_000)
      await lan.wait(200)
      const tap = lan.tap()
      const aim = aimAt(a, b, 80, [busy.client.socket.localPort, idle.client.socket.localPort])
      const since = lan.now
      let challenges = 0
      let seen = a.frames.length
      for (let number = 0; number < few; number++) {
        tap.send(aim(dice))
        virtual.advance(100)
        for (; seen < a.frames.length; seen++) {
          const { direction, octets } = a.frames[seen] as Host['frames'][number]
          if (direction === 'out' && portsOf(octets)[1] === idle.client.socket.localPort) challenges++
        }
      }
      count('challenges', challenges)
      const seconds = Math.ceil((lan.now - since) / 1_000_000)
      // Two seconds of the limit's own may begin and end in it.
      const most = MOST_CHALLENGES * (seconds + 1)
      expect(challenges, `answers in ${seconds} s on a connection that says nothing`).toBeLessThanOrEqual(most)
      await lan.until(
        () => busy.isDone,
        600_000,
        () => `${busy}`,
      )
      expect([idle.client.error, idle.server?.error]).toEqual([null, null])
      idle.client.finish()
      idle.server?.finish()
      await lan.until(
        () => idle.isDone,
        60_000,
        () => `${idle}`,
      )
      service.close()
      await tap.close()
    },
  )
}

/** A new client is served within five seconds (H-21). */
async function expectServed(lan: Lan, service: Service, from: Host): Promise<void> {
  const talk = service.converse(from, { send: 5000 }, { send: 5000 })
  await lan.until(
    () => talk.isDone,
    5000,
    () => `a client to be served: ${talk}`,
  )
}

/** What a host holds that frames must not change. */
function held(lan: Lan, { stack, ports }: Host): Record<string, unknown> {
  return {
    slots: lan.pool.used,
    holds: lan.virtual?.holds,
    ports: ports.size,
    sockets: [...stack.sockets()].length,
    addresses: stack.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => `${address}`)),
    lingering: stack.lingering,
  }
}

/** IPv6 begins with the first address of its family. */
async function addIpv6({ stack }: Host): Promise<void> {
  await stack.interfaces[0]?.addAddress(parseIpAddress('fd00::1'), 64)
}

/** One question by each family the victim speaks. */
function pings({ mac, ip4, ip6 }: Station): Uint8Array[] {
  const header = { source: ATTACKER.mac, destination: mac }
  const echo = craftIcmp({ source: ATTACKER.ip4, destination: ip4 }, { type: 8 }, new Uint8Array(8))
  const questions = [craftEthernet(header, echo)]
  if (ip6 === null) return questions
  const ends = { source: ATTACKER.ip6 as readonly number[], destination: ip6 }
  const echo6 = sumOverIpv6(ends, 58, Uint8Array.of(128, 0, 0, 0, 0, 1, 0, 1))
  return [...questions, craftEthernet({ ...header, type: 0x86dd }, craftIpv6({ ...ends, nextHeader: 58 }, echo6))]
}

/** Whether a frame could be the one that completes a datagram. */
function isFragment(frame: Uint8Array): boolean {
  if (frame[12] === 0x86) return true
  return frame[12] === 8 && (((frame[20] ?? 0) & 0x3f) | (frame[21] ?? 0)) !== 0
}

function portsOf(frame: Uint8Array): [number, number] {
  const at = 14 + ((frame[14] ?? 0) & 15) * 4
  return [
    (frame[at] as number) * 256 + (frame[at + 1] as number),
    (frame[at + 2] as number) * 256 + (frame[at + 3] as number),
  ]
}

/** A connection that may be harmed: both ends write without end, and read whatever comes. */
class Target {
  ending = 'in order'
  isConnected = false
  isOver = false
  private readonly from: Host
  private readonly to: Host
  private port: number
  private client: TcpSocket | null = null
  private server: TcpSocket | null = null
  private readonly scratch = new Uint8Array(700)

  constructor(from: Host, to: Host, port: number) {
    this.from = from
    this.to = to
    this.port = port
    this.open(port)
  }

  open(port: number): void {
    this.close()
    this.port = port
    this.isConnected = false
    this.isOver = false
    this.ending = 'in order'
    const socket = this.to.stack.openTcp(4)
    socket.bind(ANY_V4, port)
    const listener = socket.listen(4)
    listener.interest = READABLE
    listener.onReady = () => {
      this.server = listener.accept()
      listener.close()
      if (this.server !== null) this.talk(this.server)
    }
    this.client = this.from.stack.openTcp(4)
    this.client.connect(this.to.address, port)
    this.talk(this.client)
  }

  /** Whether a frame belongs to it. */
  isOf(frame: Uint8Array): boolean {
    if (frame[12] !== 8 || frame[13] !== 0 || frame[23] !== 6) return false
    const [source, destination] = portsOf(frame)
    return source === this.port || destination === this.port
  }

  close(): void {
    for (const socket of [this.client, this.server]) socket?.reset()
    this.client = null
    this.server = null
  }

  toString(): string {
    return `the target on port ${this.port}: ${this.client?.state}, ${this.server?.state}`
  }

  private talk(socket: TcpSocket): void {
    socket.interest = READABLE | WRITABLE
    socket.onReady = (source: Pollable) => {
      const { scratch } = this
      const count = socket.read(scratch, 0, scratch.length)
      if (count === -2 || socket.error !== null) {
        this.isOver = true
        this.ending = (socket.error as NetError | null)?.code ?? 'in order'
        source.interest = 0
        return
      }
      this.isConnected ||= this.server !== null && socket === this.client
      if ((source.ready & WRITABLE) !== 0) socket.write(scratch, 0, scratch.length)
    }
  }
}

/** Segments and ICMP errors that claim to be from b, with everything right but the numbers, which the attacker cannot see. */
function aimAt(a: Host, b: Host, port: number, peerPorts: readonly number[]): (dice: Dice) => Uint8Array {
  const mac = Array.from(parseMac(a.stack.interfaces[0]?.mac as string))
  const ends = { source: Array.from(toBytes(b.address)), destination: Array.from(toBytes(a.address)) }
  return (dice) => {
    const sourcePort = dice.oneIn(16) ? dice.below(65_536) : dice.pick(peerPorts)
    const sequence = dice.word()
    if (dice.oneIn(10)) {
      const sent = { source: ends.destination, destination: ends.source }
      const quoted = craftTcp(sent, { sourcePort: port, destinationPort: sourcePort, flags: 'A', sequence })
      const kind = dice.pick([
        [3, 1],
        [3, 2],
        [3, 3],
        [3, 4],
        [11, 0],
        [12, 0],
        [4, 0],
      ])
      const error = { type: kind[0] as number, code: kind[1] as number, rest: [0, 0, 2, 40] }
      return craftEthernet({ source: ATTACKER.mac, destination: mac }, craftIcmp(ends, error, quoted.subarray(0, 28)))
    }
    const flags = dice.pick(['R', 'R', 'RA', 'S', 'S', 'SA', 'A', 'FA', 'PA', 'F'])
    const isLoud = flags === 'PA' || flags === 'FA' || flags === 'F'
    // What carries octets is acknowledged when it is old, as often as it comes: that is no challenge, and goes to the busy one.
    const fields = {
      sourcePort: isLoud ? (peerPorts[0] as number) : sourcePort,
      destinationPort: port,
      flags,
      sequence,
    }
    const data = flags === 'PA' ? dice.octets(dice.between(1, 20)) : new Uint8Array(0)
    const packet = craftTcp(ends, { ...fields, acknowledgment: dice.word(), window: dice.below(65_536) }, data)
    return craftEthernet({ source: ATTACKER.mac, destination: mac }, packet)
  }
}
