/**
 * What the library keeps of a connection when its socket was closed: octets and a FIN that are not acknowledged, a peer that has not closed,
 * and the memory of its end. The library's own pointer is good until it says that it is done; then it must never be used again.
 *
 * @module
 */
import type { PortBinding } from '@ioth/core'
import {
  PICO_EVENT_CLOSE,
  PICO_EVENT_CONNECTION,
  PICO_EVENT_ERROR,
  PICO_EVENT_FIN,
  PICO_EVENT_READ,
  PICO_EVENT_WRITE,
} from '@ioth/ffi'
import type { Pointer } from '../bindings.ts'
import { PicoUser } from '../engine.ts'
import { ECONNRESET } from '../errno.ts'
import type { Flow, FlowOwner } from '../flows.ts'
import { HALF_CLOSED_MS, TIME_WAIT_MS } from '../limits.ts'
import type { SocketHost } from './endpoint.ts'
import type { Outbox } from './outbox.ts'

/** How long the last word of a finished connection may take, once it was asked for. */
const LAST_WORD_US = 1_000_000
/** Each comes twice as long after the one before; these take four seconds. */
const MOST_FINS = 3

export class Remains extends PicoUser implements FlowOwner {
  readonly flow: Flow | null
  private readonly host: SocketHost
  private readonly socket: Pointer
  private readonly binding: PortBinding | null
  /** What still has to go, before the FIN. */
  private readonly outbox: Outbox
  private until: number
  /** The FIN has left. */
  private isShut: boolean
  /** The connection is over; only the memory of it is left. */
  private isFinished: boolean
  private isHolding = false

  constructor(
    host: SocketHost,
    socket: Pointer,
    flow: Flow | null,
    binding: PortBinding | null,
    isFinished: boolean,
    outbox: Outbox,
    isShut: boolean,
  ) {
    super()
    this.host = host
    this.socket = socket
    this.flow = flow
    this.binding = binding
    this.outbox = outbox
    this.isFinished = isFinished
    this.isShut = isShut
    this.until = host.scheduler.clock.now + (isFinished ? memoryOf(flow) : HALF_CLOSED_MS * 1000)
    host.remains.add(this)
    host.engine.replace(socket, this)
    if (flow !== null) host.flows.own(flow, this)
    if (!isFinished) host.engine.beforeTick(this)
    if (this.isLingering) {
      this.isHolding = true
      host.scheduler.hold()
    }
  }

  /** Whether octets or a FIN wait for their acknowledgement. A FIN alone is not waited for when nobody answered it several times. */
  get isLingering(): boolean {
    const { flow, outbox } = this
    if (this.isFinished || flow?.isOver === true) return false
    if (outbox.length > 0) return true
    if (flow === null) return false
    if (flow.finAt === null) return flow.inFlight > 0 || flow.isEnding
    return flow.inFlight > (flow.finCount > MOST_FINS ? 1 : 0)
  }

  get isDeaf(): boolean {
    return !this.isFinished
  }

  override happened(events: number, code: number): void {
    const { host, flow } = this
    if ((events & PICO_EVENT_ERROR) !== 0) this.done()
    else if ((events & PICO_EVENT_FIN) !== 0) {
      if (this.isFinished || code === ECONNRESET || flow?.isOver === true) this.done()
      else this.finished()
    } else if (this.isFinished) return
    else if ((events & (PICO_EVENT_READ | PICO_EVENT_CONNECTION)) !== 0) {
      // Octets for nobody, or a connection that nobody wants any more (RFC 9293 3.6.1).
      if (flow === null || !host.reset(flow)) this.shut()
    } else if ((events & PICO_EVENT_CLOSE) !== 0 && this.isShut && flow?.isComplete === true) this.finished()
    else if ((events & PICO_EVENT_WRITE) !== 0) this.beforeTick()
  }

  /** {@link FlowOwner} */
  acknowledgedMore(): void {
    if (this.isShut && this.flow?.isComplete === true) this.finished()
    else if (!this.isShut) this.host.engine.beforeTick(this)
  }

  /** Gives the library what is left, and then the end. */
  override beforeTick(): void {
    const { host, socket, outbox, flow } = this
    if (this.isFinished || this.isShut || flow?.isOver === true) return
    this.wantsRoom = outbox.feed(flow, false, (octets) => host.pico.write(socket, octets, octets.length))
    if (outbox.length === 0) this.shut()
  }

  private shut(): void {
    if (this.isShut) return
    const { host, flow } = this
    if (flow === null || !host.sendFin(flow)) {
      // The library puts its FIN before octets that it has not sent yet.
      if (flow !== null && flow.unacknowledged > 0) return
      host.pico.close(this.socket)
    }
    this.isShut = true
    host.engine.touch()
  }

  /** Looks whether its time is over. */
  check(now: number): void {
    this.letGo()
    const { host, flow } = this
    // Given up while it was being opened, before its SYN had left; or reset, and the library had more to say at that moment.
    const isUnwanted = flow !== null && !this.isFinished && flow.isSent && !flow.isSynchronised
    if (flow !== null && (flow.isOver || isUnwanted)) host.reset(flow, this.isFinished)
    if (!this.isFinished && this.isShut && flow?.isComplete === true) this.finished()
    if (now < this.until) return
    this.until = now + LAST_WORD_US
    // The library would remember it for much longer.
    if (flow === null || flow.isOver || !host.reset(flow, this.isFinished)) this.done()
  }

  /** The stack closes: nothing is waited for. */
  abandon(): void {
    this.outbox.clear()
    if (this.flow !== null) this.host.reset(this.flow, this.isFinished)
  }

  private finished(): void {
    if (this.isFinished) return
    this.isFinished = true
    this.until = this.host.scheduler.clock.now + memoryOf(this.flow)
    this.letGo()
  }

  private letGo(): void {
    if (!this.isHolding || this.isLingering) return
    this.isHolding = false
    this.host.scheduler.release()
  }

  /** The library has nothing of it any more. */
  done(): void {
    const { host, flow } = this
    if (!host.remains.delete(this)) return
    this.isFinished = true
    this.letGo()
    host.engine.forget(this.socket, true)
    if (flow !== null) host.flows.remove(flow)
    this.binding?.release()
  }
}

/** How long a finished connection is remembered, in microseconds: who ended first may hear the other's FIN again (TIME-WAIT). */
function memoryOf(flow: Flow | null): number {
  return flow?.peerEndedFirst === true ? 0 : TIME_WAIT_MS * 1000
}
