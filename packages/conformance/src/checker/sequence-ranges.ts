/**
 * A set of positions as disjoint ranges.
 *
 * @module
 */

/** Half-open ranges, sorted and disjoint. */
export class SequenceRanges {
  private ranges: { from: number; to: number }[] = []

  /** The end of the range that begins at 0; 0 when there is none. */
  get contiguousEnd(): number {
    const first = this.ranges[0]
    return first !== undefined && first.from === 0 ? first.to : 0
  }

  add(from: number, to: number): void {
    // Almost always the first range grows.
    const first = this.ranges[0]
    if (first !== undefined && this.ranges.length === 1 && from >= first.from && from <= first.to) {
      first.to = Math.max(first.to, to)
      return
    }
    const kept: { from: number; to: number }[] = []
    const merged = { from, to }
    for (const range of this.ranges) {
      if (range.to < merged.from || range.from > merged.to) kept.push(range)
      else {
        merged.from = Math.min(merged.from, range.from)
        merged.to = Math.max(merged.to, range.to)
      }
    }
    kept.push(merged)
    this.ranges = kept.sort((a, b) => a.from - b.from)
  }

  covers(from: number, to: number): boolean {
    return this.ranges.some((range) => range.from <= from && to <= range.to)
  }
}
