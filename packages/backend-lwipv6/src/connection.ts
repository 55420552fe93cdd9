/**
 * A TCP connection of the library behind a line of the shell. The library's calls wait where they should not: so none is made that could.
 *
 * - It is given octets only while half of its send buffer is free, and no more than that half; and no more segments than its queue holds, by
 *   what the peer acknowledged, as the segments on the wire show. Where it has to wait inside a send, octets get lost: an error of the write
 *   is overwritten by the arrival of a segment (`api_msg.c`, do_write and recv_tcp).
 * - It is given octets only when it has seen every acknowledgement of the connection that went into it (`fence.ts`).
 * - It is given no more octets than its peer takes: a segment that does not fit into the window stops it (`tcp_out.c`, tcp_output).
 * - Small octets wait here, not there, while others are under way (RFC 9293 3.7.4): it would only hold them, each in a segment of its own.
 *
 * @module
 */
import { NetError, type OptionName, Task } from '@ioth/core'
import { type Ends, TcpLine } from '@ioth/core/shell'
import { type Flow, type FlowObserver, lastErrno, mssOn, PeerWindow } from '@ioth/ffi'
import type { Device } from './device.ts'
import type { LwipEngine } from './engine.ts'
import { streamError } from './errno.ts'
import { SEND_CHUNK, SEND_SEGMENTS, SEND_WINDOW, WIRE_WINDOW } from './limits.ts'
import type { Watched } from './readiness.ts'

const MSG_DONTWAIT = 0x40
/** Octets under way whose end is not yet acknowledged, and the segments they are in. */
interface Sent {
  readonly end: number
  readonly segments: number
}

/** What the library gives at once; one for all, as nothing in it is kept. */
const scratch = new Uint8Array(65_536)

export class Connection extends TcpLine implements FlowObserver, Watched {
  readonly device: Device
  readonly ends: Ends
  /** When it was begun, in microseconds. */
  readonly since: number
  /** The library's descriptor; -1: none yet, or none any more. */
  fd = -1
  isPaused = false
  isBlocked = false
  /** The hardware address it is dialed to. */
  mac: Uint8Array = new Uint8Array(6)
  /** Its connect is waited for in a thread. */
  isDialing = false
  private flow: Flow | null = null
  private peerWindow: PeerWindow | null = null
  private readonly engine: LwipEngine
  /** Octets the library was given. */
  private given = 0
  /** Octets the library gave. */
  private taken = 0
  private segments = 0
  private sent: Sent[] = []
  /** The last acknowledgement that went into the library, by its number at the fence, and the octets that came with it. */
  private news = { number: 0, octets: 0 }
  /** Segments that wait until the library has seen those before them; null: none has to. */
  private held: { readonly frame: Uint8Array; readonly hasNews: boolean; readonly payload: number }[] | null = null
  private entered = 0
  /** Octets are under way. */
  private isBusy = false
  /** The program has closed. */
  private isFinishing = false
  private hasEnded = false
  /** Nothing more comes of it. */
  isOver = false
  private readonly work: Task

  constructor(engine: LwipEngine, device: Device, ends: Ends) {
    super()
    this.engine = engine
    this.device = device
    this.ends = ends
    this.since = engine.scheduler.clock.now
    this.work = new Task(() => this.worked())
  }

  /** The library has it: by a connect of ours, or by a listener. */
  opened(fd: number, flow: Flow): void {
    this.fd = fd
    this.follow(flow)
    this.engine.readiness.add(this)
  }

  /** The flow by which its segments are known. */
  follow(flow: Flow): void {
    if (this.flow === flow) return
    const { scheduler } = this.engine
    const mss = mssOn(this.device.bridge.link.mtu, this.ends.local.family)
    this.flow = flow
    this.peerWindow = new PeerWindow(scheduler.clock, flow, mss, 0, () => scheduler.defer(this.work))
    flow.observer = this
  }

  override get inFlight(): number {
    return this.given - (this.flow?.acknowledgedOctets ?? this.given)
  }

  override get isEndAcknowledged(): boolean {
    return this.flow?.finAcknowledged ?? false
  }

  // ---------- what the shell says ----------

  override pump(): void {
    const { user, flow, peerWindow, fd, engine } = this
    if (fd < 0 || flow === null || peerWindow === null || this.isOver || this.isBlocked) return
    const { outgoing } = user
    while (outgoing.length > 0) {
      const { inFlight } = this
      const most = Math.min((SEND_SEGMENTS - this.segments - 1) * flow.peerMss, SEND_CHUNK)
      const length = peerWindow.room(outgoing.length, inFlight, Math.min(this.window, inFlight + most))
      if (length === 0) return
      // Nagle: what does not fill a segment waits for the acknowledgement of what is under way.
      if (inFlight > 0 && length < peerWindow.segment && length < SEND_WINDOW / 2 && !user.isEnding) return
      if (!engine.readiness.hasRoom(this)) {
        this.isBlocked = true
        return
      }
      if (!this.isSeen) {
        if (this.held === null) this.device.fence.wait(this.seen)
        this.held ??= []
        return
      }
      const taken = engine.lwip.send(fd, outgoing.peek(length), length, 0)
      if (taken < 0) {
        this.fail(flow.wasReset ? 'ECONNRESET' : streamError(lastErrno()))
        return
      }
      this.given += taken
      this.setBusy(true)
      const segments = Math.ceil(taken / flow.peerMss)
      this.segments += segments
      this.sent.push({ end: this.given, segments })
      outgoing.drop(taken)
      user.drained()
      if (taken < length) return
    }
    if (user.isEnding) flow.end(this.given)
  }

  /** Whether the library has seen the last acknowledgement that went into it: because of the fence, or as its octets have come out. */
  private get isSeen(): boolean {
    const { number, octets } = this.news
    return this.device.fence.hasSeen(number) || (octets > 0 && this.taken >= octets)
  }

  private readonly seen = (): void => {
    if (!this.isSeen && !this.isOver) {
      this.device.fence.wait(this.seen)
      return
    }
    this.worked()
    const held = this.held ?? []
    this.held = null
    for (const { frame, hasNews, payload } of held) {
      if (this.entering(frame, frame.length, hasNews, payload)) this.device.bridge.toLibrary(frame)
    }
  }

  /**
   * A segment of the peer's on its way into the library.
   * @param hasNews whether it acknowledges more than those before, or is a RST.
   * @returns whether it goes on now; else it is kept, and goes when it may.
   */
  entering(frame: Uint8Array, length: number, hasNews: boolean, payload: number): boolean {
    if (this.held !== null) {
      this.held.push({ frame: frame.slice(0, length), hasNews, payload })
      return false
    }
    if (hasNews) this.news = { number: this.device.fence.enter(), octets: payload > 0 ? this.entered + payload : 0 }
    this.entered += payload
    return true
  }

  override resume(): void {
    if (this.isPaused && this.user.room > 0) this.engine.readiness.again(this)
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
    this.flow?.reset()
    this.letGo()
    this.engine.soon(() => this.user.gone())
  }

  override set(name: OptionName): void {
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', name)
  }

  // ---------- what the library and the segments say ----------

  readable(): void {
    const { engine, fd, user, flow } = this
    if (this.isOver || flow === null) return
    for (;;) {
      const { room } = user
      if (room <= 0) {
        this.isPaused = true
        return
      }
      const count = engine.lwip.recv(fd, scratch, Math.min(room, scratch.length), MSG_DONTWAIT)
      if (count > 0) {
        this.taken += count
        user.received(scratch, 0, count)
        continue
      }
      if (count < 0) {
        flow.unread = 0
        if (flow.wasReset) this.fail('ECONNRESET')
        return
      }
      if (flow.wasReset) this.fail('ECONNRESET')
      else this.peerEnded(flow)
      return
    }
  }

  writable(): void {
    this.isBlocked = false
    this.engine.scheduler.defer(this.work)
  }

  acknowledged(): void {
    const { flow } = this
    if (flow === null || this.isOver) return
    const { acknowledgedOctets } = flow
    while (this.sent[0] !== undefined && this.sent[0].end <= acknowledgedOctets) {
      this.segments -= (this.sent.shift() as Sent).segments
    }
    if (this.inFlight === 0) this.setBusy(false)
    this.user.drained()
    this.engine.scheduler.defer(this.work)
  }

  /** From the job: more can be sent, or it is over. */
  worked(): void {
    if (this.isOver) return
    this.pump()
    const { flow } = this
    if (!this.isFinishing || flow === null) return
    // Not before the peer has everything: with anything in its queues the library may end a connection by a RST.
    if (flow.finAcknowledged || flow.wasReset) this.over()
  }

  /** The connection is lost, or was never made. */
  fail(code: Parameters<TcpLine['user']['failed']>[0]): void {
    if (this.isOver) return
    this.isOver = true
    this.letGo()
    this.engine.soon(() => this.user.failed(code))
  }

  private peerEnded(flow: Flow): void {
    this.isPaused = true
    if (this.hasEnded) return
    this.hasEnded = true
    // The library ends a stream also when it gave up on it: its end is not that of what the peer sent then.
    if (flow.peerOctets === this.taken) this.user.ended()
    else this.fail(flow.peerOctets < 0 ? 'ETIMEDOUT' : 'ECONNRESET')
  }

  /** Everything of it is acknowledged. */
  private over(): void {
    this.isOver = true
    // The library would drop them, and say nothing.
    if (this.flow !== null) this.flow.isClosed = true
    this.letGo()
    this.engine.soon(() => this.user.gone())
  }

  private letGo(): void {
    this.peerWindow?.close()
    if (!this.isDialing) this.closeDescriptor()
    this.outgoingDropped()
    if (this.flow !== null) this.engine.retire(this.device, this.flow)
  }

  private outgoingDropped(): void {
    this.sent = []
    this.segments = 0
    this.setBusy(false)
  }

  /** Octets that may be under way: as much as the library takes, or a share of what its wire takes, but two segments at least. */
  private get window(): number {
    const { busy } = this.engine
    const share = WIRE_WINDOW / (this.isBusy ? busy : busy + 1)
    return Math.min(SEND_WINDOW, Math.max(share, 2 * (this.flow?.peerMss ?? 0)))
  }

  private setBusy(isBusy: boolean): void {
    if (isBusy === this.isBusy) return
    this.isBusy = isBusy
    this.engine.busy += isBusy ? 1 : -1
  }

  private closeDescriptor(): void {
    const { fd } = this
    this.fd = -1
    if (fd >= 0) this.engine.closeSocket(fd)
  }
}
