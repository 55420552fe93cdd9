/** The armour by itself: each family of malformed frames is dropped for its reason, whatever comes is counted once, and nothing else is touched. */
import {
  createBatch,
  createFramePool,
  createPipe,
  createVirtualScheduler,
  type FrameBatch,
  frameBytes,
  type Link,
  type LinkSink,
  NO_OFFLOAD,
  pushFrame,
} from '@ioth/core'
import { ARMOUR_REASONS, type ArmouredLink, type ArmourOptions, type ArmourReason, armour } from '@ioth/core/armour'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Dice } from '../src/arbitraries/hostile-dice.ts'
import { hostileFrameFrom } from '../src/arbitraries/hostile-forge.ts'
import {
  craftArp,
  craftChain,
  craftEthernet,
  craftIcmp,
  craftIcmpv6,
  craftIgmp,
  craftIpv4,
  craftIpv6,
  craftNeighborAdvertisement,
  craftNeighborSolicitation,
  craftRouterAdvertisement,
  craftRouterSolicitation,
  craftSegment,
  craftTcp,
  craftTcp6,
  craftUdp,
  craftUdp6,
  FrameChecker,
  fragmentHeader,
  optionsHeader,
  prefixOption,
  routingHeader,
  sourceLink,
  sumOverIpv6,
} from '../src/index.ts'

const OURS = [2, 0, 0, 0, 0, 1]
const THEIRS = [2, 0, 0, 0, 0, 2]
const v4 = { source: [10, 0, 0, 2], destination: [10, 0, 0, 1] }
const v6 = {
  source: [0xfd, ...new Array<number>(14).fill(0), 2],
  destination: [0xfd, ...new Array<number>(14).fill(0), 1],
}
const linkLocal = { ...v6, source: [0xfe, 0x80, ...new Array<number>(13).fill(0), 2] }
const octets = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index & 255)

/** A wire with a sender on one side and the armour with a receiver on the other. */
class Bench implements LinkSink {
  readonly accepts = NO_OFFLOAD
  readonly scheduler = createVirtualScheduler({ seed: 1 })
  readonly pool = createFramePool({ limit: 16 * 1024 * 1024 })
  readonly link: ArmouredLink
  /** What passed. */
  readonly passed: Uint8Array[] = []
  private readonly far: Link

  constructor(options: ArmourOptions = {}, type: 'ethernet' | 'ip' = 'ethernet') {
    const [near, far] = createPipe({ scheduler: this.scheduler, pool: this.pool, type })
    this.link = armour(near, { scheduler: this.scheduler, ...options })
    this.link.attach(this)
    this.far = far
    far.attach({ accepts: NO_OFFLOAD, frames: () => {}, writable: () => {}, changed: () => {} })
  }

  frames(batch: FrameBatch): void {
    for (let index = 0; index < batch.count; index++) this.passed.push(frameBytes(batch, index))
  }

  writable(): void {}

  changed(): void {}

  /** Sends frames, each in one piece, or cut in two. */
  send(frames: readonly Uint8Array[], cutAt = 0): void {
    const batch = createBatch(this.pool, Math.max(1, frames.length))
    for (const frame of frames) {
      const cut = cutAt > 0 && cutAt < frame.length ? cutAt : frame.length
      const head = this.put(frame.subarray(0, cut))
      if (cut < frame.length) pushFrame(batch, head, cut, this.put(frame.subarray(cut)), frame.length - cut)
      else pushFrame(batch, head, frame.length)
    }
    this.far.send(batch)
    this.scheduler.advance()
  }

  drops(): Record<string, number> {
    const drops: Record<string, number> = {}
    for (const [name, count] of Object.entries(this.link.counters())) {
      if (name.startsWith('drop.armour.')) drops[name.slice('drop.armour.'.length)] = count
    }
    return drops
  }

  expectBalance(): void {
    const { 'armour.framesIn': inwards, 'armour.framesPassed': passed } = this.link.counters()
    const dropped = Object.values(this.drops()).reduce((sum, count) => sum + count, 0)
    expect(inwards).toBe((passed as number) + dropped + this.link.waiting)
  }

  private put(frame: Uint8Array): number {
    const at = this.pool.take(Math.max(1, frame.length))
    this.pool.bytes.set(frame, at)
    return at
  }
}

const ethernet = (payload: Uint8Array, type = 0x800, source = THEIRS): Uint8Array =>
  craftEthernet({ destination: OURS, source, type }, payload)
const ethernet6 = (payload: Uint8Array): Uint8Array => ethernet(payload, 0x86dd)
const tcpPorts = { sourcePort: 1000, destinationPort: 80 }
const tcp = (fields: object, data?: Uint8Array): Uint8Array =>
  ethernet(craftTcp(v4, { ...tcpPorts, flags: 'A', ...fields }, data))
const udp = (fields: object, data = octets(20)): Uint8Array => ethernet(craftUdp(v4, { ...tcpPorts, ...fields }, data))
const icmp = (type: number, fields: object = {}, body = octets(8)): Uint8Array =>
  ethernet(craftIcmp(v4, { type, ...fields }, body))
const icmp6 = (type: number, fields: object = {}, body = octets(8), hopLimit = 64): Uint8Array =>
  ethernet6(craftIpv6({ ...v6, nextHeader: 58, hopLimit }, craftIcmpv6(v6, { type, ...fields }, body)))
const discovery = (message: Uint8Array, ends = v6, hopLimit = 255): Uint8Array =>
  ethernet6(craftIpv6({ ...ends, nextHeader: 58, hopLimit }, sumOverIpv6(ends, 58, message)))
const chain = (...args: Parameters<typeof craftChain> extends [unknown, ...infer Rest] ? Rest : never): Uint8Array =>
  ethernet6(craftChain(v6, ...args))
const arp = (fields: object = {}): Uint8Array =>
  ethernet(
    craftArp({ operation: 1, senderMac: THEIRS, senderAddress: v4.source, targetAddress: v4.destination, ...fields }),
    0x806,
  )
const quote4 = craftTcp({ source: v4.destination, destination: v4.source }, { ...tcpPorts, flags: 'A' })
const quote6 = craftIpv6(
  { source: v6.destination, destination: v6.source, nextHeader: 6 },
  craftTcp6({ source: v6.destination, destination: v6.source }, { ...tcpPorts, flags: 'A' }),
)
const segment6 = craftTcp6(v6, { ...tcpPorts, flags: 'A' })
const fragment = (offset: number, more: boolean, data: Uint8Array, fields: object = {}): Uint8Array =>
  ethernet(craftIpv4({ ...v4, protocol: 17, id: 7, fragmentOffset: offset, flags: more ? 1 : 0, ...fields }, data))
const options = (...list: number[]): Uint8Array => tcp({ options: list })
const damaged = (frame: Uint8Array, at: number): Uint8Array => {
  const other = frame.slice()
  other[at] = (other[at] as number) ^ 0x40
  return other
}

const BAD: readonly (readonly [ArmourReason, string, Uint8Array | readonly Uint8Array[]])[] = [
  ['ethernet-short', 'H-01 13 octets', ethernet(octets(0)).subarray(0, 13)],
  ['ethernet-long', 'H-40 longer than the MTU', udp({}, octets(1480))],
  ['ethernet-source', 'H-36 a group speaks', ethernet(octets(60), 0x800, [3, 0, 0, 0, 0, 2])],
  ['ethernet-type', 'H-36 a VLAN tag', ethernet(octets(60), 0x8100)],
  ['ethernet-type', 'H-36 LLC', ethernet(octets(60), 40)],
  ['arp-short', 'H-01 H-29 27 octets', arp().subarray(0, 14 + 27)],
  ['arp-format', 'H-29 hardware length 255', arp({ hardwareLength: 255 })],
  ['arp-format', 'H-29 operation 3', arp({ operation: 3 })],
  ['arp-sender', 'H-29 a broadcast sender', arp({ senderMac: [255, 255, 255, 255, 255, 255] })],
  ['arp-sender', 'H-29 a reply of nobody', arp({ operation: 2, senderAddress: [0, 0, 0, 0] })],
  ['ip4-short', 'H-01 19 octets', ethernet(octets(19))],
  ['ip4-header', 'H-02 header length 16', ethernet(craftIpv4({ ...v4, headerLength: 16 }, octets(20)))],
  ['ip4-length', 'H-02 total length 19', ethernet(craftIpv4({ ...v4, totalLength: 19 }, octets(20)))],
  ['ip4-length', 'H-02 beyond the frame', ethernet(craftIpv4({ ...v4, totalLength: 65_535 }, octets(20)))],
  ['ip4-checksum', 'a flipped bit', damaged(tcp({}), 14 + 8)],
  ['ip4-options', 'H-04 length 0', ethernet(craftTcp({ ...v4, options: [7, 0, 4, 0] }, { ...tcpPorts, flags: 'S' }))],
  [
    'ip4-options',
    'H-04 past the header',
    ethernet(craftTcp({ ...v4, options: [68, 12, 5, 0] }, { ...tcpPorts, flags: 'S' })),
  ],
  [
    'ip4-options',
    'H-04 a source route',
    ethernet(craftTcp({ ...v4, options: [131, 3, 4, 0] }, { ...tcpPorts, flags: 'S' })),
  ],
  ['ip4-source', 'R-IP4-02 from a group', ethernet(craftUdp({ ...v4, source: [224, 0, 0, 1] }, tcpPorts))],
  ['ip4-source', 'R-IP4-02 from loopback', ethernet(craftUdp({ ...v4, source: [127, 0, 0, 1] }, tcpPorts))],
  ['ip4-destination', 'R-IP4-02 to loopback', ethernet(craftUdp({ ...v4, destination: [127, 0, 0, 1] }, tcpPorts))],
  ['ip4-protocol', 'H-10 IP in IP', ethernet(craftIpv4({ ...v4, protocol: 4 }, quote4))],
  ['land', 'H-21 from itself', ethernet(craftTcp({ ...v4, source: v4.destination }, { ...tcpPorts, flags: 'S' }))],
  ['ip6-short', 'H-01 39 octets', ethernet6(octets(39))],
  ['ip6-header', 'H-03 version 4', ethernet6(craftIpv6({ ...v6, nextHeader: 6, version: 4 }, segment6))],
  ['ip6-length', 'H-03 beyond the frame', ethernet6(craftIpv6({ ...v6, nextHeader: 6, payloadLength: 21 }, segment6))],
  ['ip6-length', 'H-03 0, as of a jumbo', ethernet6(craftIpv6({ ...v6, nextHeader: 0, payloadLength: 0 }, octets(8)))],
  [
    'ip6-source',
    'R-IP6-01 from a group',
    ethernet6(craftIpv6({ ...v6, source: [255, ...v6.source.slice(1)], nextHeader: 6 }, segment6)),
  ],
  [
    'ip6-destination',
    'to loopback',
    ethernet6(craftIpv6({ ...v6, destination: [...new Array<number>(15).fill(0), 1], nextHeader: 6 }, segment6)),
  ],
  ['ip6-chain', 'H-05 a header past the packet', chain([{ kind: 60, octets: [9, 1, 4, 0, 0, 0, 0] }], 6, segment6)],
  ['ip6-chain', 'H-05 hop-by-hop behind', chain([optionsHeader(60), optionsHeader(0)], 6, segment6)],
  ['ip6-chain', 'H-05 seven headers', chain(new Array(7).fill(optionsHeader(60)), 6, segment6)],
  [
    'ip6-options',
    'H-05 an option past its header',
    chain([{ kind: 60, octets: [0, 30, 200, 0, 0, 0, 0] }], 6, segment6),
  ],
  ['ip6-options', 'H-03 a jumbo payload', chain([{ kind: 0, octets: [0, 0xc2, 4, 0, 1, 0, 0] }], 6, segment6)],
  ['ip6-routing', 'H-06 something left', chain([routingHeader(0, 1)], 6, segment6)],
  ['ip6-protocol', 'R-IP6-02 an unknown next header', ethernet6(craftIpv6({ ...v6, nextHeader: 200 }, octets(20)))],
  ['land', 'H-21 from itself, IPv6', ethernet6(craftIpv6({ ...v6, source: v6.destination, nextHeader: 6 }, segment6))],
  ['fragment-size', 'H-07 12 octets and more', fragment(0, true, octets(12))],
  ['fragment-oversize', 'H-07 ping of death', fragment(65_528, false, octets(1000))],
  ['fragment-header', 'H-08 a first fragment too short for its header', fragment(0, true, octets(8), { protocol: 6 })],
  [
    'fragment-nested',
    'H-10 a fragment in a fragment',
    chain([fragmentHeader(1, 0, true), fragmentHeader(1, 0, true)], 17, octets(16)),
  ],
  ['tcp-short', 'H-12 19 octets', ethernet(craftIpv4({ ...v4, protocol: 6 }, octets(19)))],
  ['tcp-offset', 'H-12 offset 4', tcp({ dataOffset: 4 })],
  ['tcp-offset', 'H-12 past the segment', tcp({ dataOffset: 15 })],
  ['tcp-port', 'port 0', tcp({ destinationPort: 0 })],
  ['tcp-flags', 'H-18 SYN and FIN', tcp({ flags: 'SF' })],
  ['tcp-flags', 'H-18 none', tcp({ flags: '' })],
  ['tcp-options', 'H-13 length 0', options(0x55, 0, 0, 0)],
  ['tcp-options', 'H-13 length 1', options(0x55, 1, 0, 0)],
  ['tcp-options', 'H-13 past the header', options(0x55, 40, 0, 0)],
  ['tcp-options', 'H-13 MSS of 3 octets', tcp({ flags: 'S', options: [2, 3, 5, 0] })],
  ['tcp-options', 'H-13 timestamps of 9', options(8, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1)],
  ['tcp-options', 'H-13 SACK of 9', options(5, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1)],
  ['tcp-options', 'H-13 garbage behind the end', options(0, 5, 5, 5)],
  ['tcp-sack', 'H-15 an empty block', options(1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 1)],
  ['tcp-sack', 'H-15 a block turned round', options(1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 1)],
  [
    'tcp-destination',
    'R-TCP-08 to a group',
    ethernet(craftTcp({ ...v4, destination: [224, 0, 0, 1] }, { ...tcpPorts, flags: 'S' })),
  ],
  ['tcp-checksum', 'R-TCP-01 a flipped bit', damaged(tcp({}, octets(11)), 60)],
  [
    'tcp-checksum',
    'R-TCP-01 a flipped bit, IPv6',
    damaged(ethernet6(craftIpv6({ ...v6, nextHeader: 6 }, craftTcp6(v6, { ...tcpPorts, flags: 'A' }, octets(11)))), 80),
  ],
  ['udp-short', 'H-35 7 octets', ethernet(craftIpv4({ ...v4, protocol: 17 }, octets(7)))],
  ['udp-length', 'H-35 length 7', udp({ length: 7 })],
  ['udp-length', 'H-35 past the packet', udp({ length: 29 })],
  ['udp-port', 'H-35 port 0', udp({ destinationPort: 0 })],
  ['udp-checksum', 'R-UDP-01 a flipped bit', damaged(udp({}), 50)],
  [
    'udp-checksum',
    'R-UDP-02 none over IPv6',
    ethernet6(craftIpv6({ ...v6, nextHeader: 17 }, craftUdp6(v6, 9, 9, octets(4), 0))),
  ],
  ['icmp4-short', 'H-26 7 octets', ethernet(craftIpv4({ ...v4, protocol: 1 }, octets(7)))],
  ['icmp4-type', 'H-26 a redirect', icmp(5)],
  ['icmp4-type', 'H-26 a timestamp', icmp(13, {}, octets(12))],
  ['icmp4-quote', 'H-25 part of a header', icmp(3, { code: 3 }, quote4.subarray(0, 19))],
  ['icmp4-quote', 'H-25 somebody else’s', icmp(3, { code: 3 }, craftTcp(v4, { ...tcpPorts, flags: 'A' }))],
  ['icmp4-mtu', 'H-25 68', icmp(3, { code: 4, rest: [0, 0, 0, 68] }, quote4)],
  ['icmp4-checksum', 'a flipped bit', damaged(icmp(8), 45)],
  ['igmp-length', 'H-34 sources it has not', ethernet(craftIgmp(v4, { type: 0x11 }, [2, 125, 0, 9]))],
  ['icmp6-short', 'H-26 2 octets', ethernet6(craftIpv6({ ...v6, nextHeader: 58 }, octets(2)))],
  ['icmp6-type', 'H-26 a type of nobody', icmp6(200)],
  ['icmp6-quote', 'H-25 part of a header', icmp6(1, { code: 4 }, quote6.subarray(0, 39))],
  ['icmp6-mtu', 'H-25 1279', icmp6(2, { rest: [0, 0, 4, 255] }, quote6)],
  ['icmp6-checksum', 'a flipped bit', damaged(icmp6(128), 64)],
  ['mld-length', 'H-34 hop limit 64', icmp6(130, {}, octets(16))],
  ['nd-hop-limit', 'H-31 254', discovery(craftNeighborSolicitation(v6.destination), v6, 254)],
  ['nd-format', 'H-31 a group as target', discovery(craftNeighborSolicitation([255, ...v6.destination.slice(1)]))],
  ['nd-options', 'H-31 length 0', discovery(craftNeighborSolicitation(v6.destination, [1, 0, 0, 0, 0, 0, 0, 0]))],
  [
    'nd-options',
    'H-31 past the message',
    discovery(craftNeighborSolicitation(v6.destination, [1, 2, 0, 0, 0, 0, 0, 0])),
  ],
  ['nd-unwanted', 'H-32 a router', discovery(craftRouterAdvertisement(), linkLocal)],
  ['nd-unwanted', 'a host in search of routers', discovery(craftRouterSolicitation())],
  ['fragment-overlap', 'H-08 teardrop', [fragment(0, true, octets(24)), fragment(16, false, octets(24))]],
  ['fragment-duplicate', 'H-08 twice the same', [fragment(8, true, octets(24)), fragment(8, true, octets(24))]],
  ['fragment-end', 'H-07 two last ones', [fragment(24, false, octets(8)), fragment(40, false, octets(8))]],
]

const GOOD: readonly (readonly [string, Uint8Array])[] = [
  ['a segment', tcp({}, octets(100))],
  ['timestamps', options(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8)],
  ['a SYN', tcp({ flags: 'S', options: [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7] })],
  ['four SACK blocks', options(1, 1, 5, 34, ...[1, 3, 5, 7].flatMap((n) => [0, 0, 0, n, 0, 0, 0, n + 1]))],
  ['SACK across the wrap', options(1, 1, 5, 10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1)],
  ['an unknown option', options(0x55, 4, 9, 9)],
  ['a RST', tcp({ flags: 'R' })],
  ['an urgent pointer past the segment', tcp({ flags: 'AU', urgentPointer: 999 }, octets(2))],
  ['a datagram', udp({})],
  ['an empty datagram', udp({}, octets(0))],
  ['a datagram without a checksum', udp({ checksum: 0 })],
  ['a broadcast', ethernet(craftUdp({ ...v4, destination: [255, 255, 255, 255] }, tcpPorts, octets(9)))],
  [
    'of nobody to a DHCP server',
    ethernet(craftUdp({ ...v4, source: [0, 0, 0, 0] }, { sourcePort: 68, destinationPort: 67 }, octets(300))),
  ],
  ['record route', ethernet(craftUdp({ ...v4, options: [7, 7, 4, 0, 0, 0, 0, 0] }, tcpPorts))],
  ['an echo', icmp(8)],
  ['unreachable', icmp(3, { code: 3 }, quote4)],
  ['too big', icmp(3, { code: 4, rest: [0, 0, 5, 0] }, quote4)],
  ['a query of IGMP', ethernet(craftIgmp(v4, { type: 0x11 }, [2, 125, 0, 0]))],
  ['ARP', arp()],
  ['an ARP probe', arp({ senderAddress: [0, 0, 0, 0] })],
  [
    'a segment over IPv6',
    ethernet6(craftIpv6({ ...v6, nextHeader: 6 }, craftTcp6(v6, { ...tcpPorts, flags: 'A' }, octets(50)))),
  ],
  ['a datagram over IPv6', ethernet6(craftIpv6({ ...v6, nextHeader: 17 }, craftUdp6(v6, 9, 9, octets(50))))],
  ['a chain', chain([optionsHeader(0), optionsHeader(60), routingHeader(0, 0)], 6, segment6)],
  ['an echo over IPv6', icmp6(128)],
  ['unreachable over IPv6', icmp6(1, { code: 4 }, quote6)],
  ['a neighbour solicitation', discovery(craftNeighborSolicitation(v6.destination, sourceLink(THEIRS)))],
  ['a neighbour advertisement', discovery(craftNeighborAdvertisement(v6.source, 0x60, [2, 1, ...THEIRS]))],
]

/** What a checker of well-behaved senders minds, and no receiver is hurt by. */
const MANNERS = [
  'arp.sender',
  'arp.target',
  'ethernet.destination',
  'icmp.code',
  'icmp.unused',
  'igmp.destination',
  'igmp.group',
  'igmp.length',
  'igmp.router-alert',
  'igmp.ttl',
  'igmp.type',
  'ipv4.option-padding',
  'mld.destination',
  'mld.group',
  'mld.length',
  'mld.router-alert',
  'nd.destination',
  'nd.router',
  'nd.source-link',
  'nd.type',
  'tcp.acknowledgment',
  'tcp.flags',
  'tcp.option-padding',
  'tcp.option-place',
  'tcp.option-twice',
  'tcp.reserved',
  'tcp.urgent-pointer',
  'tcp.window-scale',
  'udp.checksum-absent',
]

describe('the armour', () => {
  it.each(BAD.map(([reason, name, frames]) => ({ reason, name, frames })))(
    'drops for $reason: $name',
    ({ reason, frames }) => {
      for (const cutAt of [0, 14, 34, 40]) {
        const bench = new Bench()
        bench.send([frames].flat() as Uint8Array[], cutAt)
        expect(bench.passed).toEqual([])
        expect(Object.keys(bench.drops())).toEqual([reason])
        bench.expectBalance()
      }
    },
  )

  it('has a test for every reason but those of time, memory and rate', () => {
    const others = [
      'fragment-flood',
      'fragment-timeout',
      'fragment-unwanted',
      'igmp-checksum',
      'syn-flood',
      'neighbor-flood',
      'memory',
    ]
    const tested = new Set(BAD.map(([reason]) => reason))
    expect(
      Object.keys(ARMOUR_REASONS)
        .filter((reason) => !tested.has(reason as ArmourReason))
        .sort(),
    ).toEqual(others.sort())
  })

  it.each(GOOD.map(([name, frame]) => ({ name, frame })))('lets pass unchanged: $name', ({ frame }) => {
    for (const cutAt of [0, 14, 20, 34, 40, 54]) {
      const bench = new Bench()
      bench.send([frame], cutAt)
      expect(bench.drops()).toEqual({})
      expect(bench.passed).toEqual([frame])
      expect(bench.pool.used).toBe(0)
    }
  })

  it('lets router advertisements pass to a stack that wants them', () => {
    const bench = new Bench({ routerAdvertisements: true })
    const good = discovery(craftRouterAdvertisement({ options: prefixOption({ prefix: v6.source }) }), linkLocal)
    const bad = discovery(
      craftRouterAdvertisement({ options: prefixOption({ prefix: v6.source, length: 129 }) }),
      linkLocal,
    )
    bench.send([good, bad, discovery(craftRouterAdvertisement())])
    expect(bench.passed).toEqual([good])
    expect(bench.drops()).toEqual({ 'nd-options': 1, 'nd-format': 1 })
  })

  it('takes the padding of the link away', () => {
    const bench = new Bench()
    const frame = tcp({})
    const padded = new Uint8Array(60).fill(0xee)
    padded.set(frame)
    bench.send([udp({}), padded, tcp({}, octets(30))])
    expect(bench.passed).toEqual([udp({}), frame, tcp({}, octets(30))])
  })

  it('cuts a packet behind its datagram', () => {
    const bench = new Bench()
    const datagram = craftUdp(v4, { ...tcpPorts }, octets(5)).subarray(20)
    const datagram6 = craftUdp6(v6, 9, 9, octets(5))
    const whole6 = (payload: Uint8Array): Uint8Array => ethernet6(craftIpv6({ ...v6, nextHeader: 17 }, payload))
    const whole = (payload: Uint8Array): Uint8Array => ethernet(craftIpv4({ ...v4, protocol: 17 }, payload))
    bench.send([whole(Uint8Array.from([...datagram, 1, 2, 3])), whole6(Uint8Array.from([...datagram6, 1, 2, 3]))])
    expect(bench.passed).toEqual([whole(datagram), whole6(datagram6)])
    expect(bench.pool.used).toBe(0)
  })

  it('a library that carries less than its link: it is told so, and longer packets do not reach it', () => {
    const bench = new Bench({ clampMss: true, mtu: 1000 })
    expect(bench.link.mtu).toBe(1000)
    const packet = (length: number): Uint8Array =>
      ethernet(craftIpv4({ ...v4, protocol: 17 }, craftUdp(v4, { ...tcpPorts }, octets(length - 28)).subarray(20)))
    bench.send([packet(1000), packet(1001), tcp({ flags: 'S', options: [2, 4, 5, 180] })])
    expect(bench.passed).toEqual([packet(1000), tcp({ flags: 'S', options: [2, 4, 3, 192] })])
    expect(bench.drops()).toEqual({ 'ethernet-long': 1 })
    expect(new Bench({ mtu: 9000 }).link.mtu).toBe(1500)
  })

  it('holds the MSS of SYNs, both ways, with the checksum right at any place', () => {
    const bench = new Bench({ clampMss: true })
    const syn = (mss: number, nops = 0): Uint8Array =>
      tcp({ flags: 'S', options: [...new Array<number>(nops).fill(1), 2, 4, mss >> 8, mss & 255] })
    const syn6 = (mss: number): Uint8Array =>
      ethernet6(
        craftIpv6(
          { ...v6, nextHeader: 6 },
          craftTcp6(v6, { ...tcpPorts, flags: 'SA', options: [2, 4, mss >> 8, mss & 255] }),
        ),
      )
    bench.send([syn(1488), syn(1488, 1), syn6(1488), syn(536), syn(7)])
    expect(bench.passed).toEqual([syn(1460), syn(1460, 1), syn6(1440), syn(536), syn(88)])
    const out: Uint8Array[] = []
    const back = new Bench({ clampMss: true })
    const checker = new FrameChecker()
    for (const frame of [syn(1488), syn6(1488), syn(100)]) {
      const batch = createBatch(back.pool, 1)
      const at = back.pool.take(frame.length)
      back.pool.bytes.set(frame, at)
      pushFrame(batch, at, frame.length)
      expect(back.link.send(batch)).toBe(1)
      out.push(frameBytes(batch, 0))
    }
    expect(out).toEqual([syn(1460), syn6(1440), syn(100)])
    for (const frame of bench.passed) expect(checker.check(frame).findings).toEqual([])
  })

  it('H-07 H-09 keeps fragments until their datagram is whole, and lets it pass in order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.nat(), { minLength: 12, maxLength: 12 }),
        fc.boolean(),
        (size, order, six) => {
          const bench = new Bench()
          const data = octets(900)
          const length = size * 80
          const message = six ? craftUdp6(v6, 9, 9, data) : craftUdp(v4, tcpPorts, data).subarray(20)
          const pieces: Uint8Array[] = []
          for (let at = 0; at < message.length; at += length) {
            const more = at + length < message.length
            const piece = message.subarray(at, at + length)
            pieces.push(six ? chain([fragmentHeader(9, at, more)], 17, piece) : fragment(at, more, piece))
          }
          const shuffled = pieces.map((piece, index) => ({ piece, key: order[index] as number }))
          shuffled.sort((one, other) => one.key - other.key)
          for (const { piece } of shuffled.slice(1)) bench.send([piece])
          expect(bench.passed).toEqual([])
          expect(bench.link.waiting).toBe(pieces.length - 1)
          bench.send([tcp({}), shuffled[0]?.piece as Uint8Array, udp({})])
          expect(bench.passed).toEqual([tcp({}), ...pieces, udp({})])
          bench.expectBalance()
          expect([bench.link.waiting, bench.pool.used]).toEqual([0, 0])
        },
      ),
    )
  })

  it('gives fragments up after 30 s, and when there are too many, the busiest sender’s first', () => {
    const bench = new Bench()
    const first = craftUdp({ ...v4, source: [10, 0, 0, 9] }, tcpPorts, octets(92)).subarray(20)
    const mine = { source: [10, 0, 0, 9] }
    bench.send([fragment(0, true, first.subarray(0, 80), mine)])
    for (let id = 0; id < 1000; id++) bench.send([fragment(0, true, octets(32), { id })])
    expect(bench.link.waiting).toBeLessThanOrEqual(32)
    bench.send([fragment(80, false, first.subarray(80), mine)])
    expect(bench.passed).toHaveLength(2)
    bench.scheduler.advance(30_000_000)
    expect([bench.link.waiting, bench.pool.used]).toEqual([0, 0])
    bench.expectBalance()
    expect(bench.drops()['fragment-timeout']).toBeGreaterThan(0)
  })

  it('drops fragments for a library that takes none', () => {
    const bench = new Bench({ fragments: 'drop' })
    bench.send([fragment(0, true, octets(32))])
    expect(bench.drops()).toEqual({ 'fragment-unwanted': 1 })
  })

  it('lets only pings pass in fragments where the library takes none', () => {
    const bench = new Bench({ fragments: 'echo' })
    const message = craftIcmp(v4, { type: 8 }, octets(56)).subarray(20)
    const ping = [0, 32].map((at) => fragment(at, at === 0, message.subarray(at, at + 32), { protocol: 1 }))
    bench.send(ping)
    expect(bench.passed).toEqual(ping)
    const udp = craftUdp(v4, tcpPorts, octets(56)).subarray(20)
    bench.send([0, 32].map((at) => fragment(at, at === 0, udp.subarray(at, at + 32))))
    const error = craftIcmp(v4, { type: 3, code: 1 }, octets(56)).subarray(20)
    bench.send([0, 32].map((at) => fragment(at, at === 0, error.subarray(at, at + 32), { protocol: 1, id: 9 })))
    expect(bench.passed).toEqual(ping)
    expect(bench.drops()).toEqual({ 'fragment-unwanted': 2, 'icmp4-type': 1 })
    bench.expectBalance()
  })

  it('H-21 H-30 limits SYNs and new neighbours; those it knows go on', () => {
    const bench = new Bench({ syns: { burst: 10, perSecond: 1 }, neighbors: { burst: 5, perSecond: 1 } })
    for (let index = 0; index < 100; index++) {
      bench.send([tcp({ flags: 'S', sourcePort: 1000 + index }), arp({ senderAddress: [10, 0, 1, index] })])
    }
    expect(bench.drops()).toEqual({ 'syn-flood': 90, 'neighbor-flood': 95 })
    bench.send([arp({ senderAddress: [10, 0, 1, 0] }), tcp({ flags: 'SA' })])
    expect(bench.passed).toHaveLength(17)
    bench.scheduler.advance(2_000_000)
    bench.send([tcp({ flags: 'S' }), arp({ senderAddress: [10, 0, 9, 9] })])
    expect(bench.passed).toHaveLength(19)
  })

  it('reads packets without a link header as well', () => {
    const bench = new Bench({}, 'ip')
    const good = tcp({}).subarray(14)
    bench.send([good, segment6, tcp({ dataOffset: 4 }).subarray(14), octets(0)])
    expect(bench.passed).toEqual([good])
    expect(bench.drops()).toEqual({ 'ethernet-type': 1, 'tcp-offset': 1, 'ethernet-short': 1 })
  })

  it('refuses options it does not know', () => {
    expect(() => new Bench({ mss: 1 } as ArmourOptions)).toThrow('no option "mss"')
  })

  it('P-14 P-29 arbitrary octets never throw, and each frame ends once', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 120 }), { maxLength: 20 }), fc.nat(60), (frames, cutAt) => {
        const bench = new Bench()
        const types = [0x0800, 0x0806, 0x86dd]
        bench.send(
          frames.map((frame, index) => ethernet(frame, types[index % 3])),
          cutAt,
        )
        bench.expectBalance()
        expect(bench.link.counters()['armour.framesIn']).toBe(frames.length)
      }),
      { numRuns: 300 },
    )
  })

  it('H-01 to H-36 H-43 of hostile frames only those pass whose lengths, chains and sums the frame checker finds right', () => {
    const bench = new Bench({ routerAdvertisements: true })
    const dice = new Dice(7)
    const station = { mac: OURS, ip4: v4.destination, ip6: v6.destination }
    const field = {
      victim: station,
      attacker: { mac: THEIRS, ip4: v4.source, ip6: v6.source },
      ports: [80, 53],
      nobody: [10, 0, 0, 200],
    }
    const manners = new Set<string>()
    let passed = 0
    for (let round = 0; round < 2000; round++) {
      bench.send(
        Array.from({ length: 10 }, () => hostileFrameFrom(dice, field)),
        dice.below(60),
      )
      for (const frame of bench.passed.splice(0)) {
        passed++
        for (const { rule } of new FrameChecker().check(frame).findings) manners.add(rule)
      }
    }
    bench.expectBalance()
    expect(passed).toBeGreaterThan(1000)
    expect(MANNERS).toEqual(expect.arrayContaining([...manners]))
    bench.scheduler.advance(60_000_000)
    expect(bench.pool.used).toBe(0)
  })

  it('keeps no slot when it is closed', async () => {
    const bench = new Bench()
    bench.send([fragment(0, true, octets(32))])
    expect(bench.pool.used).toBe(1)
    await bench.link.close()
    expect(bench.pool.used).toBe(0)
  })

  it('lets segments of a crafted conversation pass in two pieces, cut anywhere', () => {
    const frame = tcp({ options: [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2] }, octets(101))
    for (let cutAt = 1; cutAt < frame.length; cutAt++) {
      const bench = new Bench()
      bench.send([frame], cutAt)
      expect(bench.passed, `cut at ${cutAt}`).toEqual([frame])
    }
    expect(craftSegment({ ...tcpPorts, flags: 'A' }, octets(1))).toHaveLength(21)
  })
})
