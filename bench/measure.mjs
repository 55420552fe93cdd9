/**
 * Interleaved rounds and medians. The machine is never quiet: only ratios within one run mean anything.
 */

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Runs every contestant once per round, and gives the median of each. The first round warms up and does not count. */
export async function interleaved(contestants, rounds) {
  const results = new Map(Object.keys(contestants).map((name) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      const value = await run(round === 0)
      if (round > 0) results.get(name).push(value)
    }
  }
  return new Map(Array.from(results, ([name, values]) => [name, median(values)]))
}
