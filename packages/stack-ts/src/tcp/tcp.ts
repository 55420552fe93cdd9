/**
 * TCP of one stack: which connection or listener a segment belongs to, what has to be sent, and what all connections share.
 *
 * @module
 */
import {
  type Clock,
  type FramePool,
  type IpAddress,
  type MovedConnection,
  NetError,
  type PortBinding,
  type PortTable,
  parseIpAddress,
  type Random,
  type Scheduler,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
} from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { ErrorReport, Network, Transport } from '../ip/network.ts'
import type { Packet } from '../ip/packet.ts'
import { Connection } from './connection.ts'
import type { Effects } from './effects.ts'
import { Emitter } from './emitter.ts'
import { reportArrives } from './error-report.ts'
import { TupleSecret } from './isn.ts'
import { TcpListener } from './listener.ts'
import { MovedAway } from './moved-away.ts'
import { restore } from './moving.ts'
import { agree, fitSegments, shiftFor } from './options.ts'
import { Pieces } from './pieces.ts'
import { ReceiveMemory } from './receive-memory.ts'
import { Segment } from './segment.ts'
import { awaitPeersFin } from './segment-arrives.ts'
import { SendMemory } from './send-memory.ts'
import { SentRecords } from './sent-records.ts'
import { add, distance, lessOrEqual } from './seq.ts'
import type { TcpSettings } from './settings.ts'
import { SYN_RECEIVED } from './state.ts'
import { NO_DELAY, OFFER_SACK, OFFER_SCALE, OFFER_TIMESTAMPS, PASSIVE, SEND_SMALL, Tcb, TIMESTAMPS } from './tcb.ts'
import { type TimeWaitEntry, TimeWaitTable } from './time-wait.ts'
import { TupleTable } from './tuple-table.ts'
import { beginAt, openCall } from './user-calls.ts'

const PROTOCOL = 6

/** What a connection begins with. */
export interface OpenOptions {
  readonly sendBuffer: number
  readonly receiveBuffer: number
}

export class Tcp implements Transport {
  readonly scheduler: Scheduler
  readonly clock: Clock
  readonly pool: FramePool
  readonly counters: Counters
  readonly settings: TcpSettings
  readonly pieces: Pieces = new Pieces()
  readonly memory: ReceiveMemory
  readonly sendMemory: SendMemory
  readonly records: SentRecords = new SentRecords()
  readonly emitter: Emitter
  readonly timeWait: TimeWaitTable
  /** Closed sockets that are not through. */
  lingering = 0
  onLingerEnd: (() => void) | null = null
  readonly movedAway: MovedAway = new MovedAway()
  private readonly random: Random
  private readonly ports: PortTable
  private readonly secret: TupleSecret
  private readonly segment = new Segment()
  private readonly connections: TupleTable<Connection>
  private readonly listeners = new Map<number, TcpListener[]>()
  private firstDirty: Connection | null = null
  private lastDirty: Connection | null = null
  private readonly defer: () => void
  private measuredAt = -1
  private ms = 0
  private us = 0
  private seconds = 0

  /** @param defer asks for {@link output} at the end of the turn's input. */
  constructor(
    scheduler: Scheduler,
    pool: FramePool,
    counters: Counters,
    ports: PortTable,
    settings: TcpSettings,
    defer: () => void,
  ) {
    this.scheduler = scheduler
    this.clock = scheduler.clock
    this.random = scheduler.random
    this.pool = pool
    this.counters = counters
    this.ports = ports
    this.settings = settings
    this.defer = defer
    this.secret = new TupleSecret(this.random)
    this.connections = new TupleTable(this.random, (connection) => connection.tcb)
    this.memory = new ReceiveMemory(this.pieces, pool, settings.receiveMemory)
    this.sendMemory = new SendMemory(this.pieces, pool, settings.sendMemory)
    this.emitter = new Emitter(pool, this.pieces, this.clock, counters)
    this.timeWait = new TimeWaitTable(
      this.clock,
      this.random,
      this.emitter,
      counters,
      settings.timeWaitMs,
      settings.timestamps,
    )
  }

  // ---------- time, read once a turn ----------

  /** Milliseconds, rounded up: a deadline counted from here is never early. */
  get nowMs(): number {
    if (this.clock.now !== this.measuredAt) this.measure()
    return this.ms
  }

  /** Milliseconds, rounded down. */
  get elapsedMs(): number {
    return Math.floor(this.clock.now / 1000) | 0
  }

  get nowUs(): number {
    if (this.clock.now !== this.measuredAt) this.measure()
    return this.us
  }

  /** Whole seconds. */
  get nowS(): number {
    if (this.clock.now !== this.measuredAt) this.measure()
    return this.seconds
  }

  private measure(): void {
    const now = this.clock.now
    this.measuredAt = now
    this.ms = Math.ceil(now / 1000) | 0
    this.us = now | 0
    this.seconds = Math.floor(now / 1_000_000)
  }

  // ---------- input ----------

  /** Connections that are not closed, TIME-WAIT left out. */
  get size(): number {
    return this.connections.size
  }

  list(): Connection[] {
    return this.connections.list()
  }

  receive(packet: Packet): void {
    const { counters, pool, segment } = this
    const reason = segment.parse(pool.view, packet)
    if (reason !== null) {
      counters.drop(`tcp.${reason}`)
      return
    }
    if (!packet.isTrusted && !this.isSumRight(packet)) {
      counters.drop('tcp.checksum')
      return
    }
    if (packet.group) {
      counters.drop('tcp.group')
      return
    }
    const { sourcePort, destinationPort } = segment
    // Port 0 is nobody's (RFC 6335 6): an answer could neither come from it nor go to it.
    if (sourcePort === 0 || destinationPort === 0) {
      counters.drop('tcp.port')
      return
    }
    counters.tcpIn++
    const connection = this.connections.find(packet, destinationPort, sourcePort)
    if (connection === null) this.receiveStrange(packet, segment)
    else connection.receive(segment)
  }

  /** A segment of no connection. */
  private receiveStrange(packet: Packet, segment: Segment): void {
    const { network } = packet
    const { sourcePort, destinationPort } = segment
    const local = network.destinationOf(packet)
    const remote = network.sourceOf(packet)
    if (this.movedAway.size > 0 && this.movedAway.takes(packet, segment, local, remote)) return
    const listener = this.takeTurn(this.findListener(destinationPort, local))
    const before = this.timeWait.find(packet, destinationPort, sourcePort)
    if (before !== null && (listener === null || !this.timeWait.isNewConnection(before, segment))) {
      this.timeWait.arrives(before, segment)
    } else if (listener !== null) {
      this.listen(listener, network, local, remote, segment, before)
    } else {
      this.counters.drop('tcp.port')
      this.refuse(network, local, remote, segment)
    }
  }

  /** ICMP, or the neighbour cache, about a segment of ours. */
  report(error: ErrorReport): void {
    const { view } = this.pool
    const ports = view.getInt32(error.at)
    const { network, local, remote } = error
    const connection = this.connections.holder(network, local, ports >>> 16, remote, ports & 0xffff)
    if (connection === null || !connection.tcb.remote.equals(remote) || !connection.tcb.local.equals(local)) {
      this.counters.drop('tcp.report')
      return
    }
    reportArrives(connection.tcb, error, view.getInt32(error.at + 4), connection)
  }

  private isSumRight(packet: Packet): boolean {
    const { pool } = this
    const sum = pool.sum(packet.at, packet.length, packet.pseudoSum + packet.payloadLength)
    return (packet.bodyLength === 0 ? sum : pool.sum(packet.body, packet.bodyLength, sum)) === 0xffff
  }

  /** RFC 9293 3.10.7.1: what belongs to nobody is answered with a RST, unless it is one. */
  refuse(network: Network, local: IpAddress, remote: IpAddress, segment: Segment): void {
    const { flags } = segment
    if ((flags & TCP_RST) !== 0) return
    const path = network.findPath(remote)
    if (path === null) return
    const { destinationPort, sourcePort } = segment
    if ((flags & TCP_ACK) !== 0) {
      this.emitter.sendBare(network, path, local, destinationPort, remote, sourcePort, segment.ack, 0, TCP_RST)
    } else {
      const ack = add(segment.seq, segment.sequenceLength)
      this.emitter.sendBare(network, path, local, destinationPort, remote, sourcePort, 0, ack, TCP_RST | TCP_ACK)
    }
  }

  sendReset(tcb: Tcb): void {
    const { network, path, local, localPort, remote, remotePort } = tcb
    tcb.extras.trace?.left(tcb.sndNxt, TCP_RST | TCP_ACK, 0, 0)
    this.emitter.sendBare(
      network,
      path,
      local,
      localPort,
      remote,
      remotePort,
      tcb.sndNxt,
      tcb.rcvNxt,
      TCP_RST | TCP_ACK,
      0,
      // RFC 7323 3.2
      (tcb.flags & TIMESTAMPS) === 0 ? null : { value: (this.elapsedMs + tcb.tsOffset) | 0, echo: tcb.tsRecent },
    )
  }

  // ---------- output ----------

  wantOutput(connection: Connection): void {
    connection.dirty = true
    if (this.lastDirty === null) this.firstDirty = connection
    else this.lastDirty.nextDirty = connection
    this.lastDirty = connection
    this.defer()
  }

  /** Lets every connection that asked for it send. @returns whether some could not. */
  output(): boolean {
    let connection = this.firstDirty
    let stalled = false
    this.firstDirty = null
    this.lastDirty = null
    while (connection !== null) {
      const next: Connection | null = connection.nextDirty
      connection.nextDirty = null
      connection.dirty = false
      if (!connection.output()) {
        stalled = true
        this.stall(connection)
      }
      connection = next
    }
    return stalled
  }

  /** It stays in the list, and waits for room. */
  private stall(connection: Connection): void {
    if (connection.dirty) return
    connection.dirty = true
    if (this.lastDirty === null) this.firstDirty = connection
    else this.lastDirty.nextDirty = connection
    this.lastDirty = connection
  }

  /** Small segments that wait for company go now: the process is about to end. */
  hurry(): void {
    for (const connection of this.connections.list()) {
      connection.tcb.flags |= SEND_SMALL
      connection.wantOutput()
    }
  }

  /** Whether nothing waits to be sent but what the windows hold back. */
  get isAllSent(): boolean {
    return this.firstDirty === null && this.connections.list().every(({ tcb }) => lessOrEqual(tcb.sndEnd, tcb.sndNxt))
  }

  // ---------- connections ----------

  /**
   * Opens a connection.
   * @param local the socket's own address, or null: chosen by the route.
   * @param binding the port the socket is bound to, or null: chosen.
   * @throws NetError ENETUNREACH, EADDRNOTAVAIL
   */
  connect(
    network: Network,
    local: IpAddress | null,
    binding: PortBinding | null,
    remote: IpAddress,
    remotePort: number,
    options: OpenOptions,
  ): Connection {
    const fail = (code: 'ENETUNREACH' | 'EADDRNOTAVAIL'): NetError =>
      new NetError(code, 'connect', { address: remote.toString(), port: remotePort })
    const source = local ?? network.sourceFor(remote)
    const path = network.findPath(remote)
    if (source === null || path === null) throw fail('ENETUNREACH')
    const localKey = network.keyOf(source)
    const remoteKey = network.keyOf(remote)
    const isFree = (port: number): boolean => this.isTupleFree(network, source, port, remote, remotePort)
    if (binding !== null && !isFree(binding.port)) throw fail('EADDRNOTAVAIL')
    const held = binding ?? this.ports.bindFor(PROTOCOL, source, remote, remotePort, isFree)
    const tcb = this.createTcb(network, path, source, held.port, remote, remotePort, options)
    const connection = new Connection(this, tcb)
    connection.binding = held
    let iss = this.secret.initialSequence(localKey, held.port, remoteKey, remotePort, this.clock.now)
    tcb.tsOffset = this.secret.timestampOffset
    const before = this.timeWait.holder(network, source, held.port, remote, remotePort)
    if (before !== null) {
      iss = beyond(before, iss)
      this.timeWait.remove(before)
      this.counters.tcpTimeWaitReused++
    }
    // The SYN offers a window, too; where it begins is known with the peer's.
    tcb.rcvAdv = (tcb.rcvNxt + Math.min(tcb.rcvLimit, 0xffff)) | 0
    this.connections.insert(connection)
    this.counters.tcpActiveOpens++
    openCall(tcb, iss, connection)
    return connection
  }

  /** From now on segments of this connection that come here are sent after it. */
  moveOut(connection: Connection): MovedConnection | null {
    const moved = connection.moveOut()
    if (moved !== null) this.movedAway.add(connection.tcb)
    return moved
  }

  /** @throws NetError EADDRINUSE, ENETUNREACH, ENOBUFS */
  moveIn(network: Network, moved: MovedConnection, options: OpenOptions): Connection {
    const local = parseIpAddress(moved.local)
    const remote = parseIpAddress(moved.remote)
    const fail = (code: 'ENETUNREACH' | 'EADDRINUSE' | 'ENOBUFS'): NetError =>
      new NetError(code, 'connect', { address: moved.remote, port: moved.remotePort })
    const path = network.findPath(remote)
    if (path === null) throw fail('ENETUNREACH')
    const tcb = this.createTcb(network, path, local, moved.localPort, remote, moved.remotePort, options)
    const connection = new Connection(this, tcb)
    this.movedAway.delete(tcb)
    if (!this.connections.insert(connection)) throw fail('EADDRINUSE')
    const memory = { receive: this.memory, send: this.sendMemory, pool: this.pool }
    if (!restore(tcb, moved, memory, { elapsedMs: this.elapsedMs, seconds: this.nowS })) {
      connection.abort()
      throw fail('ENOBUFS')
    }
    connection.setKeepAlive()
    connection.wantOutput()
    return connection
  }

  /** @throws NetError EADDRINUSE */
  openListener(binding: PortBinding, isDual: boolean, backlog: number, options: OpenOptions): TcpListener {
    binding.listen()
    const listener = new TcpListener(binding, isDual, backlog, options.sendBuffer, options.receiveBuffer)
    const others = this.listeners.get(binding.port)
    if (others === undefined) this.listeners.set(binding.port, [listener])
    // An address of its own goes before the wildcard.
    else if (binding.address.isUnspecified) others.push(listener)
    else others.unshift(listener)
    return listener
  }

  closeListener(listener: TcpListener): void {
    const rest = (this.listeners.get(listener.port) ?? []).filter((other) => other !== listener)
    if (rest.length === 0) this.listeners.delete(listener.port)
    else this.listeners.set(listener.port, rest)
    listener.close()
  }

  /** Takes a connection out of the table. */
  forget(connection: Connection): void {
    this.connections.remove(connection)
  }

  awaitPeersFin(tcb: Tcb, effects: Effects): void {
    awaitPeersFin(tcb, effects, this.settings)
  }

  /** Challenge ACKs a connection may send in a second: a number nobody can count on (RFC 5961 7, CVE-2016-5696). */
  challengeAllowance(): number {
    return 5 + (this.random.int32() & 7)
  }

  /** Prompt retransmission everywhere, after the link came back. */
  retryAll(): void {
    for (const connection of this.connections.list()) connection.retry()
  }

  clear(): void {
    this.timeWait.clear()
  }

  /** Whether a segment would find a connection, an old one or a listener here. */
  isHeld(network: Network, local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): boolean {
    return (
      this.connections.holder(network, local, localPort, remote, remotePort) !== null ||
      this.findListener(localPort, local) !== null ||
      this.timeWait.holder(network, local, localPort, remote, remotePort) !== null
    )
  }

  private isTupleFree(
    network: Network,
    local: IpAddress,
    port: number,
    remote: IpAddress,
    remotePort: number,
  ): boolean {
    if (this.connections.holder(network, local, port, remote, remotePort) !== null) return false
    const waiting = this.timeWait.holder(network, local, port, remote, remotePort)
    return waiting === null || this.timeWait.isReusable(waiting)
  }

  private createTcb(
    network: Network,
    path: Tcb['path'],
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    options: OpenOptions,
  ): Tcb {
    const { settings } = this
    const sum = network.pseudoSum(local, remote, PROTOCOL)
    const { sendBuffer, receiveBuffer } = options
    const tcb = new Tcb(network, path, local, localPort, remote, remotePort, sum, sendBuffer, receiveBuffer)
    tcb.ttl = network.hopLimit
    tcb.rto = settings.initialRtoMs
    tcb.lastHeardAt = this.nowMs
    if (settings.sack) tcb.flags |= OFFER_SACK
    if (settings.timestamps) tcb.flags |= OFFER_TIMESTAMPS
    if (settings.windowScale) {
      tcb.flags |= OFFER_SCALE
      tcb.rcvScale = shiftFor(Math.max(receiveBuffer, settings.largestWindow))
    }
    fitSegments(tcb)
    return tcb
  }

  private findListener(port: number, address: IpAddress): TcpListener | null {
    const candidates = this.listeners.get(port)
    if (candidates === undefined) return null
    for (const listener of candidates) if (listener.matches(address)) return listener
    return null
  }

  /** Of listeners that share a port, the one that gets a connection comes last at the next. */
  private takeTurn(listener: TcpListener | null): TcpListener | null {
    const others = listener === null ? null : (this.listeners.get(listener.port) as TcpListener[])
    if (listener === null || others === null || others.length === 1) return listener
    const own = others.indexOf(listener)
    const last = others.findLastIndex(({ address }) => address.equals(listener.address))
    if (last !== own) {
      others.splice(own, 1)
      others.splice(last, 0, listener)
    }
    return listener
  }

  /** RFC 9293 3.10.7.2 */
  private listen(
    listener: TcpListener,
    network: Network,
    local: IpAddress,
    remote: IpAddress,
    segment: Segment,
    before: TimeWaitEntry | null,
  ): void {
    const { flags } = segment
    if ((flags & TCP_RST) !== 0) {
      this.counters.drop('tcp.reset')
      return
    }
    if ((flags & TCP_ACK) !== 0) {
      this.counters.drop('tcp.ack')
      this.refuse(network, local, remote, segment)
      return
    }
    if ((flags & TCP_SYN) === 0 || (flags & TCP_FIN) !== 0) {
      this.counters.drop('tcp.listen')
      return
    }
    const path = network.findPath(remote)
    if (path === null) {
      this.counters.drop('tcp.route')
      return
    }
    if (this.connections.size >= this.settings.connections && !listener.giveWay(this.nowMs)) {
      this.counters.drop('tcp.limit')
      return
    }
    if (!listener.makeRoom(this.nowMs)) {
      this.counters.drop('tcp.backlog')
      return
    }
    const { destinationPort: localPort, sourcePort: remotePort } = segment
    const tcb = this.createTcb(network, path, local, localPort, remote, remotePort, listener)
    const connection = new Connection(this, tcb)
    const localKey = network.keyOf(local)
    const remoteKey = network.keyOf(remote)
    tcb.flags |= PASSIVE | (listener.noDelay ? NO_DELAY : 0)
    if (listener.ttl !== 0) tcb.ttl = listener.ttl
    tcb.state = SYN_RECEIVED
    const iss = this.secret.initialSequence(localKey, localPort, remoteKey, remotePort, this.clock.now)
    tcb.tsOffset = this.secret.timestampOffset
    beginAt(tcb, before === null ? iss : beyond(before, iss))
    tcb.irs = segment.seq
    tcb.rcvNxt = add(segment.seq, 1)
    tcb.rcvAdv = (tcb.rcvNxt + Math.min(tcb.rcvLimit, 0xffff)) | 0
    tcb.lastAckSent = tcb.rcvNxt
    tcb.sndWnd = segment.wnd
    tcb.maxSndWnd = segment.wnd
    tcb.sndWl1 = segment.seq
    tcb.sndWl2 = tcb.iss
    agree(tcb, segment, this.nowS)
    if (!this.connections.insert(connection)) {
      this.counters.drop('tcp.collision')
      return
    }
    if (before !== null) {
      this.timeWait.remove(before)
      this.counters.tcpTimeWaitReused++
    }
    this.counters.tcpPassiveOpens++
    listener.add(connection)
    if (listener.trace !== null) connection.traceTo(listener.trace)
    tcb.extras.trace?.arrived(segment)
    connection.wantOutput()
  }
}

/** Where a connection begins whose tuple is in TIME-WAIT: beyond all that the old one may have left in the network (RFC 9293 3.6.1). */
function beyond(before: TimeWaitEntry, iss: number): number {
  return distance(before.sndNxt, iss) <= 0x10000 ? add(before.sndNxt, 0x10001) : iss
}
