/** Every picoTCP that is installed here, against the TypeScript stack and against itself: both families, both ways, several in one process. */
import { createLan, type Lan, Service } from '@ioth/conformance'
import { READABLE, type UdpSocket, WRITABLE } from '@ioth/core'
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

  it('datagrams: empty ones, large ones of both, and what is too large', async () => {
    const lan = await createLan({ hosts: [pico, { backend: ts }] })
    const [a, b] = [lan.host(0), lan.host(1)]
    const [near, far] = [a.openUdp(), b.openUdp()]
    near.bind(a.any, 700)
    far.bind(b.any, 700)
    const sizes: number[] = []
    const heard = (socket: UdpSocket, count: number): Promise<void> =>
      lan.until(
        () => {
          socket.receive(10, sink)
          return sizes.length === count
        },
        5000,
        () => sizes.join(),
      )
    const sink = { datagram: (_m: Uint8Array, _o: number, length: number): boolean => sizes.push(length) > 0 }
    const octets = new Uint8Array(1465)
    // The first one finds the neighbour: the library keeps few that wait for it.
    for (const [size, count] of [
      [1, 1],
      [0, 2],
      [1464, 3],
    ] as const) {
      expect(near.send(octets, 0, size, b.address, 700)).toBe(size)
      await heard(far, count)
    }
    expect(near.send(octets, 0, 1465, b.address, 700)).toBeLessThan(0)
    expect(near.error?.code).toBe('EMSGSIZE')
    expect(sizes).toEqual([1, 0, 1464])
    for (const [size, count] of [
      [0, 4],
      [1465, 5],
    ] as const) {
      expect(far.send(octets, 0, size, a.address, 700)).toBe(size)
      await heard(near, count)
    }
    expect(sizes).toEqual([1, 0, 1464, 0, 1465])
    await lan.close()
  })
})
