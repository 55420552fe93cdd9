/**
 * What a checker has to say about a frame.
 *
 * @module
 */

/** A rule that a frame breaks. */
export interface Finding {
  /** Layer and rule, as `tcp.checksum`. Stable, so that tests can name it. */
  readonly rule: string
  /** What was seen, in words, with numbers. */
  readonly text: string
}

/** Collects findings of one frame. */
export class Findings {
  readonly list: Finding[] = []

  /** Notes a broken rule. */
  add(rule: string, text: string): void {
    this.list.push({ rule, text })
  }

  /** Notes a broken rule unless `holds`. @returns `holds`. */
  expect(holds: boolean, rule: string, text: string): boolean {
    if (!holds) this.add(rule, text)
    return holds
  }
}
