/**
 * The same programs on the host's loopback and on a stack: each socket must see the same events in the same order.
 *
 * @module
 */
import type net from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostNetwork, type Network, stackNetworks } from './networks.ts'
import { event, follow, type Trace } from './trace.ts'

interface Stage {
  readonly network: Network
  /** All servers and sockets are closed. */
  settled(): Promise<unknown>
  /** Starts a server, tells its port. */
  listen(
    options: net.ServerOpts,
    onConnection: (socket: net.Socket) => void,
  ): Promise<{ server: net.Server; port: number }>
  connect(port: number, options?: Partial<net.NetConnectOpts & net.SocketConstructorOpts>): net.Socket
}

type Traces = Record<string, Trace>
type Program = (stage: Stage) => Promise<Traces>

function stageOn(network: Network): Stage {
  const closing: Promise<unknown>[] = []
  const servers: net.Server[] = []
  return {
    network,
    async settled() {
      for (const server of servers) if (server.listening) server.close()
      await Promise.all(closing)
    },
    async listen(options, onConnection) {
      const server = network.server.net.createServer(options, onConnection)
      servers.push(server)
      server.on('connection', (socket) => closing.push(event(socket, 'close')))
      server.listen(0, network.serverAddress)
      await event(server, 'listening')
      return { server, port: (server.address() as AddressInfo).port }
    },
    connect(port, options = {}) {
      const socket = network.client.net.connect({ port, host: network.serverAddress, ...options } as net.NetConnectOpts)
      closing.push(event(socket, 'close'))
      return socket
    },
  }
}

const programs: Record<string, Program> = {
  async 'a question and an answer'(stage) {
    const traces: Traces = { client: [], server: [], listener: [] }
    const { server, port } = await stage.listen({}, (socket) => {
      follow(socket, traces.server)
      socket.on('data', (data) => socket.end(`you said ${data}`))
    })
    server.on('connection', () => traces.listener!.push('connection'))
    server.on('close', () => traces.listener!.push('close'))
    const client = stage.connect(port)
    follow(client, traces.client)
    client.resume()
    client.write('hello', () => traces.client!.push('written'))
    await event(client, 'close')
    server.close()
    await event(server, 'close')
    await stage.settled()
    return traces
  },

  async 'end() before the connection is there'(stage) {
    const traces: Traces = { client: [], server: [] }
    const { server, port } = await stage.listen({}, (socket) => {
      follow(socket, traces.server)
      socket.resume()
    })
    const client = stage.connect(port)
    follow(client, traces.client)
    client.end('bye', () => traces.client!.push('end callback'))
    client.resume()
    await Promise.all([
      event(client, 'close'),
      event(server, 'connection').then(([socket]) => event(socket as net.Socket, 'close')),
    ])
    await stage.settled()
    return traces
  },

  async 'the server closes as soon as the client is connected'(stage) {
    const traces: Traces = { client: [], server: [], order: [] }
    const { server, port } = await stage.listen({}, (socket) => {
      traces.order!.push('connection')
      follow(socket, traces.server)
      socket.resume()
      socket.end('bye')
    })
    const client = stage.connect(port)
    follow(client, traces.client)
    client.resume()
    client.on('connect', () => {
      traces.order!.push('connect')
      server.close()
    })
    await Promise.all([event(client, 'close'), event(server, 'close')])
    await stage.settled()
    return traces
  },

  async 'half-open on both sides'(stage) {
    const traces: Traces = { client: [], server: [] }
    const { port } = await stage.listen({ allowHalfOpen: true }, (socket) => {
      follow(socket, traces.server)
      socket.resume()
      socket.on('end', () => socket.end('after your end'))
    })
    const client = stage.connect(port, { allowHalfOpen: true })
    follow(client, traces.client)
    client.resume()
    client.end('first')
    await event(client, 'close')
    await stage.settled()
    return traces
  },

  async 'destroy while connecting'(stage) {
    const traces: Traces = { client: [] }
    const { port } = await stage.listen({}, () => {})
    const client = stage.connect(port)
    follow(client, traces.client)
    client.write('never', (error) => traces.client!.push(`written ${(error as NodeJS.ErrnoException)?.code}`))
    await new Promise((resolve) => process.nextTick(resolve))
    client.destroy()
    await event(client, 'close')
    await stage.settled()
    return traces
  },

  async 'destroy with an error'(stage) {
    const traces: Traces = { client: [], server: [] }
    const { server, port } = await stage.listen({}, (socket) => {
      follow(socket, traces.server)
      socket.resume()
    })
    const accepted = event(server, 'connection')
    const client = stage.connect(port)
    follow(client, traces.client)
    const [[socket]] = (await Promise.all([accepted, event(client, 'connect')])) as [[net.Socket], unknown]
    client.destroy(Object.assign(new Error('mine'), { code: 'MINE' }))
    await Promise.all([event(client, 'close'), event(socket, 'close')])
    await stage.settled()
    return traces
  },

  async resetAndDestroy(stage) {
    const traces: Traces = { client: [], server: [] }
    const { server, port } = await stage.listen({}, (socket) => {
      follow(socket, traces.server)
      socket.resume()
    })
    const accepted = event(server, 'connection')
    const client = stage.connect(port)
    follow(client, traces.client)
    const [[socket]] = (await Promise.all([accepted, event(client, 'connect')])) as [[net.Socket], unknown]
    client.resetAndDestroy()
    await Promise.all([event(client, 'close'), event(socket, 'close')])
    await stage.settled()
    return traces
  },

  async 'closing with octets unread resets the peer'(stage) {
    const traces: Traces = { client: [] }
    const { server, port } = await stage.listen({ pauseOnConnect: true }, () => {})
    const accepted = event(server, 'connection')
    const client = stage.connect(port)
    follow(client, traces.client)
    client.resume()
    client.write('unread')
    const [socket] = (await accepted) as [net.Socket]
    // What a later connection says is there only after the octets above.
    const later = event(server, 'connection')
    stage.connect(port).resume().end('later')
    const [last] = (await later) as [net.Socket]
    last.resume()
    await event(last, 'end')
    socket.destroy()
    await event(client, 'close')
    await stage.settled()
    return traces
  },

  async 'a full send buffer drains'(stage) {
    const traces: Traces = { client: [], server: [] }
    const { server, port } = await stage.listen({ pauseOnConnect: true }, (socket) => {
      follow(socket, traces.server)
    })
    const accepted = event(server, 'connection')
    const client = stage.connect(port)
    follow(client, traces.client)
    await event(client, 'connect')
    const size = 8 << 20
    traces.client!.push(`took ${client.write(Buffer.alloc(size, 1), () => traces.client!.push('written'))}`)
    traces.client!.push(`waits ${client.writableLength} ${client.writableNeedDrain}`)
    const [socket] = (await accepted) as [net.Socket]
    socket.resume()
    await event(client, 'drain')
    client.end()
    client.resume()
    await stage.settled()
    traces.client!.push(`wrote ${client.bytesWritten}`)
    traces.server!.push(`read ${socket.bytesRead}`)
    return traces
  },

  async 'many small writes and a cork'(stage) {
    const traces: Traces = { client: [], server: [] }
    const { port } = await stage.listen({}, (socket) => {
      follow(socket, traces.server)
      socket.setEncoding('utf8')
      let text = ''
      socket.on('data', (data) => (text += data))
      socket.on('end', () => traces.server!.push(text))
    })
    const client = stage.connect(port)
    follow(client, traces.client)
    client.resume()
    await event(client, 'connect')
    for (const encoding of ['utf8', 'latin1', 'ascii', 'utf16le', 'hex', 'base64'] as const) {
      client.write(Buffer.from('grüße').toString(encoding === 'ascii' ? 'latin1' : encoding), encoding, () =>
        traces.client!.push(`written ${encoding}`),
      )
    }
    client.cork()
    client.write('a')
    client.write(Buffer.from('b'))
    client.write('ccc', 'latin1')
    client.uncork()
    client.end()
    await event(client, 'close')
    await stage.settled()
    return traces
  },

  async 'a server that closes while connections are open'(stage) {
    const traces: Traces = { listener: [], client: [] }
    const { server, port } = await stage.listen({}, (socket) => socket.resume())
    const accepted = event(server, 'connection')
    const client = stage.connect(port)
    follow(client, traces.client)
    client.resume()
    await accepted
    server.close((error) => traces.listener!.push(`closed ${error?.message}`))
    traces.listener!.push(`listening ${server.listening}`)
    const late = stage.connect(port)
    traces.late = follow(late)
    await event(late, 'close')
    client.end()
    await event(server, 'close')
    server.close((error) => traces.listener!.push((error as NodeJS.ErrnoException).code!))
    await stage.settled()
    return traces
  },

  async 'maxConnections drops'(stage) {
    const traces: Traces = { listener: [], client: [], dropped: [] }
    const { server, port } = await stage.listen({}, (socket) => socket.resume())
    server.maxConnections = 1
    server.on('drop', (data) => traces.listener!.push(`drop ${Object.keys(data!).sort()}`))
    const accepted = event(server, 'connection')
    const client = stage.connect(port)
    follow(client, traces.client)
    await accepted
    const dropped = stage.connect(port)
    follow(dropped, traces.dropped)
    dropped.resume()
    await event(dropped, 'close')
    const connections = await new Promise((resolve) => server.getConnections((_, count) => resolve(count)))
    traces.listener!.push(`connections ${connections}`)
    client.end()
    client.resume()
    await event(client, 'close')
    await stage.settled()
    return traces
  },

  async 'an idle timeout'(stage) {
    const traces: Traces = { client: [], server: [] }
    const { port } = await stage.listen({}, (socket) => {
      follow(socket, traces.server)
      socket.resume()
    })
    const client = stage.connect(port, { timeout: 60_000 })
    follow(client, traces.client)
    client.resume()
    // Connected first: on a busy machine that may take longer than a short time of silence.
    await event(client, 'connect')
    traces.client!.push(`timeout of ${client.timeout}`)
    client.setTimeout(20)
    await event(client, 'timeout')
    client.end()
    await event(client, 'close')
    await stage.settled()
    return traces
  },

  async 'an idle timeout by option'(stage) {
    const { port } = await stage.listen({}, (socket) => socket.resume())
    const client = stage.connect(port, { timeout: 20 })
    client.resume()
    // Either may be first.
    await Promise.all([event(client, 'connect'), event(client, 'timeout')])
    client.end()
    await event(client, 'close')
    await stage.settled()
    return { client: [`timeout of ${client.timeout}`] }
  },

  async 'an abort signal'(stage) {
    const traces: Traces = { client: [] }
    const { port } = await stage.listen({}, (socket) => socket.resume().on('error', () => {}))
    const abort = new AbortController()
    const client = stage.connect(port, { signal: abort.signal })
    follow(client, traces.client)
    await event(client, 'connect')
    abort.abort()
    await event(client, 'close')
    await stage.settled()
    return traces
  },

  async 'reading into a buffer of the program'(stage) {
    const traces: Traces = { client: [] }
    const { port } = await stage.listen({}, (socket) => socket.end(Buffer.alloc(5000, 7)))
    const buffers = [Buffer.alloc(1000), Buffer.alloc(4000)]
    let turn = 0
    let total = 0
    const client = stage.connect(port, {
      onread: {
        buffer: () => buffers[turn++ % 2] as Buffer,
        callback(count, buffer) {
          total += count
          if (buffer[0] !== 7 || buffer[count - 1] !== 7) traces.client!.push('wrong octets')
          return true
        },
      },
    })
    follow(client, traces.client)
    await event(client, 'close')
    traces.client!.push(`total ${total} ${client.bytesRead}`)
    await stage.settled()
    return traces
  },

  async 'states and names'(stage) {
    const traces: Traces = { client: [], server: [] }
    const { server, port } = await stage.listen({}, (socket) => {
      traces.server!.push(
        `${socket.readyState} ${socket.localFamily} ${socket.remoteFamily} ` +
          `${socket.localPort === port} ${socket.remoteAddress === stage.network.clientAddress}`,
      )
      socket.end()
      socket.resume()
    })
    const client = stage.connect(port)
    traces.client!.push(
      `${client.readyState} ${client.pending} ${client.connecting} ${JSON.stringify(client.address())}`,
    )
    await event(client, 'connect')
    traces.client!.push(
      `${client.readyState} ${client.pending} ${client.remotePort === port} ${client.remoteFamily} ` +
        `${client.remoteAddress === stage.network.serverAddress} ${(client.address() as AddressInfo).family}`,
    )
    client.resume()
    await event(client, 'close')
    traces.client!.push(`${client.readyState} ${client.destroyed} ${client.remoteAddress === undefined}`)
    server.close()
    traces.server!.push(`${server.address()}`)
    return traces
  },
}

for (const [name, create] of stackNetworks) {
  describe(name, () => {
    let network: Network
    beforeAll(async () => {
      network = await create()
    })
    afterAll(() => network.close())

    for (const [title, program] of Object.entries(programs)) {
      test(`P-28 ${title}`, async () => {
        const expected = await program(stageOn(hostNetwork()))
        const seen = await program(stageOn(network))
        expect(seen).toEqual(expected)
      })
    }
  })
}
