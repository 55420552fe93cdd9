/** Every picoTCP that is installed here, against the TypeScript stack and against itself: both families, both ways, several in one process. */
import { createLan, type Lan, Service } from '@ioth/conformance'
import {
  fromBytes,
  type Interface,
  type IpAddress,
  parseIpAddress,
  READABLE,
  type UdpSocket,
  WRITABLE,
} from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { backend } from '../src/index.ts'
import { installed, skipWhereNoneIs } from './installed.ts'

skipWhereNoneIs()

const exchange = async (lan: Lan, from: number, to: number, port: number): Promise<void> => {
  const talk = new Service(lan.host(to), port).converse(
    lan.host(from),
    { send: 200_000 },
    { send: 100_000, finish: 'after-peer' },
  )
  await lan.until(
    () => talk.isDone,
    30_000,
    () => talk.toString(),
  )
}

describe.each(installed)('%s', (library) => {
  const pico = { backend, settings: { library } }

  it.each([4, 6] as const)('IPv%i: streams and pings to and from the TypeScript stack', async (family) => {
    const lan = await createLan({ family, hosts: [pico, { backend: ts }] })
    await exchange(lan, 0, 1, 80)
    await exchange(lan, 1, 0, 81)
    const [a, b] = [lan.host(0), lan.host(1)]
    expect((await lan.settled(a.stack.ping(b.address), 5000)).size).toBe(56)
    expect((await lan.settled(b.stack.ping(a.address), 5000)).size).toBe(56)
    lan.verify()
    await lan.close()
  })

  it('two stacks in one process, each with a library of its own; one after the other as well', async () => {
    for (let round = 0; round < 2; round++) {
      const lan = await createLan({ hosts: [pico, pico] })
      await exchange(lan, 0, 1, 80)
      await lan.close()
    }
  })

  it('a port that nobody listens on is refused, both ways', async () => {
    const lan = await createLan({ hosts: [pico, { backend: ts }] })
    for (const [from, to] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const socket = lan.host(from).openTcp()
      socket.connect(lan.host(to).address, 9)
      await lan.until(() => socket.error !== null, 10_000)
      expect(socket.error?.code).toBe('ECONNREFUSED')
      socket.close()
    }
    await lan.close()
  })

  it('a reset reaches the peer, and nothing is left', async () => {
    const lan = await createLan({ hosts: [pico, { backend: ts }] })
    const [a, b] = [lan.host(0), lan.host(1)]
    const listening = b.openTcp()
    listening.bind(b.any, 80)
    const listener = listening.listen(5)
    const socket = a.openTcp()
    socket.connect(b.address, 80)
    await lan.until(() => (socket.ready & WRITABLE) !== 0 && (listener.ready & READABLE) !== 0, 5000)
    const peer = listener.accept()
    socket.reset()
    await lan.until(() => peer?.error?.code === 'ECONNRESET', 5000)
    peer?.close()
    expect([...a.stack.sockets()]).toEqual([])
    await lan.close()
  })

  it.each([4, 6] as const)(
    'IPv%i: datagrams, empty ones and fragments, to and from both, and what is too large',
    async (family) => {
      const lan = await createLan({ family, hosts: [pico, { backend: ts }] })
      const [a, b] = [lan.host(0), lan.host(1)]
      const [near, far] = [a.openUdp(), b.openUdp()]
      near.bind(a.any, 700)
      far.bind(b.any, 700)
      const octets = Uint8Array.from({ length: 65_508 }, (_, index) => index % 251)
      const send = async (from: UdpSocket, to: UdpSocket, where: IpAddress, size: number): Promise<void> => {
        expect(from.send(octets, 0, size, where, 700)).toBe(size)
        let got: Uint8Array | null = null
        const sink = {
          datagram: (memory: Uint8Array, offset: number, length: number): boolean => {
            got = memory.slice(offset, offset + length)
            return true
          },
        }
        await lan.until(
          () => to.receive(1, sink) === 1,
          5000,
          () => `a datagram of ${size} octets`,
        )
        expect(got).toEqual(octets.subarray(0, size))
      }
      // The first one finds the neighbour.
      for (const size of [3000, 0, 1, 1472, 1473, 9000, 65_507]) await send(near, far, b.address, size)
      for (const size of [0, 1, 1472, 1473, 9000, 20_000]) await send(far, near, a.address, size)
      for (const size of [0, 1, 9000]) await send(near, near, a.address, size)
      expect(near.send(octets, 0, 65_508, b.address, 700)).toBeLessThan(0)
      expect(near.error?.code).toBe('EMSGSIZE')
      lan.verify()
      await lan.close()
    },
  )

  it.each([4, 6] as const)('IPv%i: routes without a gateway, and by one that is found so', async (family) => {
    const [mine, other, far] =
      family === 4 ? ['10.0.0.0', '172.16.5.2', '192.168.7.9'] : ['fd00::', 'fd05::2', 'fd07::9']
    const prefixLength = family === 4 ? 24 : 64
    const lan = await createLan({ family, hosts: [pico, { backend: ts, address: `${other}/${prefixLength}` }] })
    const [a, b] = [lan.host(0), lan.host(1)]
    const [near, back] = [a.stack.interfaces[0], b.stack.interfaces[0]] as [Interface, Interface]
    b.stack.routes.add({ destination: parseIpAddress(mine), prefixLength, via: null, interface: back })
    expect(() => a.openTcp().connect(b.address, 80)).toThrow(/ENETUNREACH/)
    const route = { destination: b.address, prefixLength, via: null, interface: near }
    const byGateway = { destination: parseIpAddress(far), prefixLength, via: b.address, interface: near }
    for (let round = 0; round < 2; round++) {
      a.stack.routes.add(route)
      a.stack.routes.add(byGateway)
      expect(() => a.stack.routes.add(route)).toThrow(/EEXIST/)
      await exchange(lan, 0, 1, 80 + 2 * round)
      await exchange(lan, 1, 0, 81 + 2 * round)
      // Beyond the gateway nobody is: it is sent there, and not refused here.
      const beyond = a.openTcp()
      beyond.connect(parseIpAddress(far), 80)
      beyond.close()
      a.stack.routes.remove(byGateway)
      a.stack.routes.remove(route)
      expect(() => a.openTcp().connect(b.address, 80)).toThrow(/ENETUNREACH/)
    }
    lan.verify()
    await lan.close()
  })

  it('a gateway of a network that is gone leads nowhere; one by its link-local address is spoken to in the name of another', async () => {
    const lan = await createLan({ hosts: [pico, { backend: ts }] })
    const a = lan.host(0)
    const on = a.stack.interfaces[0] as Interface
    const everywhere = (text: string): void => {
      const via = parseIpAddress(text)
      const destination = parseIpAddress(via.family === 4 ? '0.0.0.0' : '::')
      a.stack.routes.add({ destination, prefixLength: 0, via, interface: on })
    }
    everywhere('10.0.0.254')
    on.removeAddress(a.address)
    const far = parseIpAddress('192.168.7.9')
    expect(() => a.stack.openTcp(4).connect(far, 80)).toThrow(/ENETUNREACH/)
    await expect(lan.settled(a.stack.ping(far))).rejects.toThrow(/ENETUNREACH/)
    await lan.settled(on.addAddress(parseIpAddress('fd00::1'), 64))
    everywhere('fe80::1')
    const socket = a.stack.openTcp(6)
    socket.connect(parseIpAddress('2001:db8::9'), 80)
    expect(`${socket.localAddress}`).toBe('fd00::1')
    socket.close()
    await lan.close()
  })

  it.each([4, 6] as const)(
    'IPv%i: a stack speaks to itself, also on a port that old connections have',
    async (family) => {
      const lan = await createLan({ family, hosts: [pico] })
      const a = lan.host(0)
      for (let round = 0; round < 2; round++) {
        const service = new Service(a, 80)
        const talk = service.converse(a, { send: 90_000 }, { send: 7, finish: 'after-peer' })
        await lan.until(
          () => talk.isDone,
          10_000,
          () => talk.toString(),
        )
        service.close()
      }
      for (const to of [a.address, parseIpAddress(family === 4 ? '127.0.0.1' : '::1')]) {
        const listening = a.openTcp()
        listening.bind(a.any, 81)
        const listener = listening.listen(5)
        const client = a.openTcp()
        client.connect(to, 81)
        await lan.until(() => (listener.ready & READABLE) !== 0 && (client.ready & WRITABLE) !== 0, 5000)
        const server = listener.accept()
        expect([server?.remoteAddress, server?.remotePort].join()).toBe([client.localAddress, client.localPort].join())
        for (const each of [listener, server, client]) each?.close()
        const refused = a.openTcp()
        refused.connect(to, 82)
        await lan.until(() => refused.error?.code === 'ECONNREFUSED', 5000)
        const [asker, answerer] = [a.openUdp(), a.openUdp()]
        answerer.bind(a.any, 83)
        asker.bind(a.any, 84)
        asker.send(Uint8Array.of(7), 0, 1, to, 83)
        await lan.until(() => (answerer.ready & READABLE) !== 0, 5000)
        const got: string[] = []
        answerer.receive(1, { datagram: (_memory, _at, _length, from, port) => got.push(`${from} ${port}`) > 0 })
        expect(got).toEqual([`${to} 84`])
        asker.connect(to, 85)
        asker.send(Uint8Array.of(7), 0, 1, null, 0)
        await lan.until(() => (asker.ready & READABLE) !== 0, 5000)
        expect(asker.receive(1, { datagram: () => true })).toBeLessThan(0)
        expect(asker.error?.code).toBe('ECONNREFUSED')
        for (const each of [asker, answerer, refused]) each.close()
      }
      await lan.close()
    },
  )

  it('a neighbour of IPv6 is asked for at once, in the name of an address that is ours', async () => {
    const lan = await createLan({ family: 6, hosts: [pico, { backend: ts }] })
    const [a, b] = [lan.host(0), lan.host(1)]
    const receiver = b.openUdp()
    receiver.bind(b.any, 702)
    const before = a.frames.length
    a.openUdp().send(Uint8Array.of(1), 0, 1, b.address, 702)
    await lan.until(() => (receiver.ready & READABLE) !== 0, 5000)
    const isQuestion = (octets: Uint8Array): boolean => octets[20] === 58 && octets[54] === 135
    const asked = a.frames.slice(before).filter(({ direction, octets }) => direction === 'out' && isQuestion(octets))
    expect(asked.map(({ octets }) => `${fromBytes(octets, 22, 16)} asks for ${fromBytes(octets, 62, 16)}`)).toEqual([
      `${a.address} asks for ${b.address}`,
    ])
    lan.verify()
    await lan.close()
  })

  it('datagrams that leave in one turn are not lost', async () => {
    const lan = await createLan({ hosts: [pico, { backend: ts }] })
    const [a, b] = [lan.host(0), lan.host(1)]
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const [near, far] = [from.openUdp(), to.openUdp()]
      far.bind(to.any, 701)
      let count = 0
      const sink = { datagram: (): boolean => ++count > 0 }
      const arrived = (all: number): Promise<void> =>
        lan.until(
          () => {
            far.receive(100, sink)
            return count === all
          },
          5000,
          () => `${all} datagrams; ${count} came`,
        )
      // While the library asks for the neighbour it keeps five.
      near.send(new Uint8Array(1), 0, 1, to.address, 701)
      await arrived(1)
      for (let number = 0; number < 40; number++) near.send(new Uint8Array(1400), 0, 1400, to.address, 701)
      await arrived(41)
    }
    lan.verify()
    await lan.close()
  })
})
