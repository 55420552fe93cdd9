/**
 * Random programs of `net` and `dgram` calls, and what each of their sockets sees when they run on a network: results, errors, and kinds
 * of events in their order. After each call the program waits until everything it caused has happened, so that what is compared does not
 * depend on which of two independent things comes first.
 *
 * @module
 */
import type dgram from 'node:dgram'
import type net from 'node:net'
import fc from 'fast-check'
import type { Network } from './networks.ts'
import { event, follow, type Trace } from './trace.ts'

export type Side = 'client' | 'server'
type Reaction = 'end' | 'destroy' | 'pause' | 'write' | 'reset'

export type Command =
  | { readonly do: 'open'; readonly halfOpenClient: boolean; readonly halfOpenServer: boolean }
  | { readonly do: 'write'; readonly which: number; readonly side: Side; readonly octets: number }
  | {
      readonly do: 'end' | 'destroy' | 'fail' | 'reset' | 'pause' | 'resume'
      readonly which: number
      readonly side: Side
    }
  | { readonly do: 'react'; readonly which: number; readonly side: Side; readonly to: string; readonly by: Reaction }
  | { readonly do: 'refused' | 'listenTwice' | 'taken' }
  | { readonly do: 'bind'; readonly which: number; readonly to: number }
  | {
      readonly do: 'send'
      readonly which: number
      readonly to: number
      readonly octets: number
      readonly addressed: boolean
    }
  | { readonly do: 'connectTo'; readonly which: number; readonly to: number }
  | { readonly do: 'disconnect' | 'closeDatagrams'; readonly which: number }

const which = fc.nat(2)
const side = fc.constantFrom<Side>('client', 'server')
/** What fits into the buffers of every network, so that a writer whose reader pauses is never held up in one and not in the other. */
const octets = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 20_000 }))

const streamCommand: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      halfOpenClient: fc.boolean(),
      halfOpenServer: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), which, side, octets }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'end' as const,
        'destroy' as const,
        'fail' as const,
        'reset' as const,
        'pause' as const,
        'resume' as const,
      ),
      which,
      side,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('react' as const),
      which,
      side,
      to: fc.constantFrom('data', 'end', 'finish', 'close'),
      by: fc.constantFrom<Reaction>('end', 'destroy', 'pause', 'write', 'reset'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('refused' as const, 'listenTwice' as const, 'taken' as const) }),
  },
)

const datagramCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('bind' as const), which, to: fc.nat(3) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      which,
      to: which,
      octets: fc.nat(1400),
      addressed: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('connectTo' as const), which, to: which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('disconnect' as const, 'closeDatagrams' as const), which }) },
)

export const streamProgram: fc.Arbitrary<Command[]> = fc.array(streamCommand, { minLength: 1, maxLength: 14 })
export const datagramProgram: fc.Arbitrary<Command[]> = fc.array(datagramCommand, { minLength: 1, maxLength: 14 })

/** What was seen, by socket: `client 0`, `server 0`, `datagrams 2`, and `calls`. */
export type Seen = Record<string, Trace>

/** Runs a program; both ends are in this process. */
export async function runProgram(commands: readonly Command[], network: Network): Promise<Seen> {
  const run = new Run(network)
  await run.begin()
  for (const command of commands) {
    run.perform(command)
    await run.settle()
  }
  return run.finish()
}

interface End {
  readonly socket: net.Socket
  readonly trace: Trace
  sent: number
  received: number
  /** It said that it writes no more, or is gone. */
  ended: boolean
}

/** Rounds of the event loop without anything new, after which nothing is under way any more. */
const QUIET_ROUNDS = 6
/** Rounds after which an expectation is given up: then the traces tell. */
const MOST_ROUNDS = 2000

class Run {
  private readonly network: Network
  private readonly seen: Seen = { calls: [] }
  private readonly connections: Record<Side, End | null>[] = []
  private readonly datagrams: (dgram.Socket | null)[] = [null, null, null]
  private readonly ports: number[] = [0, 0, 0]
  private server!: net.Server
  private port = 0
  private events = 0
  private halfOpenServer = false
  /** Calls that have not been called back. */
  private waiting = 0

  constructor(network: Network) {
    this.network = network
  }

  async begin(): Promise<void> {
    this.server = this.network.server.net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.accepted(socket),
    )
    this.server.listen(0, this.network.serverAddress)
    await event(this.server, 'listening')
    this.port = (this.server.address() as net.AddressInfo).port
  }

  perform(command: Command): void {
    const result = this.attempt(() => this.call(command))
    if (result !== undefined) this.seen.calls?.push(`${command.do}: ${result}`)
  }

  async settle(): Promise<void> {
    let quiet = 0
    let before = -1
    for (let round = 0; round < MOST_ROUNDS && (quiet < QUIET_ROUNDS || !this.isAsExpected()); round++) {
      await new Promise((resolve) => setImmediate(resolve))
      // Now and then the loop has to wait, or timers of a stack would never be due.
      if (round % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 1))
      const now = this.events
      quiet = now === before ? quiet + 1 : 0
      before = now
    }
  }

  async finish(): Promise<Seen> {
    for (const [index, connection] of this.connections.entries()) {
      for (const [name, end] of Object.entries(connection)) {
        if (end === null) continue
        const { socket } = end
        const { readyState, destroyed, bytesRead, bytesWritten } = socket
        this.seen[`${name} ${index}`]?.push(`at last ${readyState} ${destroyed} ${bytesRead} ${bytesWritten}`)
        socket.removeAllListeners('data')
        socket.destroy()
      }
    }
    await this.settle()
    for (const socket of this.datagrams) socket?.close()
    this.server.close()
    await this.settle()
    return this.seen
  }

  private call(command: Command): unknown {
    switch (command.do) {
      case 'open':
        this.open(command.halfOpenClient, command.halfOpenServer)
        return undefined
      case 'refused':
      case 'taken':
      case 'listenTwice':
        return this.failToOpen(command.do)
      case 'bind':
      case 'send':
      case 'connectTo':
      case 'disconnect':
      case 'closeDatagrams':
        return this.callDatagrams(command)
      default:
        return this.callStream(command)
    }
  }

  // ---- streams ----

  private open(halfOpenClient: boolean, halfOpenServer: boolean): void {
    if (this.connections.length === 3) return
    const index = this.connections.length
    this.halfOpenServer = halfOpenServer
    const connection: Record<Side, End | null> = { client: null, server: null }
    this.connections.push(connection)
    const { net } = this.network.client
    // Nagle's algorithm would hold back the last octets of a write, for a time that depends on the network.
    const place = { port: this.port, host: this.network.serverAddress, noDelay: true }
    const socket = net.connect({ ...place, allowHalfOpen: halfOpenClient })
    connection.client = this.watch(socket, `client ${index}`)
  }

  private accepted(socket: net.Socket): void {
    const index = this.connections.length - 1
    socket.allowHalfOpen = this.halfOpenServer
    const connection = this.connections[index]
    if (connection !== undefined) connection.server = this.watch(socket, `server ${index}`)
  }

  private watch(socket: net.Socket, name: string): End {
    const trace: Trace = []
    this.seen[name] = trace
    const end: End = { socket, trace, sent: 0, received: 0, ended: false }
    follow(socket, trace)
    for (const each of ['connect', 'end', 'finish', 'drain', 'close', 'error', 'pause', 'resume']) {
      socket.on(each, () => this.events++)
    }
    socket.on('data', (data) => {
      this.events++
      end.received += data.length
    })
    socket.on('close', () => {
      end.ended = true
    })
    return end
  }

  private callStream(command: Command & { which: number; side: Side }): unknown {
    const end = this.connections[command.which]?.[command.side]
    if (end === null || end === undefined) return undefined
    const { socket, trace } = end
    trace.push(command.do)
    const result = this.attempt(() => {
      if (command.do === 'write') return this.write(end, (command as { octets: number }).octets)
      if (command.do === 'react') {
        const { to, by } = command as { to: string; by: Reaction }
        socket.once(to, () => {
          trace.push(`react ${by} ${this.attempt(() => this.react(end, by)) ?? ''}`)
        })
        return undefined
      }
      return this.react(end, command.do as Reaction | 'fail' | 'resume')
    })
    trace.push(`= ${result ?? ''} ${socket.readyState}`)
    return undefined
  }

  private write(end: End, octets: number): boolean {
    if (end.socket.writable && !end.ended) end.sent += octets
    return end.socket.write(Buffer.alloc(octets))
  }

  private react(end: End, how: Reaction | 'fail' | 'resume'): unknown {
    const { socket } = end
    if (how === 'write') return this.write(end, 10)
    if (how === 'pause' || how === 'resume') {
      socket[how]()
      return undefined
    }
    end.ended = true
    if (how === 'end') socket.end()
    else if (how === 'destroy') socket.destroy()
    else if (how === 'reset') socket.resetAndDestroy()
    else socket.destroy(Object.assign(new Error('of the program'), { code: 'EPROGRAM' }))
    return undefined
  }

  private failToOpen(how: 'refused' | 'taken' | 'listenTwice'): unknown {
    const { net } = this.network.client
    const tell = (emitter: NodeJS.EventEmitter): void => {
      this.waiting++
      emitter.once('error', (error: NodeJS.ErrnoException) => {
        this.waiting--
        this.events++
        this.seen.calls?.push(`${how} ${error.code} ${error.syscall}`)
      })
    }
    if (how === 'refused') tell(net.connect(1, this.network.serverAddress))
    else if (how === 'taken') {
      const second = this.network.server.net.createServer()
      tell(second)
      second.listen(this.port, this.network.serverAddress)
    } else this.server.listen(0)
    return undefined
  }

  // ---- datagrams ----

  private callDatagrams(command: Command & { which: number }): unknown {
    const index = command.which
    const trace = (this.seen[`datagrams ${index}`] ??= [])
    const socket = this.datagramSocket(index, trace)
    trace.push(command.do)
    const calledBack = (what: string) => {
      this.waiting++
      return (error?: Error | null, count?: number) => {
        this.waiting--
        this.events++
        trace.push(`${what} ${error ? (error as NodeJS.ErrnoException).code : 'done'} ${count ?? ''}`.trim())
      }
    }
    const result = this.attempt(() => {
      const { serverAddress } = this.network
      switch (command.do) {
        case 'bind':
          return void socket.bind(command.to === 3 ? 0 : this.ports[command.to], serverAddress)
        case 'send': {
          const data = Buffer.alloc(command.octets)
          const port = this.ports[command.to]
          if (command.addressed) socket.send(data, port, serverAddress, calledBack('sent'))
          else socket.send(data, calledBack('sent'))
          return undefined
        }
        case 'connectTo':
          return void socket.connect(this.ports[command.to] as number, serverAddress, calledBack('connected'))
        case 'disconnect':
          socket.disconnect()
          return this.kindOfPort(index, socket)
        default:
          this.datagrams[index] = null
          return void socket.close()
      }
    })
    if (result !== undefined) {
      trace.push(`= ${result}`)
      // Thrown: it is not called back.
      if (command.do === 'send' || command.do === 'connectTo') this.waiting--
    }
    return undefined
  }

  /** The last who had a port: a socket that was disconnected gets another one when it sends. */
  private whoHas(port: number): number {
    for (const [index, socket] of this.datagrams.entries()) {
      if (this.attempt(() => socket?.address().port) === port) this.ports[index] = port
    }
    return this.ports.indexOf(port)
  }

  /** Numbers of ports are not the same twice. */
  private kindOfPort(index: number, socket: dgram.Socket): string {
    const before = this.ports[index]
    const { address, port } = socket.address()
    const known = port === before ? 'the same' : 'another'
    this.ports[index] = port
    return `${address === this.network.serverAddress ? 'its address' : address} ${port === 0 ? 'none' : known}`
  }

  private datagramSocket(index: number, trace: Trace): dgram.Socket {
    const known = this.datagrams[index]
    if (known !== null && known !== undefined) return known
    const socket = this.network.server.dgram.createSocket('udp4')
    this.datagrams[index] = socket
    for (const name of ['listening', 'connect', 'close']) {
      socket.on(name, () => {
        this.events++
        if (name === 'listening') this.ports[index] = socket.address().port
        trace.push(name)
      })
    }
    socket.on('message', (data, { port }) => {
      this.events++
      trace.push(`message ${data.length} from ${this.whoHas(port)}`)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.events++
      trace.push(`error ${error.code} ${error.syscall}`)
    })
    return socket
  }

  // ---- both ----

  /** What must happen has happened; what else may, shows by its events. */
  private isAsExpected(): boolean {
    if (this.waiting > 0) return false
    return this.connections.every(({ client, server }) => {
      if (client === null || client.socket.connecting) return false
      // Closed before it was accepted.
      if (server === null) return client.socket.destroyed
      return this.arrived(client, server) && this.arrived(server, client)
    })
  }

  private arrived(from: End, to: End): boolean {
    const { socket } = to
    if (from.socket.destroyed && !from.socket.closed) return false
    if (socket.destroyed || socket.isPaused() || socket.readableFlowing !== true) return true
    if (from.ended) return socket.readableEnded || socket.errored !== null
    return to.received === from.sent
  }

  private attempt(call: () => unknown): unknown {
    try {
      return call()
    } catch (error) {
      return `throws ${(error as NodeJS.ErrnoException).code}`
    }
  }
}
