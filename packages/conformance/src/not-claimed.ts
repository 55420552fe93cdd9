/**
 * A test that turns out to need what the manifest does not claim is left out, visibly: one that waits for minutes or hours of its network's
 * time cannot be held on the host's clock, and one that uses what is not implemented says nothing about the rest.
 *
 * @module
 */
import type { Capabilities } from '@ioth/core'

/** The longest that a test waits on the host's clock, in milliseconds. */
export const LONGEST_REAL_WAIT = 20_000

/** Thrown by a test. */
export class NotClaimed extends Error {
  /** The line of the manifest, and what it means for this test. */
  readonly claim: string

  constructor(claim: string) {
    super(`the manifest says ${claim}`)
    this.claim = claim
  }
}

export class NeedsVirtualTime extends NotClaimed {
  constructor(milliseconds: number) {
    super(`virtualTime: false; it waits ${Math.round(milliseconds / 1000)} s of its network's time`)
  }
}

/** The call that an ERR_IOTH_NOT_IMPLEMENTED is about, and the line of the manifest that does not claim it. */
const MISSING: readonly (readonly [string, (manifest: Manifest) => boolean, string])[] = [
  ['send', ({ udp }) => udp !== 'full', 'udp: connected'],
  ['ping', ({ ping }) => !ping, 'ping: false'],
  ['SLAAC', ({ slaac }) => slaac !== true, 'slaac: false'],
]

type Manifest = Pick<Capabilities, 'udp' | 'ping' | 'slaac'>

/** What a failure comes from, when that is something that one of these manifests does not claim. */
export function notClaimed(error: unknown, manifests: readonly Manifest[] = []): NotClaimed | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof NotClaimed) return cause
    const { code, syscall } = cause as { code?: string; syscall?: string } & Error
    if (code !== 'ERR_IOTH_NOT_IMPLEMENTED') continue
    for (const [missing, lacks, claim] of MISSING) {
      if (missing === syscall && manifests.some(lacks)) return new NotClaimed(claim)
    }
  }
  return null
}
