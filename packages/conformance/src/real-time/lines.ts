/**
 * The lines of the short profile: a sound one, and what our own links do to frames.
 *
 * @module
 */
import type { Impairment } from '@ioth/core'
import type fc from 'fast-check'
import { introduce } from '../lan/introduce.ts'
import { SOUND } from '../lan/schedule.ts'
import type { Scene, Suite } from '../suite.ts'

export type LineName =
  | 'a sound line'
  | 'a line that loses frames'
  | 'a line that reorders frames'
  | 'a line that doubles frames'
  | 'a line that loses, reorders and doubles frames'

const LINES: Readonly<Record<LineName, Impairment>> = Object.freeze({
  'a sound line': {},
  'a line that loses frames': { loss: 0.03 },
  'a line that reorders frames': { reorder: 0.2, reorderMs: 3 },
  'a line that doubles frames': { duplicate: 0.2 },
  'a line that loses, reorders and doubles frames': { loss: 0.02, reorder: 0.1, reorderMs: 3, duplicate: 0.1 },
})

/** How long anything may take on the host's clock, in milliseconds: long enough for retransmissions that have backed off. */
export const PATIENCE_MS = 30_000

/** What the tests of the profile go by. */
export interface Profile {
  readonly lines: readonly LineName[]
  /** Runs of each property on each line, over each family. */
  readonly runs: number
}

/** Registers a property on each line of the profile, over each family. Both hosts know each other before their lines turn bad. */
export function overLines<Value>(
  suite: Suite,
  { lines, runs }: Profile,
  title: string,
  arbitrary: (line: Impairment) => fc.Arbitrary<Value>,
  body: (value: Value, scene: Scene, line: Impairment) => Promise<void>,
): void {
  for (const name of lines) {
    const line = LINES[name]
    suite.familyProperty(
      `${title}, on ${name}`,
      arbitrary(line),
      (value, seed, family) =>
        suite.withScene(title, { seed, family }, async (scene) => {
          await introduce(scene.lan, scene.a, scene.b)
          impairBoth(scene, line)
          await body(value, scene, line)
        }),
      runs,
    )
  }
}

export function impairBoth({ a, b }: Scene, line: Impairment): void {
  for (const host of [a, b]) host.impair({ ...SOUND, ...line })
}

export function isSound(line: Impairment): boolean {
  return Object.keys(line).length === 0
}
