/**
 * The same datagram programs on the host's loopback and on a stack: each socket must see the same events, results and errors.
 *
 * @module
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type dgram from 'node:dgram'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runInStack } from '../src/index.ts'
import { hostNetwork, loopbackNetwork, type Network, pipeNetwork } from './networks.ts'
import { event, type Trace } from './trace.ts'

type Program = (network: Network) => Promise<Trace>

/** Follows a socket; what it cannot know beforehand is left out. */
function follow(socket: dgram.Socket, name: string, trace: Trace): void {
  for (const word of ['listening', 'connect', 'close']) socket.on(word, () => trace.push(`${name} ${word}`))
  socket.on('message', (data, { family, size }) => trace.push(`${name} message ${data.length} ${family} ${size}`))
  socket.on('error', (error) => trace.push(`${name} error ${words(error)}`))
}

function words(error: unknown): string {
  const { code, errno, syscall, message } = error as NodeJS.ErrnoException
  return `${code} ${errno} ${syscall} ${message.replace(/\d+\.\d+\.\d+\.\d+(:\d+)?/g, 'ADDRESS')}`
}

/** What a call does: its result, or its error. */
function outcome(call: () => unknown): string {
  try {
    return String(call())
  } catch (error) {
    return words(error)
  }
}

async function bound(network: Network, options: dgram.SocketOptions = { type: 'udp4' }): Promise<dgram.Socket> {
  const socket = network.server.dgram.createSocket(options)
  socket.bind(0, network.serverAddress)
  await event(socket, 'listening')
  return socket
}

const programs: Record<string, Program> = {
  async 'questions and answers'(network) {
    const trace: Trace = []
    const server = await bound(network)
    follow(server, 'server', trace)
    server.on('message', (data, { address, port }) => server.send(data, port, address))
    const client = network.client.dgram.createSocket('udp4')
    follow(client, 'client', trace)
    const { port } = server.address()
    for (const data of ['hello', '', ['in ', Buffer.from('two parts')], 'x'.repeat(9000)] as (string | string[])[]) {
      const answered = event(client, 'message')
      client.send(data as string, port, network.serverAddress, (error, octets) => trace.push(`sent ${error} ${octets}`))
      const [, rinfo] = (await answered) as [Buffer, dgram.RemoteInfo]
      trace.push(`from the server: ${rinfo.address === network.serverAddress && rinfo.port === port}`)
    }
    const closed = Promise.all([event(server, 'close'), event(client, 'close')])
    server.close(() => trace.push('server closed'))
    client.close(() => trace.push('client closed'))
    await closed
    return trace
  },

  async 'a connected socket'(network) {
    const trace: Trace = []
    const server = await bound(network)
    server.on('message', (data, { address, port }) => server.send(data, port, address))
    const client = network.client.dgram.createSocket('udp4')
    follow(client, 'client', trace)
    trace.push(outcome(() => client.remoteAddress()))
    client.connect(server.address().port, network.serverAddress)
    await event(client, 'connect')
    trace.push(String(client.remoteAddress().port === server.address().port))
    const answered = event(client, 'message')
    client.send('connected', (error, octets) => trace.push(`sent ${error} ${octets}`))
    await answered
    trace.push(outcome(() => client.send('x', 9, '127.0.0.1')))
    trace.push(outcome(() => client.connect(9, '127.0.0.1')))
    client.disconnect()
    trace.push(outcome(() => client.remoteAddress()))
    trace.push(outcome(() => client.disconnect()))
    client.close()
    await event(client, 'close')
    server.close()
    return trace
  },

  async 'the port of a socket that was disconnected'(network) {
    const trace: Trace = []
    const server = await bound(network)
    const gone = await bound(network)
    const asked = gone.address().port
    gone.close()
    await event(gone, 'close')
    for (const port of [null, 0, asked]) {
      const { dgram } = network.server
      const socket = dgram.createSocket('udp4')
      if (port !== null) await event(socket.bind(port, network.serverAddress), 'listening')
      socket.connect(server.address().port, network.serverAddress)
      await event(socket, 'connect')
      const before = socket.address().port
      socket.disconnect()
      const after = socket.address()
      // Which ports they are is chance; whether one is kept is not.
      trace.push(
        `${port === null} ${after.address === network.serverAddress} ${after.port === before} ${after.port}`.replace(
          `${asked}`,
          'asked',
        ),
      )
      const arrived = event(server, 'message')
      socket.send('x', server.address().port, network.serverAddress)
      const [, { port: from }] = (await arrived) as [Buffer, { port: number }]
      trace.push(`${from === socket.address().port} ${from === before}`)
      const answered = event(socket, 'message')
      server.send('y', from, network.serverAddress)
      await answered
      socket.close()
    }
    server.close()
    return trace
  },

  async 'nobody listens'(network) {
    const trace: Trace = []
    const gone = await bound(network)
    const { port } = gone.address()
    gone.close()
    await event(gone, 'close')
    const client = network.client.dgram.createSocket('udp4')
    client.connect(port, network.serverAddress)
    await event(client, 'connect')
    const failed = event(client, 'error')
    client.send('anybody there?')
    const [error] = (await failed) as [Error]
    trace.push(words(error))
    client.close()
    await event(client, 'close')
    return trace
  },

  async 'errors of bind'(network) {
    const trace: Trace = []
    const first = await bound(network)
    const { port } = first.address()
    const tries: [dgram.SocketOptions, dgram.BindOptions][] = [
      [{ type: 'udp4' }, { port, address: network.serverAddress }],
      [{ type: 'udp4' }, { port: 0, address: '192.0.2.1' }],
      [
        { type: 'udp4', reuseAddr: true },
        { port, address: network.serverAddress },
      ],
    ]
    for (const [options, address] of tries) {
      const socket = network.server.dgram.createSocket(options)
      const failed = event(socket, 'error')
      socket.bind(address)
      const [error] = (await failed) as [NodeJS.ErrnoException & { address: string; port?: number }]
      trace.push(
        words(error),
        String(error.address === address.address),
        String(error.port === (address.port || undefined)),
      )
      trace.push(outcome(() => socket.address()))
      socket.close()
      await event(socket, 'close')
    }
    trace.push(outcome(() => first.bind(0)))
    first.close()
    return trace
  },

  async 'two sockets share a port'(network) {
    const trace: Trace = []
    const options: dgram.SocketOptions = { type: 'udp4', reuseAddr: true }
    const first = await bound(network, options)
    const second = network.server.dgram.createSocket(options)
    follow(second, 'second', trace)
    second.bind(first.address().port, network.serverAddress)
    await event(second, 'listening')
    first.close()
    second.close()
    await event(second, 'close')
    return trace
  },

  async 'errors of send'(network) {
    const trace: Trace = []
    const socket = await bound(network)
    follow(socket, 'socket', trace)
    const send = (data: Buffer, port: number, address: string): Promise<void> =>
      new Promise((resolve) => {
        socket.send(data, port, address, (error, octets) => {
          trace.push(error ? words(error) : `sent ${octets}`)
          resolve()
        })
      })
    await send(Buffer.alloc(65_508), 9, network.serverAddress)
    await send(Buffer.alloc(1), 9, '255.255.255.255')
    trace.push(outcome(() => socket.send('x', 0, network.serverAddress)))
    trace.push(outcome(() => socket.send('x')))
    socket.close()
    trace.push(outcome(() => socket.send('x', 9, network.serverAddress)))
    await event(socket, 'close')
    return trace
  },

  async options(network) {
    const trace: Trace = []
    const unbound = network.server.dgram.createSocket('udp4')
    trace.push(
      outcome(() => unbound.setTTL(5)),
      outcome(() => unbound.address()),
    )
    unbound.close()
    const socket = await bound(network)
    const calls: (() => unknown)[] = [
      () => socket.setTTL(5),
      () => socket.setTTL(0),
      () => socket.setTTL(256),
      () => socket.setBroadcast(true),
      () => socket.getSendQueueSize(),
      () => socket.getSendQueueCount(),
      () => socket.ref() === socket,
      () => socket.unref() === socket,
    ]
    for (const call of calls) trace.push(outcome(call))
    socket.close()
    await event(socket, 'close')
    return trace
  },

  async groups(network) {
    const trace: Trace = []
    const socket = await bound(network)
    trace.push(outcome(() => socket.setMulticastInterface(network.serverAddress)))
    const calls: (() => unknown)[] = [
      () => socket.setMulticastTTL(3),
      () => socket.setMulticastTTL(256),
      () => socket.setMulticastLoopback(false),
      () => socket.setMulticastInterface('0.0.0.0'),
      () => socket.setMulticastInterface('192.0.2.1'),
      () => socket.addMembership('10.0.0.1'),
      () => socket.addMembership('not an address'),
      () => socket.dropMembership('224.0.0.114'),
    ]
    for (const call of calls) trace.push(outcome(call))
    socket.close()
    await event(socket, 'close')
    return trace
  },

  async 'closed with a signal, and twice'(network) {
    const trace: Trace = []
    const controller = new AbortController()
    const socket = network.server.dgram.createSocket({ type: 'udp4', signal: controller.signal })
    follow(socket, 'socket', trace)
    socket.bind(0, network.serverAddress)
    await event(socket, 'listening')
    controller.abort()
    await event(socket, 'close')
    trace.push(outcome(() => socket.close()))
    return trace
  },

  async 'a group of two'(network) {
    const trace: Trace = []
    const group = '239.1.2.3'
    const server = network.server.dgram.createSocket('udp4')
    follow(server, 'server', trace)
    server.bind(0)
    await event(server, 'listening')
    server.addMembership(group, network.serverAddress)
    const client = network.client.dgram.createSocket('udp4')
    client.bind(0, network.clientAddress)
    await event(client, 'listening')
    client.setMulticastInterface(network.clientAddress)
    const arrived = event(server, 'message')
    client.send('to all', server.address().port, group, (error) => trace.push(`sent ${error}`))
    await arrived
    server.dropMembership(group, network.serverAddress)
    for (const socket of [client, server]) socket.close()
    await event(server, 'close')
    return trace
  },

  async 'the async context of messages'(network) {
    const trace: Trace = []
    const storage = new AsyncLocalStorage<string>()
    const server = await storage.run('where it was bound', () => bound(network))
    server.on('message', () => trace.push(`in ${storage.getStore()}`))
    const client = network.client.dgram.createSocket('udp4')
    const arrived = event(server, 'message')
    storage.run('where it was sent', () =>
      client.send('x', server.address().port, network.serverAddress, () => trace.push(`sent in ${storage.getStore()}`)),
    )
    await arrived
    server.close()
    client.close()
    return trace
  },
}

describe.each([
  ['stack-ts over a pipe', pipeNetwork],
  ['the loopback of stack-ts', async () => loopbackNetwork()],
] as const)('P-28 datagrams on %s, as on the host', (_name, create) => {
  let network: Network
  beforeAll(async () => {
    network = await create()
  })
  afterAll(() => network.close())

  test.for(Object.entries(programs))('%s', async ([name, run], { skip }) => {
    const needsInterface = name.includes('group')
    skip(needsInterface && network.serverStack?.interfaces.length === 0, 'groups are of interfaces')
    expect(await run(network)).toEqual(await run(hostNetwork()))
  })

  test('a scope decides, and the host is left alone', async () => {
    const stack = network.serverStack
    if (stack === null) throw new Error('a stack is meant')
    const node = hostNetwork().server.dgram
    const socket = runInStack(stack, () => node.createSocket('udp4').bind(0, network.serverAddress))
    await event(socket, 'listening')
    expect([...stack.sockets()].filter(({ transport }) => transport === 'udp')).toHaveLength(1)
    socket.close()
    await event(socket, 'close')
    expect([...stack.sockets()]).toHaveLength(0)
  })
})
