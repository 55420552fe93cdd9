/**
 * What the library does and programs must not see, each a test. In this process, so that what the library holds can be looked at; where it has
 * to do with processes, in a helper.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLan, describeWhereUsable, type Host, type HostOptions, type Lan, Service } from '@ioth/conformance'
import { type Backend, fromBytes, type Listener, parseIpAddress, type TcpSocket, type UdpSocket } from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { afterEach, expect, it } from 'vitest'
import { backend } from '../src/index.ts'

const inside: HostOptions = { backend, settings: { isolation: 'none' } }
const isolated: HostOptions = { backend }
const other: HostOptions = { backend: ts as Backend }
const program = fileURLToPath(new URL('programs/waits-and-exits.mjs', import.meta.url))

const open: Lan[] = []
afterEach(async () => {
  for (const lan of open.splice(0)) await lan.close()
})

const lanOf = (...hosts: HostOptions[]): Promise<[Lan, ...Host[]]> => lanOver(4, ...hosts)

async function lanOver(family: 4 | 6, ...hosts: HostOptions[]): Promise<[Lan, ...Host[]]> {
  const lan = await createLan({ hosts, family, time: 'real' })
  open.push(lan)
  return [lan, ...lan.hosts]
}

/** Threads of this process. */
const threads = (): number => readdirSync('/proc/self/task').length
const descriptors = (): string[] => readdirSync('/proc/self/fd')

describeWhereUsable('fdpicotcp', [backend], () => {
  it('no thread of the library: a stack has the threads of the program only', async () => {
    const [first] = await lanOf(inside, other)
    await first.close()
    const before = threads()
    const [lan, a, b] = await lanOf(inside, other)
    await exchange(lan, a as Host, b as Host)
    expect(threads()).toBe(before)
  })

  it('two stacks in one process have each a library of its own', async () => {
    const [lan, a, b] = await lanOf(inside, inside)
    await exchange(lan, a as Host, b as Host)
    await exchange(lan, b as Host, a as Host)
  })

  it('the switch of the device leaves nothing in the folder of temporary files', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ioth-fdpicotcp-'))
    const { TMPDIR } = process.env
    process.env.TMPDIR = folder
    try {
      await lanOf(inside, other)
      expect(readdirSync(folder)).toEqual([])
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = TMPDIR
      rmdirSync(folder)
    }
  })

  it('a stack that is closed gives back its descriptors, and those of sockets that were open', async () => {
    const [first] = await lanOf(inside, other)
    await first.close()
    const before = descriptors().length
    const [lan, a, b] = await lanOf(inside, other)
    const [host, peer] = [a as Host, b as Host]
    listenOn(host, 80)
    const clients = Array.from({ length: 5 }, () => dial(peer, host, 80))
    await lan.until(
      () => clients.every(({ state }) => state === 'ESTABLISHED'),
      20_000,
      () => 'connections',
    )
    await lan.close()
    expect(descriptors().length).toBeLessThanOrEqual(before)
  })

  it('an interface that goes lets go of closed sockets whose datagrams wait for a neighbour', async () => {
    const [, a, b] = await lanOf(inside, inside)
    const [first] = (a as Host).stack.interfaces
    const withBoth = descriptors().length
    await (b as Host).stack.interfaces[0]?.remove()
    const withOne = descriptors().length
    for (let host = 1; host <= 5; host++) {
      const socket = (a as Host).stack.openUdp(4)
      socket.connect(parseIpAddress(`10.0.0.${200 + host}`), 53)
      socket.send(new Uint8Array(4), 0, 4, null, 0)
      socket.close()
    }
    expect(descriptors().length).toBeGreaterThan(withOne)
    await first?.remove()
    expect(descriptors().length).toBe(2 * withOne - withBoth)
  })

  it('connections that come together are all accepted', async () => {
    const [lan, a, b] = await lanOf(inside, other)
    const [host, peer] = [a as Host, b as Host]
    const listener = listenOn(host, 80)
    const clients = Array.from({ length: 40 }, () => dial(peer, host, 80))
    const accepted: TcpSocket[] = []
    await lan.until(
      () => {
        for (let socket = listener.accept(); socket !== null; socket = listener.accept()) accepted.push(socket)
        return accepted.length === clients.length
      },
      20_000,
      () => `${accepted.length} connections`,
    )
    expect(new Set(accepted.map(({ remotePort }) => remotePort)).size).toBe(40)
  })

  it.each([4, 6] as const)(
    'IPv%i: several hosts that are met at the same time, by connections both ways',
    async (family) => {
      const [lan, a, ...peers] = await lanOver(family, isolated, other, other, other, other)
      const host = a as Host
      const server = new Service(host, 80)
      const talks = peers.flatMap((peer) => [
        server.converse(peer, { send: 3000 }, { send: 2000 }),
        new Service(peer, 80).converse(host, { send: 3000 }, { send: 2000 }),
      ])
      await lan.until(
        () => talks.every(({ isDone }) => isDone),
        20_000,
        () => talks.join('\n'),
      )
    },
  )

  it.each([4, 6] as const)('IPv%i: several hosts that are met at the same time, by datagrams', async (family) => {
    const [lan, a, ...peers] = await lanOver(family, isolated, other, other, other, other)
    const host = a as Host
    const receivers = peers.map((peer) => {
      const receiver = peer.openUdp() as UdpSocket
      receiver.bind(peer.any, 53)
      return receiver
    })
    const octets = new Uint8Array(100)
    for (const peer of peers) {
      const sender = host.openUdp() as UdpSocket
      sender.connect(peer.address, 53)
      expect(sender.send(octets, 0, octets.length, null, 0)).toBe(octets.length)
      // What was sent is on its way, also to a host that has to be looked for.
      sender.close()
    }
    const got = receivers.map(() => 0)
    await lan.until(
      () => {
        receivers.forEach((receiver, index) => {
          receiver.receive(8, { datagram: () => ++(got[index] as number) > 0 })
        })
        return got.every((count) => count === 1)
      },
      20_000,
      () => `datagrams: ${got}`,
    )
  })

  it('whoever asks for our address is answered, also when many ask at once', async () => {
    const [lan, a, ...others] = await lanOf(inside, ...Array<HostOptions>(8).fill(other))
    const pings = others.map(({ stack }) => stack.ping((a as Host).address, { timeoutMs: 10_000 }))
    const replies = await lan.settled(Promise.all(pings))
    expect(replies.map(({ from }) => `${from}`)).toEqual(Array(8).fill('10.0.0.1'))
  })

  it('a neighbour of IPv6 is asked for once, at once, and in the name of an address that is ours', async () => {
    const [lan, a, b] = await lanOver(6, inside, other)
    const [host, peer] = [a as Host, b as Host]
    const before = host.frames.length
    const client = dial(host, peer, 80)
    await lan.until(
      () => client.state === 'CLOSED',
      20_000,
      () => 'the answer of a closed port',
    )
    const isQuestion = (octets: Uint8Array): boolean => octets[20] === 58 && octets[54] === 135
    const asked = host.frames
      .slice(before)
      .filter(({ direction, octets }) => direction === 'out' && isQuestion(octets))
      .map(({ octets }) => `${fromBytes(octets, 22, 16)} asks for ${fromBytes(octets, 62, 16)}`)
    expect(asked).toEqual([`${host.address} asks for ${peer.address}`])
  })

  it('a listener on any address listens on each, also on one that is added later', async () => {
    const [lan, a, b] = await lanOf(inside, other)
    const [host, peer] = [a as Host, b as Host]
    listenOn(host, 80)
    const second = parseIpAddress('10.0.0.77')
    await host.stack.interfaces[0]?.addAddress(second, 24)
    const [one, two] = [dial(peer, host, 80), peer.openTcp()]
    two.connect(second, 80)
    await lan.until(
      () => one.state === 'ESTABLISHED' && two.state === 'ESTABLISHED',
      20_000,
      () => `${one.state} ${two.state}`,
    )
  })

  it('a listener comes back at once beside connections of its port, and those go on', async () => {
    const [lan, a, b] = await lanOf(inside, other)
    const [host, peer] = [a as Host, b as Host]
    const first = host.openTcp()
    first.bind(host.address, 80)
    const listener = first.listen(4)
    const old = dial(peer, host, 80)
    let accepted: TcpSocket | null = null
    await lan.until(
      () => {
        accepted ??= listener.accept()
        return accepted !== null
      },
      20_000,
      () => 'a connection',
    )
    listener.close()
    const again = host.openTcp()
    again.bind(host.address, 80, { reuse: true })
    const next = again.listen(4)
    const young = dial(peer, host, 80)
    await lan.until(
      () => next.accept() !== null && young.state === 'ESTABLISHED',
      20_000,
      () => young.state,
    )
    old.write(new Uint8Array(5), 0, 5)
    const held = accepted as unknown as TcpSocket
    await lan.until(
      () => held.read(new Uint8Array(9), 0, 9) === 5,
      20_000,
      () => 'octets on the old connection',
    )
  })

  it('a listener closes while handshakes and connections wait, and the stack goes on', async () => {
    const [lan, a, b] = await lanOf(inside, other)
    const [host, peer] = [a as Host, b as Host]
    for (let round = 0; round < 3; round++) {
      const listening = host.openTcp()
      listening.bind(host.address, 81)
      const listener = listening.listen(16)
      const clients = Array.from({ length: 12 }, () => dial(peer, host, 81))
      await lan.until(
        () => clients.some(({ state }) => state === 'ESTABLISHED'),
        20_000,
        () => 'a connection',
      )
      listener.close()
      for (const client of clients) client.close()
    }
    await exchange(lan, peer, host)
  })

  it('two hosts connect from the same port', async () => {
    const [lan, a, b, c] = await lanOf(inside, other, other)
    const host = a as Host
    listenOn(host, 80)
    const talks = [b as Host, c as Host].map((client) => {
      const socket = client.openTcp()
      socket.bind(client.address, 5000)
      socket.connect(host.address, 80)
      return socket
    })
    // The second one's SYN is repeated until the library can tell them apart.
    await lan.until(
      () => talks.some(({ state }) => state === 'ESTABLISHED'),
      20_000,
      () => talks.map(({ state }) => state).join(),
    )
    const [first, second] = talks[0]?.state === 'ESTABLISHED' ? talks : [...talks].reverse()
    first?.reset()
    await lan.until(
      () => second?.state === 'ESTABLISHED',
      30_000,
      () => `${second?.state}`,
    )
  })

  it('an end that comes with the last octets is seen at once', async () => {
    const [lan, a, b] = await lanOf(inside, other)
    const [host, peer] = [a as Host, b as Host]
    const service = new Service(host, 80)
    const talk = service.converse(peer, { send: 100 }, { send: 100, finish: 'after-peer' })
    await lan.until(
      () => talk.isDone,
      20_000,
      () => `${talk}`,
    )
    // Nothing had to be sent twice.
    expect(host.stack.counters()['drop.tcp.stray']).toBe(0)
  })

  it('a reset with octets unread, thousands of octets, and no memory of it: a hundred connections one after the other', async () => {
    const [lan, a, b] = await lanOf(inside, other)
    const [host, peer] = [a as Host, b as Host]
    const service = new Service(peer, 80)
    for (let round = 0; round < 100; round++) {
      const talk = service.converse(
        host,
        { send: 3000, finish: 'never' },
        { send: 3000, paused: true, finish: 'never' },
      )
      await lan.until(
        () => talk.down.read > 0,
        20_000,
        () => `${round}: ${talk}`,
      )
      talk.client.socket.reset()
    }
    await exchange(lan, host, peer)
  })

  it('a stranger does not speak to a connected datagram socket, and its peer does, also with nothing to say', async () => {
    const [lan, a, b, c] = await lanOf(inside, other, other)
    const [host, peer, stranger] = [a as Host, b as Host, c as Host]
    const socket = host.openUdp() as UdpSocket
    socket.bind(host.address, 53)
    socket.connect(peer.address, 1053)
    const [friend, foe] = [peer.openUdp(), stranger.openUdp()]
    friend.bind(peer.address, 1053)
    foe.bind(stranger.address, 1053)
    foe.send(new Uint8Array(7), 0, 7, host.address, 53)
    for (const size of [0, 5, 0, 1444]) friend.send(new Uint8Array(size), 0, size, host.address, 53)
    const sizes: number[] = []
    await lan.until(
      () => {
        socket.receive(9, { datagram: (_memory, _at, length) => sizes.push(length) > 0 })
        return sizes.length === 4
      },
      20_000,
      () => `${sizes}`,
    )
    expect(sizes).toEqual([0, 5, 0, 1444])
    sizes.length = 0
    for (const size of [0, 5, 0, 1444]) socket.send(new Uint8Array(size), 0, size, null, 0)
    await lan.until(
      () => {
        friend.receive(9, { datagram: (_memory, _at, length) => sizes.push(length) > 0 })
        return sizes.length === 4
      },
      20_000,
      () => `${sizes}`,
    )
    expect(sizes).toEqual([0, 5, 0, 1444])
    expect(host.stack.counters()['drop.udp.stranger']).toBe(1)
  })

  it('an IPv6 address of full length is bound, connected to and accepted', async () => {
    const lan = await createLan({ hosts: [inside, other], family: 6, time: 'real' })
    open.push(lan)
    const [host, peer] = [lan.host(0), lan.host(1)]
    const [long, far] = ['fd00:1234:5678:9abc:def0:1234:5678:9abc', 'fd00:1234:5678:9abc:def0:1234:5678:9abd']
    await host.stack.interfaces[0]?.addAddress(parseIpAddress(long), 64)
    await peer.stack.interfaces[0]?.addAddress(parseIpAddress(far), 64)
    const listening = peer.openTcp()
    listening.bind(parseIpAddress(far), 80)
    const listener = listening.listen(1)
    const socket = host.openTcp()
    socket.bind(parseIpAddress(long), 0)
    socket.connect(parseIpAddress(far), 80)
    let accepted: TcpSocket | null = null
    await lan.until(
      () => {
        accepted ??= listener.accept()
        return accepted !== null && socket.state === 'ESTABLISHED'
      },
      20_000,
      () => socket.state,
    )
    expect(`${(accepted as unknown as TcpSocket).remoteAddress}`).toBe(long)
  })

  it.each(['process', 'none'])(
    'a program that exits while a stack is up and a connection waits does not hang: isolation %s',
    async (isolation) => {
      const child = spawn(process.execPath, [program, isolation], { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      child.stdout.on('data', (text) => {
        said += text
      })
      const [code] = await once(child, 'close')
      expect([code, said]).toEqual([7, 'waiting\n'])
    },
  )

  it('datagrams that come together are read as they come, and the socket goes on after them', async () => {
    const [lan, a, b] = await lanOf(inside, other)
    const [host, peer] = [a as Host, b as Host]
    const [reader, writer] = [host.stack.openUdp(4), peer.stack.openUdp(4)]
    writer.bind(peer.address, 53)
    reader.connect(peer.address, 53)
    reader.send(new Uint8Array(4), 0, 4, null, 0)
    await lan.until(() => (writer.ready & 1) !== 0, 5000)
    let count = 0
    const sink = { datagram: (): boolean => ++count > 0 }
    for (const [index, burst] of [80, 300, 30].entries()) {
      const before = count
      for (let i = 0; i < burst; i++) writer.send(new Uint8Array(50), 0, 50, host.address, reader.localPort)
      await lan.until(
        () => {
          reader.receive(64, sink)
          return count - before === burst
        },
        5000,
        () => `burst ${index}: ${count - before} of ${burst}`,
      )
    }
  })

  it('the helper dies: ECONNRESET on sockets, ENETDOWN on the stack, and the program goes on', async () => {
    const [lan, a, b] = await lanOf(isolated, other)
    const [host, peer] = [a as Host, b as Host]
    const helpers = children()
    expect(helpers).toHaveLength(1)
    const service = new Service(host, 80)
    const talk = service.converse(peer, { send: 100, finish: 'never' }, { send: 100, finish: 'never' })
    await lan.until(
      () => talk.up.read === 100,
      20_000,
      () => `${talk}`,
    )
    const closed = host.stack.closed.catch((error: { code: string }) => error.code)
    process.kill(helpers[0] as number, 'SIGSEGV')
    expect(await closed).toBe('ENETDOWN')
    expect(talk.server?.socket.error?.code).toBe('ECONNRESET')
    expect(() => host.openTcp()).toThrow(/ENETDOWN/)
  })
})

async function exchange(lan: Lan, client: Host, server: Host): Promise<void> {
  const service = new Service(server, 1080)
  const talk = service.converse(client, { send: 20_000 }, { send: 20_000 })
  await lan.until(
    () => talk.isDone,
    20_000,
    () => `${talk}`,
  )
}

function listenOn({ stack, any }: Host, port: number): Listener {
  const socket = stack.openTcp(4)
  socket.bind(any, port)
  return socket.listen(64)
}

function dial(from: Host, to: Host, port: number): TcpSocket {
  const socket = from.openTcp()
  socket.connect(to.address, port)
  return socket
}

/** Helper processes of this one. */
function children(): number[] {
  return readdirSync('/proc').map(Number).filter(isHelper)
}

function isHelper(pid: number): boolean {
  if (!Number.isInteger(pid)) return false
  try {
    const parent = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) \S+ /, '')
      .split(' ', 1)[0]
    return Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('helper.js')
  } catch {
    // It has ended meanwhile.
    return false
  }
}
