/**
 * A test that waits for minutes or hours of its network's time cannot be held on the host's clock: it is left out, visibly.
 *
 * @module
 */

/** The longest that a test waits on the host's clock, in milliseconds. */
export const LONGEST_REAL_WAIT = 20_000

export class NeedsVirtualTime extends Error {
  constructor(milliseconds: number) {
    super(
      `it waits ${Math.round(milliseconds / 1000)} s of its network's time, and the manifest says virtualTime: false`,
    )
  }
}

/** The cause of a failure, when it is that. */
export function needsVirtualTime(error: unknown): NeedsVirtualTime | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof NeedsVirtualTime) return cause
  }
  return null
}
