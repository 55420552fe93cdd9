/**
 * Time and randomness as they are handed in. No code below the public index asks the host for either.
 *
 * @module
 */

/** Unpredictable octets in production, seeded ones in tests. */
export interface Random {
  /** Fills the whole array. */
  fill(into: Uint8Array): void
  /** A uniformly distributed signed 32-bit integer. */
  int32(): number
}

/**
 * A timer that its owner embeds and makes once. Arming and disarming allocate nothing.
 *
 * A timer never fires before its time, and never keeps a process alive.
 */
export abstract class Timer {
  /** When it fires, in microseconds of the clock; meaningful while {@link armed}. */
  at = 0
  /** Whether it stands in a clock's queue. */
  armed = false
  /** @internal place in the clock's queue */
  index = -1
  /** @internal order of arming, so that timers of one instant fire in a fixed order */
  order = 0

  /** What to do. Runs inside a turn; must not run user code. */
  abstract fire(): void
}

/** Monotone time in whole microseconds. */
export interface Clock {
  /** Microseconds since an arbitrary origin, read once per turn: the same value all through a turn. */
  readonly now: number
  /** Arms the timer for an absolute time; re-arming moves it. */
  arm(timer: Timer, at: number): void
  /** Takes the timer back; nothing happens when it is not armed. */
  disarm(timer: Timer): void
}
