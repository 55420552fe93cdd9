/**
 * Which network is used, with three stacks and the host in one process at once: by explicit choice, by scope, by the process's default.
 *
 * Every network has a server on the same address and port, so that only the choice decides who answers.
 *
 * @module
 */
import type dgram from 'node:dgram'
import http from 'node:http'
import type http2 from 'node:http2'
import net, { type AddressInfo } from 'node:net'
import { defaultPool, defaultScheduler, type Stack } from '@ioth/core'
import backend from '@ioth/stack-ts'
import * as undici from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BoundModules, bindNode, nodeStack, runInStack, setProcessStack } from '../src/index.ts'
import { hostModules } from './networks.ts'
import { event } from './trace.ts'

interface Place {
  readonly name: string
  readonly stack: Stack | null
  readonly modules: BoundModules
}

const places: Place[] = [
  { name: 'host', stack: null, modules: hostModules },
  ...(await Promise.all(
    ['red', 'green', 'blue'].map(async (name) => {
      // Without interfaces: each has the loopback addresses for itself.
      const options = { scheduler: defaultScheduler(), pool: defaultPool(), interfaces: [] }
      const stack = await backend.createStack(options)
      return { name, stack, modules: bindNode(stack) }
    }),
  )),
]

/** The answer to the opening handshake of a WebSocket, and the name as a first message (RFC 6455 1.3, 5.2). */
function upgrade(name: string) {
  return (request: http.IncomingMessage, socket: net.Socket): void => {
    const { createHash } = process.getBuiltinModule('node:crypto')
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}\r\n\r\n`,
    )
    socket.write(Buffer.concat([Buffer.from([0x81, name.length]), Buffer.from(name)]))
  }
}

const servers: { close(): unknown; closeAllConnections?(): void }[] = []
let port = 0
let port2 = 0
let portUdp = 0
let portTcp = 0

beforeAll(async () => {
  for (const { name, modules } of places) {
    const answer = http1(modules, name)
    port = await listening(answer, port)
    const second = modules.http2.createServer((_request, response) => response.end(name))
    port2 = await listening(second, port2)
    const plain = modules.net.createServer((socket) => socket.end(name))
    portTcp = await listening(plain, portTcp)
    const datagrams = modules.dgram.createSocket('udp4', (_data, from) => datagrams.send(name, from.port, from.address))
    await new Promise<void>((resolve) => datagrams.bind(portUdp, '127.0.0.1', resolve))
    portUdp = datagrams.address().port
    servers.push(answer, second, plain, datagrams)
  }
})

afterAll(async () => {
  setProcessStack(null)
  for (const server of servers) {
    server.close()
    server.closeAllConnections?.()
  }
  await Promise.all(places.map(({ stack }) => stack?.close()))
})

function http1(modules: BoundModules, name: string): http.Server {
  return modules.http.createServer((_request, response) => response.end(name)).on('upgrade', upgrade(name))
}

async function listening(server: net.Server, wanted: number): Promise<number> {
  server.listen(wanted, '127.0.0.1')
  await event(server, 'listening')
  return (server.address() as AddressInfo).port
}

type Ask = (modules: BoundModules) => Promise<string>

/** Every way to ask who is there. */
const ways: Record<string, Ask> = {
  async net({ net }) {
    let text = ''
    for await (const piece of net.connect(portTcp, '127.0.0.1')) text += piece
    return text
  },
  http: ({ http }) => bodyOf(http.get({ host: '127.0.0.1', port })),
  async http2({ http2 }) {
    const session = http2.connect(`http://127.0.0.1:${port2}`)
    let text = ''
    for await (const piece of session.request() as http2.ClientHttp2Stream) text += piece
    session.close()
    return text
  },
  async dgram({ dgram }) {
    const socket: dgram.Socket = dgram.createSocket('udp4')
    socket.send('?', portUdp, '127.0.0.1')
    const [data] = await event(socket, 'message')
    socket.close()
    return String(data)
  },
  async fetch({ fetch }) {
    return (await fetch(`http://127.0.0.1:${port}/`)).text()
  },
  ...(hostModules.WebSocket !== undefined && {
    async WebSocket({ WebSocket }: BoundModules): Promise<string> {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
      const message = await new Promise<string>((resolve, reject) => {
        socket.onmessage = ({ data }) => resolve(String(data))
        socket.onerror = () => reject(new Error('the WebSocket failed'))
      })
      socket.close()
      return message
    },
  }),
}

async function bodyOf(request: http.ClientRequest): Promise<string> {
  const [response] = (await event(request, 'response')) as [http.IncomingMessage]
  let text = ''
  for await (const piece of response) text += piece
  return text
}

/** Globals are read when they are used, as an unmodified program does. */
const unmodified: BoundModules = Object.defineProperties(
  { ...hostModules },
  {
    fetch: { get: () => globalThis.fetch },
    WebSocket: { get: () => (globalThis as { WebSocket?: unknown }).WebSocket },
  },
) as BoundModules

const names = places.map(({ name }) => name)

describe.each(Object.entries(ways))('%s', (_way, ask) => {
  test('explicit: each bound module asks its own network, all at once', async () => {
    expect(await Promise.all(places.map(({ modules }) => ask(modules)))).toEqual(names)
  })

  test('scope: unmodified code asks the network of its scope, all at once, and the host outside', async () => {
    const inside = places.map(({ stack }) => runInStack(stack, () => ask(unmodified)))
    const outside = ask(unmodified)
    expect(await Promise.all([...inside, outside])).toEqual([...names, 'host'])
    // Again: now there are connections that were kept.
    expect(await Promise.all(places.map(({ stack }) => runInStack(stack, () => ask(unmodified))))).toEqual(names)
  })

  test('the default of the process, beside scopes and explicit choices', async () => {
    const [host, red, green, blue] = places as [Place, Place, Place, Place]
    setProcessStack(red.stack)
    try {
      const answers = [
        ask(unmodified),
        runInStack(green.stack, () => ask(unmodified)),
        ask(blue.modules),
        runInStack(host.stack, () => ask(unmodified)),
        // An explicit choice goes before the scope.
        runInStack(green.stack, () => ask(blue.modules)),
      ]
      // Connections that were kept while the host was the default are the host's: not asked for by those two.
      expect(await Promise.all(answers.slice(1))).toEqual(['green', 'blue', 'host', 'blue'])
      if (!/http$|fetch/.test(_way)) expect(await answers[0]).toBe('red')
      else await answers[0]
    } finally {
      setProcessStack(null)
    }
  })
})

describe('a pool of connections, shared by networks', () => {
  test('a request that waited for its turn is sent on its own network', async () => {
    const agent = new http.Agent({ keepAlive: true, maxTotalSockets: 1 })
    const ask = (): Promise<string> => bodyOf(http.get({ host: '127.0.0.1', port, agent }))
    const answers = places.flatMap(({ stack }) => [1, 2].map(() => runInStack(stack, ask)))
    expect(await Promise.all(answers)).toEqual(names.flatMap((name) => [name, name]))
    agent.destroy()
  })

  /** Each network in turn, twice: then there are connections of others that were kept. */
  const inTurn = async (ask: () => Promise<string>): Promise<string[]> => {
    const answers: string[] = []
    for (const { stack } of [...places, ...places]) answers.push(await runInStack(stack, ask))
    return [...answers, await ask()]
  }
  const answered = async (dispatcher?: undici.Dispatcher): Promise<string> => {
    const { body } = await undici.request(`http://127.0.0.1:${port}/`, dispatcher === undefined ? {} : { dispatcher })
    return body.text()
  }

  test('an agent of undici asks the network of the scope', async () => {
    const agent = new undici.Agent()
    const opened: string[] = []
    agent.on('connect', (origin) => opened.push(origin.host))
    expect(await inTurn(() => answered(agent))).toEqual([...names, ...names, 'host'])
    // Those of the same network were used again.
    expect(opened).toHaveLength(names.length)
    expect(await Promise.all(places.map(({ stack }) => runInStack(stack, () => answered(agent))))).toEqual(names)
    await agent.close()
    expect(await inTurn(() => answered())).toEqual([...names, ...names, 'host'])
    expect(await inTurn(async () => (await undici.fetch(`http://127.0.0.1:${port}/`)).text())).toEqual([
      ...names,
      ...names,
      'host',
    ])
  })

  test('a connector of the program’s own decides, whatever the scope', async () => {
    const [, red, green] = places as [Place, Place, Place]
    const connect = undici.buildConnector({})
    const inGreen = new undici.Pool(`http://127.0.0.1:${port}`, {
      connect: (options, done) => runInStack(green.stack, () => connect(options, done)),
    })
    const ofGreen = new undici.Agent({
      connect: ({ hostname, port }, done) => {
        const socket = green.modules.net.connect(Number(port), hostname, () => done(null, socket))
        socket.once('error', (error) => done(error, null))
      },
    })
    for (const dispatcher of [inGreen, ofGreen]) {
      const answers = [await answered(dispatcher), await runInStack(red.stack, () => answered(dispatcher))]
      expect(answers).toEqual(['green', 'green'])
      await dispatcher.close()
    }
  })

  test('requests that an agent of undici has in a queue are sent on their own network', async () => {
    const agent = new undici.Agent({ connections: 1 })
    // The first connection of the process shows undici's classes.
    await answered(agent)
    const asked = places.flatMap(({ stack }) => [1, 2, 3].map(() => runInStack(stack, () => answered(agent))))
    expect(await Promise.all(asked)).toEqual(names.flatMap((name) => [name, name, name]))
    await agent.close()
  })

  test('what has connections of one network only fails on another', async () => {
    const [, red, green] = places as [Place, Place, Place]
    const pool = new undici.Pool(`http://127.0.0.1:${port}`, { connections: 1 })
    expect(await runInStack(red.stack, () => answered(pool))).toBe('red')
    await expect(runInStack(green.stack, () => answered(pool))).rejects.toThrow(/a connection of another network/)
    expect(await runInStack(red.stack, () => answered(pool))).toBe('red')
    await pool.close()
  })

  test('names of kept connections are Node’s own outside of scopes', () => {
    expect(new http.Agent().getName({ host: 'a', port: 1 })).toBe('a:1:')
  })
})

test('stack.run', async () => {
  const [, red] = places as [Place, Place]
  const stack = nodeStack(red.stack as Stack)
  expect(await stack.run(() => (ways.net as Ask)(unmodified))).toBe('red')
  const socket = stack.run(() => net.connect(portTcp, '127.0.0.1'))
  await event(socket.resume(), 'close')
  expect(stack.run(() => 7)).toBe(7)
})
