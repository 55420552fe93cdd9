/**
 * Socket calls as commands for fast-check: each knows when it makes sense, and what the reference model says of it.
 *
 * @module
 */
import type { Backend, Capabilities } from '@ioth/core'
import fc from 'fast-check'
import type { NetworkModel } from './socket-model.ts'
import type { SocketWorld } from './socket-world.ts'

export type SocketCommand = fc.AsyncCommand<NetworkModel, SocketWorld>

/** Ports that programs meet on. */
const PORTS = [0, 80, 81]
const MOST_SOCKETS = 12
/** A cut this long is over before anything gives up. */
const LONGEST_CUT_MS = 8000

/** Commands of a program on the host's clock, where each has to settle, at most. */
export const REAL_COMMANDS = 15

export type SocketCall =
  | 'bind'
  | 'listen'
  | 'connect'
  | 'accept'
  | 'write'
  | 'read'
  | 'shutdown'
  | 'close'
  | 'reset'
  | 'setOption'

/** A command on a socket, chosen by number among those there are. */
class OnSocket implements SocketCommand {
  private readonly name: SocketCall
  private readonly place: number
  private readonly argument: number

  constructor(name: SocketCall, place: number, argument: number) {
    this.name = name
    this.place = place
    this.argument = argument
  }

  check(model: Readonly<NetworkModel>): boolean {
    const socket = model.sockets[this.place]
    if (socket === undefined) return false
    const { phase } = socket
    if (this.name === 'accept') return phase === 'listening' && model.sockets.length < MOST_SOCKETS
    if (this.name === 'write') return phase === 'connected' && !socket.hasShutDown
    if (this.name === 'read' || this.name === 'shutdown') return phase === 'connected'
    if (this.name === 'bind' || this.name === 'listen') return phase !== 'listening' && phase !== 'failed'
    // From a port of one's choice the four-tuple may be taken: that is another test (P-26).
    if (this.name === 'connect') return phase !== 'listening' && phase !== 'failed' && socket.port === 0
    if (this.name === 'setOption') return phase !== 'closed' && phase !== 'failed' && phase !== 'listening'
    return true
  }

  async run(_model: NetworkModel, world: SocketWorld): Promise<void> {
    await world[this.name](this.place, this.argument)
  }

  toString(): string {
    return `${this.name}(${this.place}, ${this.argument})`
  }
}

class Open implements SocketCommand {
  private readonly host: number

  constructor(host: number) {
    this.host = host
  }

  check(model: Readonly<NetworkModel>): boolean {
    return model.sockets.length < MOST_SOCKETS
  }

  async run(_model: NetworkModel, world: SocketWorld): Promise<void> {
    await world.open(this.host)
  }

  toString(): string {
    return `open(${this.host})`
  }
}

class Advance implements SocketCommand {
  private readonly milliseconds: number

  constructor(milliseconds: number) {
    this.milliseconds = milliseconds
  }

  check(model: Readonly<NetworkModel>): boolean {
    return !model.isDown || model.downFor + this.milliseconds <= LONGEST_CUT_MS
  }

  async run(_model: NetworkModel, world: SocketWorld): Promise<void> {
    await world.advance(this.milliseconds)
  }

  toString(): string {
    return `advance(${this.milliseconds})`
  }
}

class Line implements SocketCommand {
  private readonly cut: boolean

  constructor(cut: boolean) {
    this.cut = cut
  }

  check(model: Readonly<NetworkModel>): boolean {
    return model.isDown !== this.cut
  }

  async run(_model: NetworkModel, world: SocketWorld): Promise<void> {
    await world.line(this.cut)
  }

  toString(): string {
    return this.cut ? 'cutLine()' : 'mendLine()'
  }
}

export interface CommandOptions {
  /** Whether lines may be cut, and time may pass in seconds. */
  readonly cuts: boolean
  /** What fast-check printed with a failure. */
  readonly replayPath?: string | undefined
  /** @default 40 */
  readonly most?: number
  /** Calls that a backend does not claim. @default none */
  readonly without?: readonly SocketCall[]
}

/** The calls that not all of these backends claim. */
export function notClaimedCalls(backends: readonly Pick<Backend, 'capabilities'>[]): readonly SocketCall[] {
  const every = (claims: (capabilities: Capabilities) => boolean): boolean =>
    backends.every(({ capabilities }) => claims(capabilities))
  return [
    ...(every(({ halfClose }) => halfClose !== 'on-close') ? [] : (['shutdown'] as const)),
    ...(every(({ noDelay }) => noDelay) ? [] : (['setOption'] as const)),
  ]
}

/** Programs over both hosts of a LAN, that begin where {@link SocketWorld.create} ends. */
export function socketCommands(options: CommandOptions): fc.Arbitrary<Iterable<SocketCommand>> {
  const { cuts, replayPath, most = 40, without = [] } = options
  // The first sockets are there in every program.
  const place = fc.oneof(fc.nat(3), fc.nat(MOST_SOCKETS - 1))
  const on = (name: SocketCall, argument: fc.Arbitrary<number>): fc.Arbitrary<SocketCommand> =>
    fc.tuple(place, argument).map(([at, value]) => new OnSocket(name, at, value))
  const none = fc.constant(0)
  const size = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 4000 }))
  const port = fc.constantFrom(...PORTS)
  const calls: fc.Arbitrary<SocketCommand>[] = [
    fc.nat(1).map((host) => new Open(host)),
    fc.nat(1).map((host) => new Open(host)),
    on('bind', port),
    on('listen', none),
    on('connect', fc.constantFrom(80, 81)),
    on('accept', none),
    on('write', size),
    on('read', size),
    ...(without.includes('shutdown') ? [] : [on('shutdown', none)]),
    on('close', none),
    on('reset', none),
    ...(without.includes('setOption') ? [] : [on('setOption', fc.constantFrom(0, 1))]),
  ]
  if (cuts) {
    calls.push(
      fc.integer({ min: 1, max: 5000 }).map((milliseconds) => new Advance(milliseconds)),
      fc.boolean().map((cut) => new Line(cut)),
    )
  }
  return fc.commands(calls, { maxCommands: most, ...(replayPath === undefined ? {} : { replayPath }) })
}
