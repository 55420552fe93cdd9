/**
 * A TCP connection of the library behind a line of the shell.
 *
 * - The library never has more octets than its peer takes: when the window is full it forgets where it was.
 * - Small octets wait here, not there, while others are under way (RFC 9293 3.7.4).
 * - A socket of which the library told the end is never touched again: it is freed ten milliseconds later.
 *
 * @module
 */
import { type ErrorCode, NetError, type OptionName, Task } from '@ioth/core'
import { type Ends, TcpLine } from '@ioth/core/shell'
import {
  type Flow,
  type FlowObserver,
  mssOn,
  PeerWindow,
  PICO_EVENT_CLOSE,
  PICO_EVENT_CONNECTION,
  PICO_EVENT_ERROR,
  PICO_EVENT_FIN,
  PICO_EVENT_READ,
} from '@ioth/ffi'
import type { Device } from './device.ts'
import type { FdPicoEngine, SocketUser } from './engine.ts'
import { ESHUTDOWN } from './errno.ts'
import { LIBRARY_BUFFER } from './limits.ts'

/** On each of its segments, which are so much smaller (pico_tcp.c, tcp_options_size). */
const WINDOW_SCALE_OPTION = 4
/** What the library gives at once; one for all, as nothing in it is kept. */
const scratch = new Uint8Array(65_536)
/** Octets that nobody acknowledges for so long are given up: the library goes on for ever. */
const PATIENCE = 120_000_000

export class Connection extends TcpLine implements FlowObserver, SocketUser {
  readonly device: Device
  readonly ends: Ends
  /** The library's descriptor; -1: none yet, or none any more. */
  fd = -1
  /** Nothing more comes of it. */
  isOver = false
  private flow: Flow | null = null
  private peerWindow: PeerWindow | null = null
  private readonly engine: FdPicoEngine
  private noDelay: boolean
  private inside = -1
  private isDialing = false
  private isPaused = false
  /** Octets the library was given. */
  private given = 0
  /** Octets the library gave. */
  private taken = 0
  /** The program has closed. */
  private isFinishing = false
  private hasEnded = false
  /** When the peer last acknowledged something, or there was nothing to acknowledge. */
  private progressAt = 0
  private readonly work: Task

  constructor(engine: FdPicoEngine, device: Device, ends: Ends, noDelay: boolean) {
    super()
    this.engine = engine
    this.device = device
    this.ends = ends
    this.noDelay = noDelay
    this.work = new Task(() => this.worked())
  }

  /** Has the library connect. */
  dial(mac: Uint8Array): void {
    const { engine, device, ends } = this
    const { library } = engine
    const { local, localPort, remote, remotePort } = ends
    try {
      this.fd = engine.openSocket(local.family, 'tcp', this)
    } catch (error) {
      this.fail((error as NetError).code)
      return
    }
    this.inside = device.segments.ports.take(localPort)
    const flow = device.segments.flows.add(local, localPort, remote, remotePort)
    flow.locate(mac)
    device.segments.begin(flow, local, this.inside, remotePort)
    this.follow(flow)
    this.isDialing = true
    const isBegun =
      library.bind(this.fd, local, this.inside) === 0 && library.connect(this.fd, remote, remotePort) === 0
    if (isBegun) engine.touch()
    else this.fail('EHOSTUNREACH')
  }

  /** A listener of the library's had it. */
  opened(fd: number, flow: Flow, inside: number): void {
    this.fd = fd
    this.inside = inside
    this.engine.adopt(fd, this)
    this.follow(flow)
    // Octets may have come with the handshake.
    this.engine.soon(() => this.readable())
  }

  override get inFlight(): number {
    return this.given - (this.flow?.acknowledgedOctets ?? this.given)
  }

  override get isEndAcknowledged(): boolean {
    return this.flow?.finAcknowledged ?? false
  }

  // ---------- what the shell says ----------

  override pump(): void {
    const { user, flow, peerWindow, fd, engine, isDialing } = this
    if (fd < 0 || flow === null || peerWindow === null || this.isOver || isDialing) return
    const { outgoing } = user
    while (outgoing.length > 0) {
      const { inFlight } = this
      const length = peerWindow.room(outgoing.length, inFlight, LIBRARY_BUFFER)
      if (length === 0) return
      // Nagle: what does not fill a segment waits for the acknowledgement of what is under way.
      if (!this.noDelay && inFlight > 0 && length < peerWindow.segment && !user.isEnding) return
      const taken = engine.library.write(fd, outgoing.peek(length), length)
      if (taken < 0) {
        this.fail(flow.wasReset ? 'ECONNRESET' : 'EPIPE')
        return
      }
      if (taken === 0) return
      if (inFlight === 0) this.progressAt = engine.scheduler.clock.now
      this.given += taken
      outgoing.drop(taken)
      user.drained()
      engine.touch()
    }
    if (user.isEnding) flow.end(this.given)
  }

  override resume(): void {
    if (this.isPaused && this.user.room > 0) this.engine.soon(() => this.readable())
  }

  override finish(): void {
    this.isFinishing = true
    // What still comes is read, and is nobody's.
    this.resume()
    this.engine.scheduler.defer(this.work)
  }

  override reset(): void {
    if (this.isOver) return
    this.isOver = true
    this.abort()
    this.engine.soon(() => this.user.gone())
  }

  override set(name: OptionName, value: number): void {
    if (name !== 'noDelay') throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', name)
    this.noDelay = value === 1
    this.engine.scheduler.defer(this.work)
  }

  // ---------- what the library and the segments say ----------

  happened(events: number): void {
    if ((events & (PICO_EVENT_FIN | PICO_EVENT_ERROR)) !== 0) {
      this.libraryGone()
      return
    }
    if (this.isOver) return
    if ((events & PICO_EVENT_CONNECTION) !== 0 && this.isDialing) {
      this.isDialing = false
      this.user.connected()
    }
    if ((events & (PICO_EVENT_READ | PICO_EVENT_CLOSE)) !== 0) this.readable()
    this.worked()
  }

  acknowledged(): void {
    const { engine } = this
    if (this.flow === null || this.isOver) return
    this.progressAt = engine.scheduler.clock.now
    this.user.drained()
    engine.scheduler.defer(this.work)
  }

  /** An error of the network, while it is being made. */
  reported(code: ErrorCode): void {
    if (!this.isDialing || this.isOver) return
    const { flow } = this
    this.fail(code)
    flow?.resetLibrary()
  }

  /** The peer has reset it. */
  peerReset(): void {
    if (!this.isComplete) this.fail(this.isDialing ? 'ECONNREFUSED' : 'ECONNRESET')
  }

  /** All that the library holds, before it forgets it. */
  drain(): void {
    this.readable(true)
  }

  /** From the job: more can be sent, or it is over. */
  private worked(): void {
    if (this.isOver) return
    this.pump()
    const { flow } = this
    if (this.isOver || !this.isFinishing || flow === null) return
    if (flow.finAcknowledged || flow.wasReset) this.finished()
  }

  /** Time goes by. */
  beat(): void {
    if (this.fd < 0 || this.flow === null || this.isOver || this.isDialing) return
    const { now } = this.engine.scheduler.clock
    if (this.inFlight > 0 && now - this.progressAt > PATIENCE) this.fail('ETIMEDOUT')
    else this.worked()
  }

  /** The connection is lost, or was never made. */
  fail(code: ErrorCode): void {
    if (this.isOver) return
    this.isOver = true
    this.abort()
    this.engine.soon(() => this.user.failed(code))
  }

  // ---------- inside ----------

  /** Both sides have ended and said so: a RST, for something that came late, changes nothing. */
  private get isComplete(): boolean {
    return this.hasEnded && this.flow?.finAcknowledged === true
  }

  private follow(flow: Flow): void {
    const { scheduler } = this.engine
    const { clock } = scheduler
    const mss = mssOn(this.device.bridge.link.mtu, this.ends.local.family)
    this.flow = flow
    this.peerWindow = new PeerWindow(clock, flow, mss, WINDOW_SCALE_OPTION, () => scheduler.defer(this.work))
    flow.observer = this
    this.progressAt = clock.now
    this.engine.follow(flow, this)
  }

  /** @param isLast all is read that there is, whatever the program has room for. */
  private readable(isLast = false): void {
    const { engine, user, flow, fd } = this
    if (this.isOver || flow === null || fd < 0 || this.isDialing) return
    for (;;) {
      const room = isLast ? scratch.length : Math.min(user.room, scratch.length)
      if (room <= 0) {
        this.isPaused = true
        return
      }
      const count = engine.library.read(fd, scratch, room)
      if (count > 0) {
        this.taken += count
        user.received(scratch, 0, count)
        continue
      }
      const hasEnded = count < 0 && engine.library.error() === ESHUTDOWN
      if (hasEnded) this.peerEnded(flow)
      break
    }
    this.isPaused = false
    flow.announceRoom(this.taken, LIBRARY_BUFFER)
  }

  private peerEnded(flow: Flow): void {
    if (this.hasEnded) return
    this.hasEnded = true
    if (flow.peerOctets === this.taken) this.user.ended()
    else this.fail('ECONNRESET')
  }

  /** The library has freed its socket, or is about to. */
  private libraryGone(): void {
    const { fd, flow, engine, isDialing } = this
    this.fd = -1
    if (fd >= 0) engine.library.forget(fd)
    if (this.isOver || this.isComplete) return
    const wasReset = flow?.wasReset === true
    this.fail(isDialing ? (wasReset ? 'ECONNREFUSED' : 'ETIMEDOUT') : wasReset ? 'ECONNRESET' : 'ETIMEDOUT')
  }

  /** Both sides hear that it is over. */
  private abort(): void {
    const { flow, device } = this
    if (flow !== null && !flow.wasReset) {
      // What the library has sent by now tells the numbers that both sides believe.
      device.collect()
      flow.reset()
    }
    this.letGo()
  }

  /** Everything of it is acknowledged. */
  private finished(): void {
    this.isOver = true
    this.letGo()
    this.engine.soon(() => this.user.gone())
  }

  private letGo(): void {
    this.peerWindow?.close()
    const { fd, flow, engine, device, inside, ends } = this
    this.fd = -1
    this.inside = -1
    const release = (): void => {
      if (inside >= 0) device.segments.ports.release(inside)
    }
    if (fd >= 0) engine.closeSocket(fd, release)
    else release()
    if (flow !== null) engine.retire(device, flow, ends.remotePort)
  }
}
