/** What is done beside LWIPv6 because it does it wrong, or not at all: links of other lengths, errors of the network, impossible senders. */
import {
  createLan,
  describeWhereUsable,
  FrameChecker,
  type HostOptions,
  type Lan,
  Service,
  Station,
} from '@ioth/conformance'
import { ERROR, FAILED, type IpAddress, type UdpSocket } from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { expect, it } from 'vitest'
import { backend } from '../src/index.ts'

const lwip: HostOptions = { backend }
const other: HostOptions = { backend: ts }
const one = Uint8Array.of(1)

async function on(mtu: number, family: 4 | 6, body: (lan: Lan) => Promise<void>): Promise<void> {
  const lan = await createLan({ hosts: [lwip, other], mtu, family, time: 'real' })
  try {
    await body(lan)
    lan.verify()
  } finally {
    await lan.close()
  }
}

function open(lan: Lan, address: IpAddress, port: number): UdpSocket {
  const socket = lan.host(0).openUdp()
  socket.connect(address, port)
  return socket
}

describeWhereUsable('beside LWIPv6', [backend], () => {
  it.each([
    [1280, 6],
    [576, 4],
    [9000, 4],
    [9000, 6],
  ] as const)(
    'a link that carries %i octets, over IPv%i: streams both ways, no packet longer than it or the library takes',
    (mtu, family) =>
      on(mtu, family, async (lan) => {
        const service = new Service(lan.host(1), 80)
        const talk = service.converse(lan.host(0), { send: 60_000 }, { send: 60_000 })
        await lan.until(
          () => talk.isDone,
          30_000,
          () => `${talk}`,
        )
        const longest = Math.max(...lan.host(0).frames.map(({ octets }) => octets.length - 14))
        expect(longest).toBeLessThanOrEqual(Math.min(mtu, 1500))
        expect(lan.host(0).stack.interfaces[0]?.mtu).toBe(Math.min(mtu, 1500))
      }),
  )

  it('a datagram that does not fit a short frame is refused, and the longest that does arrives', () =>
    on(576, 4, async (lan) => {
      const [a, b] = [lan.host(0), lan.host(1)]
      const receiver = b.openUdp()
      receiver.bind(b.any, 53)
      const sender = a.openUdp()
      expect(sender.send(new Uint8Array(549), 0, 549, b.address, 53)).toBe(FAILED)
      expect(sender.error?.code).toBe('EMSGSIZE')
      expect(sender.send(new Uint8Array(548), 0, 548, b.address, 53)).toBe(548)
      const lengths: number[] = []
      await lan.until(
        () => receiver.receive(1, { datagram: (_memory, _offset, length) => lengths.push(length) > 0 }) > 0,
        20_000,
        () => 'the datagram',
      )
      expect(lengths).toEqual([548])
    }))

  it.each([4, 6] as const)(
    'nobody listens for a datagram of IPv%i: ECONNREFUSED at the socket that sent it',
    (family) =>
      on(1500, family, async (lan) => {
        const { address } = lan.host(1)
        const [mine, another] = [open(lan, address, 9999), open(lan, address, 9998)]
        expect(mine.send(one, 0, 1, null, 0)).toBe(1)
        await lan.until(
          () => (mine.ready & ERROR) !== 0,
          20_000,
          () => 'the refusal',
        )
        expect(mine.receive(1, { datagram: () => true })).toBe(FAILED)
        expect(mine.error?.code).toBe('ECONNREFUSED')
        expect(another.ready & ERROR).toBe(0)
      }),
  )

  it('an echo has a time to live of its own; one that all of the network would have sent has no answer', () =>
    on(1500, 4, async (lan) => {
      const station = new Station(lan, lan.host(0))
      expect(await station.isServed()).toBe(true)
      const before = lan.host(0).frames.length
      station.icmp({ type: 8 }, Uint8Array.of(1, 2, 3, 4), { source: [10, 0, 0, 255] })
      station.icmp({ type: 8 }, Uint8Array.of(5, 6, 7, 8), { timeToLive: 1 })
      const [answer] = await station.answers()
      expect(answer).toMatchObject({ ip: { timeToLive: 64 }, icmp: { type: 0, body: Uint8Array.of(5, 6, 7, 8) } })
      const checker = new FrameChecker()
      const sent = lan.host(0).frames.slice(before)
      const answers = sent.filter(({ direction, octets }) => direction === 'out' && checker.check(octets).icmp !== null)
      expect(answers).toHaveLength(1)
      await station.close()
    }))
})
