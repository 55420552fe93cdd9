/**
 * CUBIC (RFC 9438): after a loss the window goes back quickly to where the loss was, stays there for a while, then looks for more, by the
 * clock and not by round trips; never less than Reno would take (4.3). Octets where the RFC counts segments.
 *
 * @module
 */
import { extrasOf, type Tcb } from '../tcb.ts'
import { type CongestionController, isWindowUsed, LARGEST_WINDOW, restartWindow, slowStart } from './controller.ts'

/** C, in segments per cubic second. */
const SCALING = 0.4
/** What is left of the window after a loss. */
const BETA = 0.7
/** Additive increase that is as fair as Reno's with this {@link BETA} (4.3). */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA)

/** Made when a connection first leaves slow start. */
export class CubicState {
  /** The window before the last reduction: W_max. Then as it is after fast convergence. */
  wMax = 0
  priorWMax = 0
  /** cwnd before the last reduction: from there on Reno grows by a whole segment (4.3). */
  cwndPrior = 0
  /** Seconds from the beginning of the epoch to W_max. */
  k = 0
  /** When this stage of congestion avoidance began, in milliseconds; not yet: false. */
  hasEpoch = false
  epochAt = 0
  /** When cwnd could last have grown. */
  grownAt = 0
  /** The window Reno would have. */
  wEstimate = 0
  /** Parts of an octet by which cwnd has still to grow. */
  credit = 0
}

function stateOf(tcb: Tcb): CubicState {
  if (tcb.extras.cubic === null) extrasOf(tcb).cubic = new CubicState()
  return tcb.extras.cubic as CubicState
}

export const cubic: CongestionController = {
  name: 'cubic',

  onAck(tcb: Tcb, acknowledged: number, inFlight: number, nowMs: number): void {
    const isUsed = isWindowUsed(tcb, inFlight)
    if (tcb.cwnd < tcb.ssthresh) {
      if (isUsed) slowStart(tcb, acknowledged)
      return
    }
    const state = stateOf(tcb)
    if (!state.hasEpoch) beginEpoch(tcb, state, nowMs)
    if (!isUsed) {
      // Time in which the program, not the network, was the limit does not count (5.8).
      state.epochAt = (state.epochAt + nowMs - state.grownAt) | 0
      state.grownAt = nowMs
      return
    }
    state.grownAt = nowMs
    avoidCongestion(tcb, state, acknowledged, nowMs)
  },

  onLoss(tcb: Tcb, inFlight: number): void {
    reduce(tcb, inFlight)
  },

  onTimeout(tcb: Tcb, inFlight: number, first: boolean): void {
    if (first) reduce(tcb, inFlight)
    tcb.cwnd = tcb.mss
  },

  onUndo(tcb: Tcb): void {
    const state = stateOf(tcb)
    state.wMax = state.priorWMax
    state.hasEpoch = false
  },

  onIdle(tcb: Tcb, idleMs: number): void {
    restartWindow(tcb)
    const { cubic: state } = tcb.extras
    if (state === null) return
    state.epochAt = (state.epochAt + idleMs) | 0
    state.grownAt = (state.grownAt + idleMs) | 0
  },
}

/** 4.2: from here to W_max in K seconds. */
function beginEpoch(tcb: Tcb, state: CubicState, nowMs: number): void {
  state.hasEpoch = true
  state.epochAt = nowMs
  state.grownAt = nowMs
  state.wEstimate = tcb.cwnd
  if (tcb.cwnd < state.wMax) {
    state.k = Math.cbrt((state.wMax - tcb.cwnd) / (SCALING * tcb.mss))
  } else {
    // After slow start without a loss, or beyond the last one.
    state.k = 0
    state.wMax = tcb.cwnd
  }
  state.credit = 0
}

/** 4.2 to 4.5 */
function avoidCongestion(tcb: Tcb, state: CubicState, acknowledged: number, nowMs: number): void {
  const { cwnd, mss } = tcb
  const seconds = ((nowMs - state.epochAt) | 0) / 1000
  const alpha = state.wEstimate < state.cwndPrior ? ALPHA : 1
  state.wEstimate = Math.min(state.wEstimate + (alpha * acknowledged * mss) / cwnd, LARGEST_WINDOW)
  if (windowAt(state, seconds, mss) < state.wEstimate) {
    tcb.cwnd = Math.max(cwnd, Math.floor(state.wEstimate))
    return
  }
  const target = Math.min(Math.max(windowAt(state, seconds + tcb.srtt / 1e6, mss), cwnd), 1.5 * cwnd)
  state.credit += (target - cwnd) * (acknowledged / cwnd)
  const whole = Math.floor(state.credit)
  state.credit -= whole
  tcb.cwnd = Math.min(cwnd + whole, LARGEST_WINDOW)
}

/** W_cubic(t) */
function windowAt(state: CubicState, seconds: number, mss: number): number {
  return state.wMax + SCALING * mss * (seconds - state.k) ** 3
}

/** 4.6, 4.7 */
function reduce(tcb: Tcb, inFlight: number): void {
  const state = stateOf(tcb)
  state.priorWMax = state.wMax
  // Fast convergence: a flow that was already below its last maximum makes room for others.
  state.wMax = tcb.cwnd < state.wMax ? (tcb.cwnd * (1 + BETA)) / 2 : tcb.cwnd
  state.cwndPrior = tcb.cwnd
  state.hasEpoch = false
  tcb.ssthresh = Math.max(Math.floor(inFlight * BETA), 2 * tcb.mss)
}
