/** Groups and broadcasts, which go beside the library: with the TypeScript stack on one switch, in both families. */
import { createLan, type Host, type Lan } from '@ioth/conformance'
import { type IpAddress, parseIpAddress, READABLE, type UdpSocket } from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { backend } from '../src/index.ts'
import { installed, skipWhereNoneIs } from './installed.ts'

skipWhereNoneIs()

const PORT = 5007
const GROUP = { 4: parseIpAddress('239.1.2.3'), 6: parseIpAddress('ff15::1234') }
/** Records of reports (RFC 3376 4.2.12). */
const CHANGE_TO_INCLUDE = 3
const CHANGE_TO_EXCLUDE = 4
const ALLOW_NEW_SOURCES = 5

function open(host: Host, port = PORT, reuse = false): UdpSocket {
  const socket = host.openUdp()
  socket.bind(host.any, port, { reuse })
  return socket
}

/** Sender, first octet, and length of all that waits. */
function drain(socket: UdpSocket): string[] {
  const got: string[] = []
  socket.receive(100, {
    datagram: (memory, at, length, from, _port, to) => got.push(`${from} ${memory[at]} ${length} ${to}`) > 0,
  })
  return got
}

function say(socket: UdpSocket, octet: number, to: IpAddress, length = 1): void {
  expect(socket.send(new Uint8Array(length).fill(octet), 0, length, to, PORT)).toBe(length)
}

/** Types of the records about a group that a host sent since a frame of its, of IGMPv3 or MLDv2. */
function records(host: Host, group: IpAddress, since = 0): number[] {
  const found: number[] = []
  for (const { direction, octets } of host.frames.slice(since)) {
    if (direction !== 'out') continue
    const isIgmp = isIp4(octets) && octets[23] === 2 && octets[38] === 0x22
    const isMld = octets[12] === 0x86 && octets[20] === 0 && octets[62] === 143
    if (!isIgmp && !isMld) continue
    const text = Buffer.from(octets).toString('hex')
    const address = Buffer.from(group.family === 4 ? [239, 1, 2, 3] : addressOctets(group)).toString('hex')
    const at = text.indexOf(address, (isIgmp ? 46 : 70) * 2)
    if (at >= 0) found.push(octets[at / 2 - 4] as number)
  }
  return found
}

function addressOctets({ w0, w1, w2, w3 }: IpAddress): number[] {
  return [w0, w1, w2, w3].flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255])
}

const arrived = (lan: Lan, ...sockets: UdpSocket[]): Promise<void> =>
  lan.until(() => sockets.every(({ ready }) => (ready & READABLE) !== 0), 5000)

describe.each(installed)('%s', (library) => {
  const pico = { backend, settings: { library } }

  it.each([4, 6] as const)(
    'IPv%i: a group is heard from joining to leaving, both ways, and routers are told',
    async (family) => {
      const lan = await createLan({ family, hosts: [pico, { backend: ts }, { backend: ts }] })
      const [a, b, c] = [lan.host(0), lan.host(1), lan.host(2)]
      const group = GROUP[family]
      const [near, far, other] = [open(a), open(b), open(c)]
      for (const socket of [far, other]) socket.join(group, null)
      // Nobody joined here; what follows it on the wire to the same port arrives, so that it would have come, too.
      say(far, 1, group)
      await arrived(lan, other)
      say(far, 2, a.address)
      await arrived(lan, near)
      expect(drain(near)).toEqual([`${b.address} 2 1 undefined`])
      near.join(group, null)
      await lan.until(() => records(a, group).length === 2, 5000)
      expect(records(a, group)).toEqual([CHANGE_TO_EXCLUDE, CHANGE_TO_EXCLUDE])
      say(far, 3, group)
      await arrived(lan, near)
      expect(drain(near)).toEqual([`${b.address} 3 1 ${group}`])
      for (const socket of [far, other]) drain(socket)
      // Ourselves hear it, too; and a long one in fragments.
      say(near, 4, group, 5000)
      await arrived(lan, near, far, other)
      for (const socket of [near, far, other]) expect(drain(socket)).toEqual([`${a.address} 4 5000 ${group}`])
      // Twice, and no more since.
      expect(records(a, group)).toHaveLength(2)
      const before = a.frames.length
      near.leave(group, null)
      await lan.until(() => records(a, group, before).length === 2, 5000)
      expect(records(a, group, before)).toEqual([CHANGE_TO_INCLUDE, CHANGE_TO_INCLUDE])
      say(far, 5, group)
      await arrived(lan, other)
      say(far, 6, a.address)
      await arrived(lan, near)
      expect(drain(near)).toEqual([`${b.address} 6 1 undefined`])
      lan.verify()
      await lan.close()
    },
  )

  it.each([4, 6] as const)('IPv%i: one source only, and who shares the port', async (family) => {
    const lan = await createLan({ family, hosts: [pico, { backend: ts }, { backend: ts }] })
    const [a, b, c] = [lan.host(0), lan.host(1), lan.host(2)]
    const group = GROUP[family]
    const [chooser, all, unicast] = [open(a, PORT, true), open(a, PORT, true), open(a, PORT, true)]
    const bound = a.openUdp()
    bound.bind(group, PORT, { reuse: true })
    chooser.join(group, null, b.address)
    await lan.until(() => records(a, group).length === 2, 5000)
    expect(records(a, group)).toEqual([ALLOW_NEW_SOURCES, ALLOW_NEW_SOURCES])
    all.join(group, null)
    const [wanted, stranger] = [open(b), open(c)]
    say(stranger, 1, group)
    say(wanted, 2, group)
    await lan.until(() => (chooser.ready & READABLE) !== 0 && drain(bound).length > 0, 5000)
    expect(drain(chooser)).toEqual([`${b.address} 2 1 ${group}`])
    await lan.until(() => (all.ready & READABLE) !== 0, 5000)
    expect(drain(all).sort()).toEqual([`${b.address} 2 1 ${group}`, `${c.address} 1 1 ${group}`].sort())
    drain(unicast)
    // What is for one is for the one that came last, and not for who is bound to the group.
    say(wanted, 3, a.address)
    await arrived(lan, unicast)
    expect(drain(unicast)).toEqual([`${b.address} 3 1 undefined`])
    expect([chooser, all, bound].flatMap(drain)).toEqual([])
    unicast.close()
    say(wanted, 4, a.address)
    await arrived(lan, all)
    // Who is bound to a group sends from an address.
    say(bound, 5, b.address)
    await arrived(lan, wanted)
    expect(drain(wanted)).toEqual([`${a.address} 5 1 ${b.address}`])
    lan.verify()
    await lan.close()
  })

  it.each([4, 6] as const)(
    'IPv%i: the time to live of groups and others, and whether oneself hears it',
    async (family) => {
      const lan = await createLan({ family, hosts: [pico, { backend: ts }] })
      const [a, b] = [lan.host(0), lan.host(1)]
      const group = GROUP[family]
      const [near, far] = [open(a), open(b)]
      for (const socket of [near, far]) socket.join(group, null)
      near.setOption('multicastLoop', 0)
      near.setOption('ttl', 9)
      near.setOption('trafficClass', 0x28)
      say(near, 1, group)
      near.setOption('multicastTtl', 7)
      say(near, 2, group)
      near.setOption('multicastTtl', 0)
      near.setOption('multicastLoop', 1)
      say(near, 3, group)
      expect(drain(near)).toEqual([`${a.address} 3 1 ${group}`])
      say(near, 4, b.address)
      await lan.until(() => b.frames.filter(({ octets }) => isUdp(octets)).length === 3, 5000)
      const seen = b.frames.filter(({ octets }) => isUdp(octets)).map(({ octets }) => octets)
      const lives = family === 4 ? seen.map((octets) => octets[22]) : seen.map((octets) => octets[21])
      expect(lives).toEqual([1, 7, 9])
      const classes = seen.map((octets) =>
        family === 4 ? octets[15] : (((octets[14] as number) & 15) << 4) | ((octets[15] as number) >>> 4),
      )
      expect(classes).toEqual([0x28, 0x28, 0x28])
      lan.verify()
      await lan.close()
    },
  )

  it('a broadcast is heard by all who share the port, also here, and not by who is bound to an address', async () => {
    const lan = await createLan({ hosts: [pico, { backend: ts }] })
    const [a, b] = [lan.host(0), lan.host(1)]
    const sharing = [open(a, PORT, true), open(a, PORT, true)]
    const bound = a.openUdp()
    bound.bind(a.address, PORT, { reuse: true })
    for (const host of [a, b]) {
      const sender = host.openUdp()
      sender.bind(host.any, 0)
      for (const to of ['10.0.0.255', '255.255.255.255'].map(parseIpAddress)) {
        expect(sender.send(Uint8Array.of(1), 0, 1, to, PORT)).toBeLessThan(0)
        expect(sender.error?.code).toBe('EACCES')
        sender.setOption('broadcast', 1)
        say(sender, 1, to)
        await arrived(lan, ...sharing)
        for (const socket of sharing) expect(drain(socket)).toEqual([`${host.address} 1 1 ${to}`])
        sender.setOption('broadcast', 0)
      }
      sender.close()
    }
    expect(drain(bound)).toEqual([])
    // Beside a wildcard it has what is sent to its address.
    const far = open(b)
    say(far, 2, a.address)
    await arrived(lan, bound)
    expect(drain(bound)).toEqual([`${b.address} 2 1 undefined`])
    expect(sharing.flatMap(drain)).toEqual([])
    lan.verify()
    await lan.close()
  })
})

function isUdp(octets: Uint8Array): boolean {
  return isIp4(octets) ? octets[23] === 17 : octets[12] === 0x86 && octets[20] === 17
}

function isIp4(octets: Uint8Array): boolean {
  return octets[12] === 8 && octets[13] === 0
}
