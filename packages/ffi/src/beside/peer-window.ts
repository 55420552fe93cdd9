/**
 * What the window of a peer leaves for octets that wait beside a library. Libraries are given no more than that: some forget where they were
 * when it is full, some send nothing while a segment does not fit. So they have nothing to ask for when it is shut, either; that is done here.
 *
 * @module
 */
import { type Clock, Timer } from '@ioth/core'
import type { Flow } from './flow.ts'

/**
 * A window that is shut is asked for, and what is left of one is used, after the first, in microseconds; then at doubled intervals, up to the
 * last.
 */
const FIRST_WAIT = 200_000
const LAST_WAIT = 5_000_000

type Offer = Pick<Flow, 'peerWindow' | 'peerMss' | 'acceptance' | 'probe'>

export class PeerWindow extends Timer {
  private readonly clock: Clock
  private readonly flow: Offer
  private readonly mss: number
  private readonly options: number
  private readonly again: () => void
  private wait = FIRST_WAIT
  /** What waits has waited long enough for a window that is worth it. */
  private isOverdue = false

  /**
   * @param mss what the link takes in a segment, whatever the peer would. @param options octets of options in each segment of the library's.
   * @param again asks for {@link room} once more.
   */
  constructor(clock: Clock, flow: Offer, mss: number, options: number, again: () => void) {
    super()
    this.clock = clock
    this.flow = flow
    this.mss = mss
    this.options = options
    this.again = again
  }

  /**
   * How many octets the library is given now: all that wait, or full segments of them. When there is no room for one, then half of what the
   * peer ever offered, or after a while less (RFC 9293 3.8.6.2.1).
   * @param waiting how many there are. @param inFlight how many are under way. @param most how many the library takes, those counted.
   */
  room(waiting: number, inFlight: number, most: number): number {
    const { flow, segment } = this
    const room = Math.min(waiting, Math.min(flow.peerWindow, most) - inFlight)
    const isWorth = room === waiting || room >= flow.acceptance.widestWindow / 2 || this.isOverdue
    const length = room > segment && room < waiting ? room - (room % segment) : room
    if (length > 0 && (length >= segment || isWorth)) {
      this.close()
      return length
    }
    // The acknowledgement of what is under way has the next window.
    if (inFlight === 0 && waiting > 0 && !this.armed) this.clock.arm(this, this.clock.now + this.wait)
    return 0
  }

  /** Octets of a full segment. */
  get segment(): number {
    return Math.max(1, Math.min(this.flow.peerMss, this.mss) - this.options)
  }

  /** Nothing waits any more. */
  close(): void {
    this.isOverdue = false
    this.wait = FIRST_WAIT
    this.clock.disarm(this)
  }

  override fire(): void {
    this.wait = Math.min(this.wait * 2, LAST_WAIT)
    // RFC 9293 3.8.6.1
    if (this.flow.peerWindow === 0) this.flow.probe()
    else this.isOverdue = true
    this.again()
  }
}
