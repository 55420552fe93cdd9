/**
 * The short profile: what a backend that lives on the host's clock is held against each time its tests run, in a minute or so. What has
 * settled is looked at; nothing sleeps, and nothing is measured.
 *
 * @module
 */
import { type Subject, Suite } from '../suite.ts'
import { capabilities } from '../suites/capabilities.ts'
import { namesOfAllTests } from '../test-stack.ts'
import { describeWhereUsable } from '../where-usable.ts'
import { backpressure } from './backpressure.ts'
import { datagrams } from './datagrams.ts'
import { hostileCorpus } from './hostile-corpus.ts'
import { leftovers } from './leftovers.ts'
import type { LineName, Profile } from './lines.ts'
import { programs } from './programs.ts'
import { streams } from './streams.ts'

export interface RealTimeOptions {
  /** @default a sound one, and one that loses, reorders and doubles frames */
  readonly lines?: readonly LineName[]
  /** Runs of each property on each line, over each family. @default 2 */
  readonly runs?: number
  /** Hostile frames; 0: none. @default 2000 */
  readonly frames?: number
}

const BOTH: readonly LineName[] = ['a sound line', 'a line that loses, reorders and doubles frames']

/**
 * Registers the short profile (the manifest, P-01, P-02, P-08, P-10, P-11, P-14, P-22, P-23, P-25) for a backend, or for a pair of backends,
 * with vitest. With a peer that is another backend, both are compared (P-25). What the manifests do not claim is a skip that says so.
 */
export function testRealTime(subject: Omit<Subject, 'time'>, options: RealTimeOptions = {}): void {
  const { lines = BOTH, runs = 2, frames = 2000 } = options
  const { name, backend, peer = backend } = subject
  describeWhereUsable(name, [backend, peer], () => {
    const suite = new Suite({ ...subject, time: 'real' })
    const profile: Profile = { lines, runs }
    if (!suite.families.includes(6)) suite.notClaimed('all of this over IPv6', 'ipv6: false')
    capabilities(suite)
    streams(suite, profile)
    backpressure(suite)
    leftovers(suite)
    if (frames > 0) hostileCorpus(suite, frames)
    datagrams(suite, profile)
    programs(suite, profile)
    if (subject.tests !== undefined) return
    suite.checkFrameDeviations()
    suite.checkDeviations(namesOfAllTests(subject))
  })
}
