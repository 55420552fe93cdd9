import { describe, expect, it } from 'vitest'
import {
  type ArpFields,
  craftArp,
  craftEthernet,
  craftIcmp,
  craftIpv4,
  craftTcp,
  craftUdp,
  type IcmpFields,
  type Ipv4Fields,
  type TcpFields,
  type UdpFields,
} from '../craft/craft.ts'
import { FrameChecker } from './frame-checker.ts'

const MAC_A = [2, 0, 0, 0, 0, 1]
const MAC_B = [2, 0, 0, 0, 0, 2]
const ALL = [255, 255, 255, 255, 255, 255]
const A = [10, 0, 0, 1]
const B = [10, 0, 0, 2]
const IP: Ipv4Fields = { source: A, destination: B }
const DATA = Uint8Array.from({ length: 33 }, (_, i) => i)

const ethernet = (payload: Uint8Array, type = 0x800, destination = MAC_B): Uint8Array =>
  craftEthernet({ source: MAC_A, destination, type }, payload)
const tcp = (fields: Partial<TcpFields> = {}, ip: Partial<Ipv4Fields> = {}, data = DATA): Uint8Array =>
  ethernet(
    craftTcp(
      { ...IP, ...ip },
      { sourcePort: 1000, destinationPort: 80, flags: 'A', acknowledgment: 7, ...fields },
      data,
    ),
  )
const udp = (fields: Partial<UdpFields> = {}, data = DATA): Uint8Array =>
  ethernet(craftUdp(IP, { sourcePort: 1000, destinationPort: 53, ...fields }, data))
const icmp = (fields: IcmpFields, body = DATA): Uint8Array => ethernet(craftIcmp(IP, fields, body))
const arp = (fields: Partial<ArpFields> = {}): Uint8Array =>
  ethernet(craftArp({ operation: 1, senderMac: MAC_A, senderAddress: A, targetAddress: B, ...fields }), 0x806, ALL)
/** What an unreachable message quotes: header and eight octets of a datagram from B to A. */
const quote = (ip: Partial<Ipv4Fields> = {}, body = Uint8Array.of(0, 53, 3, 232, 0, 41, 1, 2)): Uint8Array =>
  craftIpv4({ source: B, destination: A, protocol: 17, totalLength: 61, ...ip }, body)

const rulesOf = (...frames: readonly Uint8Array[]): string[] => {
  const checker = new FrameChecker()
  return frames.flatMap((frame) => checker.check(frame).findings.map(({ rule }) => rule))
}
const padded = (frame: Uint8Array, length: number, fill = 0): Uint8Array => {
  const whole = new Uint8Array(length).fill(fill)
  whole.set(frame)
  return whole
}

describe('sound frames have no findings', () => {
  const SYN_OPTIONS = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]
  it.each([
    ['ARP request', arp()],
    ['ARP reply', arp({ operation: 2, targetMac: MAC_B })],
    ['padded ARP', padded(arp(), 60)],
    ['SYN with options', tcp({ flags: 'S', acknowledgment: 0, options: SYN_OPTIONS }, {}, new Uint8Array(0))],
    ['data, odd length', tcp({ options: [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2] })],
    ['SACK', tcp({ options: [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9] })],
    ['RST', tcp({ flags: 'R', acknowledgment: 0 }, {}, new Uint8Array(0))],
    ['UDP', udp()],
    ['empty UDP', padded(udp({}, new Uint8Array(0)), 60)],
    ['echo request', icmp({ type: 8 })],
    ['echo reply', icmp({ type: 0 })],
    ['port unreachable', ethernet(craftIcmp({ ...IP }, { type: 3, code: 3 }, quote()))],
    ['IP options', tcp({}, { options: [1, 148, 3, 0] })],
  ])('%s', (_name, frame) => {
    expect(rulesOf(frame)).toEqual([])
  })

  it('a datagram in fragments, in any order', () => {
    const whole = craftUdp(IP, { sourcePort: 1, destinationPort: 2 }, new Uint8Array(2000).fill(7)).subarray(20)
    const first = ethernet(craftIpv4({ ...IP, protocol: 17, id: 5, flags: 1 }, whole.subarray(0, 1480)))
    const last = ethernet(
      craftIpv4({ ...IP, protocol: 17, id: 5, flags: 0, fragmentOffset: 1480 }, whole.subarray(1480)),
    )
    expect(rulesOf(last, first)).toEqual([])
    const checker = new FrameChecker()
    checker.check(first)
    expect(checker.check(last).udp?.data.length).toBe(2000)
  })
})

describe('a planted defect is found', () => {
  const flip = (frame: Uint8Array, at: number): Uint8Array => {
    const copy = frame.slice()
    copy[at] = (copy[at] as number) ^ 1
    return copy
  }
  const tcpOption = (...options: number[]): Uint8Array => tcp({ options })
  const synOption = (...options: number[]): Uint8Array =>
    tcp({ flags: 'S', acknowledgment: 0, options }, {}, new Uint8Array(0))

  it.each([
    ['ethernet.length', new Uint8Array(13)],
    [
      'ethernet.source',
      craftEthernet(
        { source: ALL, destination: MAC_B },
        craftTcp(IP, { sourcePort: 1, destinationPort: 2, flags: 'A' }),
      ),
    ],
    ['ethernet.type', ethernet(DATA, 0x1234)],
    ['ethernet.padding', padded(tcp(), 200)],
    ['ethernet.padding', padded(arp(), 60, 1)],
    [
      'ethernet.destination',
      ethernet(craftUdp(IP, { sourcePort: 1, destinationPort: 2 }), 0x800, [1, 0, 0x5e, 0, 0, 1]),
    ],
    [
      'ethernet.destination',
      ethernet(craftUdp({ ...IP, destination: [224, 0, 0, 251] }, { sourcePort: 1, destinationPort: 2 })),
    ],
    ['link.mtu', ethernet(craftUdp(IP, { sourcePort: 1, destinationPort: 2 }, new Uint8Array(1473)))],
    ['arp.length', ethernet(new Uint8Array(27), 0x806, ALL)],
    ['arp.hardware', arp({ hardwareType: 6 })],
    ['arp.protocol', arp({ protocolType: 0x86dd })],
    ['arp.address-lengths', arp({ hardwareLength: 8 })],
    ['arp.operation', arp({ operation: 3 })],
    ['arp.sender', arp({ senderMac: MAC_B })],
    ['arp.target', arp({ targetAddress: [0, 0, 0, 0] })],
    ['ipv4.length', ethernet(new Uint8Array(19))],
    ['ipv4.version', tcp({}, { version: 5 })],
    ['ipv4.header-length', tcp({}, { headerLength: 16 })],
    ['ipv4.total-length', tcp({}, { totalLength: 19 })],
    ['ipv4.total-length', tcp({}, { totalLength: 500 })],
    ['ipv4.checksum', tcp({}, { checksum: 1 })],
    ['ipv4.ttl', tcp({}, { timeToLive: 0 })],
    ['ipv4.reserved', tcp({}, { flags: 6 })],
    ['ipv4.source', tcp({}, { source: [224, 0, 0, 1] })],
    ['ipv4.source', tcp({}, { source: [127, 0, 0, 1] })],
    ['ipv4.source', tcp({}, { source: [0, 0, 0, 0] })],
    ['ipv4.option-length', tcp({}, { options: [7, 1, 0, 0] })],
    ['ipv4.option-length', tcp({}, { options: [7, 9, 0, 0] })],
    ['ipv4.option-padding', tcp({}, { options: [0, 1, 0, 0] })],
    ['ipv4.fragment', ethernet(craftIpv4({ ...IP, flags: 3 }, new Uint8Array(8)))],
    ['ipv4.fragment', ethernet(craftIpv4({ ...IP, flags: 1 }, new Uint8Array(9)))],
    ['ipv4.fragment', ethernet(craftIpv4({ ...IP, flags: 0, fragmentOffset: 65528 }, new Uint8Array(100)))],
    ['ip.protocol', ethernet(craftIpv4({ ...IP, protocol: 99 }, DATA))],
    ['icmp.length', ethernet(craftIpv4({ ...IP, protocol: 1 }, new Uint8Array(7)))],
    ['icmp.checksum', icmp({ type: 8, checksum: 1 })],
    ['icmp.type', icmp({ type: 4 })],
    ['icmp.code', icmp({ type: 8, code: 1 })],
    ['icmp.quote', ethernet(craftIcmp(IP, { type: 3, code: 3 }, quote().subarray(0, 24)))],
    ['icmp.quote', ethernet(craftIcmp(IP, { type: 3, code: 3 }, quote({ totalLength: 25 })))],
    ['icmp.unused', ethernet(craftIcmp(IP, { type: 3, code: 3, rest: [0, 0, 0, 1] }, quote()))],
    [
      'icmp.error-length',
      ethernet(craftIcmp(IP, { type: 3, code: 3 }, quote({ totalLength: 1000 }, new Uint8Array(600)))),
    ],
    [
      'icmp.error-about-error',
      ethernet(craftIcmp(IP, { type: 3, code: 3 }, quote({ protocol: 1 }, Uint8Array.of(3, 3, 0, 0, 0, 0, 0, 0)))),
    ],
    ['icmp.error-about-fragment', ethernet(craftIcmp(IP, { type: 3, code: 3 }, quote({ fragmentOffset: 8 })))],
    ['icmp.error-about-group', ethernet(craftIcmp(IP, { type: 3, code: 3 }, quote({ destination: [224, 0, 0, 1] })))],
    ['icmp.error-destination', ethernet(craftIcmp(IP, { type: 3, code: 3 }, quote({ source: [10, 0, 0, 9] })))],
    ['udp.length', udp({ length: 9 })],
    ['udp.length', ethernet(craftIpv4({ ...IP, protocol: 17 }, new Uint8Array(7)))],
    ['udp.port', udp({ destinationPort: 0 })],
    ['udp.checksum-absent', udp({ checksum: 0 })],
    ['udp.checksum', flip(udp(), 50)],
    ['tcp.length', ethernet(craftIpv4(IP, new Uint8Array(19)))],
    ['tcp.data-offset', tcp({ dataOffset: 4 })],
    ['tcp.data-offset', tcp({ dataOffset: 15 })],
    ['tcp.checksum', flip(tcp(), 60)],
    ['tcp.checksum', tcp({ checksum: 0 })],
    ['tcp.reserved', tcp({ reserved: 1 })],
    ['tcp.port', tcp({ sourcePort: 0 })],
    ['tcp.flags', tcp({ flags: 'SF' })],
    ['tcp.flags', tcp({ flags: 'FR' })],
    ['tcp.flags', tcp({ flags: 'P' })],
    ['tcp.acknowledgment', tcp({ flags: 'S' }, {}, new Uint8Array(0))],
    ['tcp.urgent-pointer', tcp({ urgentPointer: 3 })],
    ['tcp.option-place', tcpOption(2, 4, 5, 180)],
    ['tcp.option-length', tcpOption(8, 9, 0, 0, 0, 0, 0, 0, 0)],
    ['tcp.option-length', tcpOption(5, 1, 0, 0)],
    ['tcp.option-length', tcpOption(5, 40, 0, 0)],
    ['tcp.option-length', tcpOption(5, 6, 0, 0, 0, 0)],
    ['tcp.option-padding', tcpOption(0, 1, 1, 1)],
    ['tcp.option-twice', synOption(4, 2, 4, 2)],
    ['tcp.window-scale', synOption(3, 3, 15)],
    ['tcp.mss', synOption(2, 4, 0, 0)],
  ])('%s', (rule, frame) => {
    expect(rulesOf(frame)).toContain(rule)
  })

  it('a wrong checksum over fragments', () => {
    const whole = craftUdp(IP, { sourcePort: 1, destinationPort: 2, checksum: 77 }, new Uint8Array(2000)).subarray(20)
    const first = ethernet(craftIpv4({ ...IP, protocol: 17, flags: 1 }, whole.subarray(0, 1480)))
    const last = ethernet(craftIpv4({ ...IP, protocol: 17, flags: 0, fragmentOffset: 1480 }, whole.subarray(1480)))
    expect(rulesOf(first, last)).toEqual(['udp.checksum'])
  })
})
