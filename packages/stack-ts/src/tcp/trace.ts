/**
 * What happens to one connection, for people who look for a fault: its segments, its states, its timers. A connection that nobody
 * traces pays one comparison a segment.
 *
 * @module
 */
import { type EventQueue, type IpAddress, TCP_ACK, TCP_SYN } from '@ioth/core'
import type { Segment } from './segment.ts'
import { CLOSED, stateName } from './state.ts'
import {
  type Tcb,
  TIMER_DELAYED_ACK,
  TIMER_HOLD,
  TIMER_KEEP_ALIVE,
  TIMER_LINGER,
  TIMER_PERSIST,
  TIMER_RETRANSMIT,
} from './tcb.ts'

interface TraceBase {
  /** Microseconds of the stack's clock. */
  readonly time: number
  /** Both ends, as `10.0.0.1:80` and `[fc00::1]:80`. */
  readonly local: string
  readonly remote: string
}

/** A segment that was taken in hand, valid or not, or left. */
export interface TracedSegment extends TraceBase {
  readonly kind: 'in' | 'out'
  /** `SYN,ACK` */
  readonly flags: string
  readonly sequence: number
  readonly acknowledgment: number
  /** Octets, the scale applied. */
  readonly window: number
  /** Octets of text. */
  readonly length: number
}

/** A change of state; the names are those of RFC 9293. */
export interface TracedState extends TraceBase {
  readonly kind: 'state'
  readonly from: string
  readonly to: string
}

/** A timer that expired. */
export interface TracedTimer extends TraceBase {
  readonly kind: 'timer'
  readonly timer: 'retransmit' | 'persist' | 'delayed-ack' | 'keep-alive' | 'linger' | 'hold' | 'other'
}

export type TraceEvent = TracedSegment | TracedState | TracedTimer

const FLAG_NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR']
const TIMERS: readonly (readonly [number, TracedTimer['timer']])[] = [
  [TIMER_RETRANSMIT, 'retransmit'],
  [TIMER_PERSIST, 'persist'],
  [TIMER_DELAYED_ACK, 'delayed-ack'],
  [TIMER_KEEP_ALIVE, 'keep-alive'],
  [TIMER_LINGER, 'linger'],
  [TIMER_HOLD, 'hold'],
]

/** The trace of one connection. */
export class Trace {
  private readonly tcb: Tcb
  private readonly events: EventQueue<TraceEvent>
  private state: number = CLOSED

  constructor(tcb: Tcb, events: EventQueue<TraceEvent>) {
    this.tcb = tcb
    this.events = events
  }

  /** A segment came. */
  arrived({ flags, seq, ack, wnd, textLength }: Segment): void {
    const window = (flags & TCP_SYN) === 0 ? wnd << this.tcb.sndScale : wnd
    this.segment('in', flags, seq, ack, window, textLength)
  }

  /** A segment leaves. @param window as its header tells it. */
  left(sequence: number, flags: number, length: number, window: number): void {
    const scaled = (flags & TCP_SYN) === 0 ? window << this.tcb.rcvScale : window
    this.segment('out', flags, sequence, (flags & TCP_ACK) === 0 ? 0 : this.tcb.rcvNxt, scaled, length)
  }

  /** Something happened that may have changed the state. */
  settled(): void {
    const { state } = this.tcb
    if (state === this.state) return
    this.events.emit({ kind: 'state', ...this.base(), from: stateName(this.state), to: stateName(state) })
    this.state = state
  }

  /** A timer expired. @param timer its bit. */
  expired(timer: number): void {
    const name = TIMERS.find(([bit]) => bit === timer)?.[1] ?? 'other'
    this.events.emit({ kind: 'timer', ...this.base(), timer: name })
  }

  private segment(
    kind: 'in' | 'out',
    flags: number,
    sequence: number,
    acknowledgment: number,
    window: number,
    length: number,
  ): void {
    this.events.emit({
      kind,
      ...this.base(),
      flags: FLAG_NAMES.filter((_, bit) => (flags & (1 << bit)) !== 0).join(','),
      sequence: sequence >>> 0,
      acknowledgment: acknowledgment >>> 0,
      window,
      length,
    })
  }

  private base(): TraceBase {
    const { local, localPort, remote, remotePort } = this.tcb
    return {
      time: this.events.scheduler.clock.now,
      local: formatEnd(local, localPort),
      remote: formatEnd(remote, remotePort),
    }
  }
}

function formatEnd(address: IpAddress, port: number): string {
  return address.family === 6 ? `[${address}]:${port}` : `${address}:${port}`
}

/** An event as one line. */
export function formatTrace(event: TraceEvent): string {
  const head = `${(event.time / 1_000_000).toFixed(6)} ${event.local}`
  if (event.kind === 'state') return `${head} ${event.from} -> ${event.to}`
  if (event.kind === 'timer') return `${head} timer ${event.timer}`
  const { flags, sequence, acknowledgment, window, length } = event
  const numbers = `${flags} seq ${sequence} ack ${acknowledgment} win ${window} len ${length}`
  return `${head} ${event.kind === 'in' ? '<' : '>'} ${event.remote} ${numbers}`
}
