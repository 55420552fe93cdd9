/**
 * What the scenario tests share: one stack at 10.0.0.1, one scripted peer at 10.0.0.2, virtual time.
 *
 * @module
 */
import {
  createFramePool,
  createPipe,
  createVirtualScheduler,
  ERROR,
  type FramePool,
  type IpAddress,
  type Link,
  type Listener,
  NO_OFFLOAD,
  type Offload,
  parseIpAddress,
  type Stack,
  TCP_ACK,
  TCP_SYN,
  type TcpSocket,
  type VirtualScheduler,
} from '@ioth/core'
import { createStack, type TsSettings } from '../src/index.ts'
import { buildTcp, type CheckedSegment, ScriptedPeer, type Station, type TcpFields } from '../src/testing.ts'
import { macFromBytes } from '../src/wire/ethernet.ts'

export const OURS = '10.0.0.1'
export const PEER = '10.0.0.2'
export const MS = 1000
export const SECOND = 1_000_000

export function ip(text: string): IpAddress {
  return parseIpAddress(text)
}

export const ANY: IpAddress = ip('0.0.0.0')

export interface ScenarioOptions {
  readonly settings?: TsSettings
  readonly limits?: { readonly receiveBuffer?: number; readonly sendBuffer?: number; readonly backlog?: number }
  readonly mtu?: number
  readonly offload?: Offload
  readonly seed?: number
}

export class Scenario {
  readonly scheduler: VirtualScheduler
  readonly pool: FramePool
  readonly stack: Stack
  readonly peer: ScriptedPeer
  readonly ours: Station
  readonly link: Link

  private constructor(
    scheduler: VirtualScheduler,
    pool: FramePool,
    stack: Stack,
    peer: ScriptedPeer,
    ours: Station,
    link: Link,
  ) {
    this.scheduler = scheduler
    this.pool = pool
    this.stack = stack
    this.peer = peer
    this.ours = ours
    this.link = link
  }

  static async create(options: ScenarioOptions = {}): Promise<Scenario> {
    const scheduler = createVirtualScheduler({ seed: options.seed ?? 1 })
    const pool = createFramePool({ limit: 64 * 1024 * 1024 })
    const { mtu = 1500, offload = NO_OFFLOAD } = options
    const [near, far] = createPipe({ scheduler, pool, mtu, offload })
    const theirs: Station = { mac: macFromBytes([2, 0, 0, 0, 0, 2]), ip: PEER }
    const ours: Station = { mac: macFromBytes([2, 0, 0, 0, 0, 1]), ip: OURS }
    const peer = new ScriptedPeer(far, pool, theirs)
    const stack = await createStack({
      scheduler,
      pool,
      interfaces: [{ link: near, addresses: [`${OURS}/24`], mac: '02:00:00:00:00:01' }],
      settings: { probe: 'none', ...options.settings },
      limits: { ...options.limits },
    })
    scheduler.advance(MS)
    peer.take()
    return new Scenario(scheduler, pool, stack, peer, ours, near)
  }

  /** Sends a segment of the peer's and lets it arrive. */
  tcp(fields: TcpFields): void {
    this.peer.send(buildTcp(this.peer.station, this.ours, fields))
    this.scheduler.advance()
  }

  /** The segments that came since the last call. */
  segments(): CheckedSegment[] {
    this.scheduler.advance()
    return this.peer.take().flatMap(({ tcp }) => (tcp === undefined ? [] : [tcp]))
  }

  /** The one segment that came. */
  segment(): CheckedSegment {
    const segments = this.segments()
    if (segments.length !== 1)
      throw new Error(`one segment was expected, ${segments.length} came: ${describe(segments)}`)
    return segments[0]!
  }

  advance(microseconds = 0): void {
    this.scheduler.advance(microseconds)
  }

  listen(port = 80, backlog = 16): Listener {
    const socket = this.stack.openTcp(4)
    socket.bind(ANY, port)
    return socket.listen(backlog)
  }

  /** Ends everything and checks that nothing is left (P-11). */
  async finish(): Promise<{ used: number; timers: number; holds: number }> {
    const closed = this.stack.close()
    await this.scheduler.settle(120 * SECOND)
    await closed
    const { timers, holds } = this.scheduler
    return { used: this.pool.used, timers, holds }
  }
}

export const NOTHING_LEFT: { used: number; timers: number; holds: number } = { used: 0, timers: 0, holds: 0 }

export function describe(segments: readonly CheckedSegment[]): string {
  return segments.map(({ names, payload }) => `${names}(${payload.length})`).join(' ')
}

/** A connection between the stack and the peer, with the peer's view of the sequence numbers. */
export class Conversation {
  readonly scenario: Scenario
  readonly socket: TcpSocket
  readonly ourPort: number
  readonly peerPort: number
  /** The peer's next sequence number, and the next it expects of us. */
  seq: number
  ack: number
  /** Of the SYN we sent. */
  readonly iss: number
  readonly hasTimestamps: boolean
  /** Our last timestamp. */
  echo = 0
  private readonly clockOffset = 5000

  constructor(
    scenario: Scenario,
    socket: TcpSocket,
    ourPort: number,
    peerPort: number,
    seq: number,
    ours: CheckedSegment,
    hasTimestamps: boolean,
  ) {
    this.scenario = scenario
    this.socket = socket
    this.ourPort = ourPort
    this.peerPort = peerPort
    this.seq = seq
    this.iss = ours.sequence
    this.ack = (ours.sequence + 1) | 0
    this.hasTimestamps = hasTimestamps
    this.note(ours)
  }

  /** We connect, the peer accepts. */
  static connect(
    scenario: Scenario,
    fields: Partial<TcpFields> & { options?: TcpFields['options'] } = {},
    irs = 1000,
  ): Conversation {
    const socket = scenario.stack.openTcp(4)
    socket.interest = ERROR
    socket.connect(ip(PEER), 80)
    const syn = scenario.segment()
    const { options = { mss: 1460 } } = fields
    const offers = !(options instanceof Uint8Array) && options.timestamps !== undefined
    const conversation = new Conversation(scenario, socket, syn.sourcePort, 80, irs, syn, offers)
    scenario.tcp({
      sourcePort: 80,
      destinationPort: syn.sourcePort,
      sequence: irs,
      acknowledgment: (syn.sequence + 1) | 0,
      flags: TCP_SYN | TCP_ACK,
      options,
      ...(fields.window === undefined ? {} : { window: fields.window }),
    })
    conversation.seq = (irs + 1) | 0
    conversation.note(scenario.segment())
    return conversation
  }

  /** The peer connects to a listener of ours. */
  static accept(scenario: Scenario, port = 80, fields: Partial<TcpFields> = {}, irs = 1000): Conversation {
    const listener = scenario.listen(port)
    const { options = { mss: 1460 }, sourcePort = 5555 } = fields
    scenario.tcp({ sourcePort, destinationPort: port, sequence: irs, flags: TCP_SYN, options, ...optional(fields) })
    const synAck = scenario.segment()
    const offers = !(options instanceof Uint8Array) && options.timestamps !== undefined
    const seq = (irs + 1) | 0
    scenario.tcp({
      sourcePort,
      destinationPort: port,
      sequence: seq,
      acknowledgment: (synAck.sequence + 1) | 0,
      flags: TCP_ACK,
      ...optional(fields),
      ...(offers ? { options: { timestamps: { value: 5001, echo: synAck.parsedOptions.timestamps!.value } } } : {}),
    })
    const socket = listener.accept()
    if (socket === null) throw new Error('no connection to accept')
    listener.close()
    return new Conversation(scenario, socket, port, sourcePort, seq, synAck, offers)
  }

  /** Sends a segment as the peer; numbers and ports are filled in, and `seq` moves. */
  send(fields: Partial<TcpFields> = {}): void {
    const payload = fields.payload ?? new Uint8Array(0)
    const flags = fields.flags ?? TCP_ACK
    const value = Math.floor(this.scenario.scheduler.clock.now / 1000) + this.clockOffset
    const timestamps = this.hasTimestamps ? { options: { timestamps: { value, echo: this.echo } } } : {}
    this.scenario.tcp({
      sourcePort: this.peerPort,
      destinationPort: this.ourPort,
      sequence: this.seq,
      acknowledgment: this.ack,
      ...timestamps,
      ...fields,
      flags,
    })
    if (fields.sequence === undefined) this.seq = (this.seq + payload.length + (flags & 1)) | 0
  }

  /** What we sent since the last call; the peer has heard it, and its `ack` moves with what is in order. */
  hear(): CheckedSegment[] {
    const segments = this.scenario.segments()
    for (const segment of segments) this.note(segment)
    return segments
  }

  write(octets: number | Uint8Array): number {
    const data = typeof octets === 'number' ? pattern(octets) : octets
    return this.socket.write(data, 0, data.length)
  }

  private note(segment: CheckedSegment): void {
    if (segment.parsedOptions.timestamps !== undefined) this.echo = segment.parsedOptions.timestamps.value
    if (segment.sequence === this.ack) this.ack = (this.ack + segment.payload.length + (segment.flags & 1)) | 0
  }
}

function optional(fields: Partial<TcpFields>): { window?: number } {
  return fields.window === undefined ? {} : { window: fields.window }
}

/** Octets that are different everywhere. */
export function pattern(length: number, seed = 0): Uint8Array {
  const octets = new Uint8Array(length)
  for (let i = 0; i < length; i++) octets[i] = (Math.imul(i + seed, 2654435761) >>> 16) & 255
  return octets
}

/** Reads all there is. */
export function readAll(socket: TcpSocket): Uint8Array {
  const parts: Uint8Array[] = []
  const buffer = new Uint8Array(65536)
  for (;;) {
    const count = socket.read(buffer, 0, buffer.length)
    if (count <= 0) break
    parts.push(buffer.slice(0, count))
  }
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)))
}
