/**
 * The sweep: every combination of loss, round trip time and number of flows, each measured against what theory allows, and compared with
 * the snapshot in `sweep.json`. Virtual time and seeds make a run repeat itself; the tolerance is for changes that are none of goodput's
 * business, such as another order of random choices.
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { bound, type Line, measure, SEGMENT } from './bottleneck.ts'

export interface Cell {
  readonly loss: number
  readonly rttMs: number
  readonly flows: number
}

export interface Measured extends Cell {
  /** Goodput as a share of the bound. */
  readonly share: number
  /** Octets a second. */
  readonly goodput: number
  readonly boundedBy: string
}

/** All flows share it. */
const RATE = 100_000_000
/** What is lost of the snapshot's share before it is a regression. */
export const TOLERANCE = 0.1

const file = new URL('sweep.json', import.meta.url)

export function cells(losses: readonly number[], rtts: readonly number[], flows: readonly number[]): Cell[] {
  return losses.flatMap((loss) => rtts.flatMap((rttMs) => flows.map((count) => ({ loss, rttMs, flows: count }))))
}

/** @param segments how many the bound would let through in the time that is measured; the more, the less chance there is in it. */
export async function sweep(chosen: readonly Cell[], segments: number): Promise<Measured[]> {
  const measured: Measured[] = []
  for (const cell of chosen) {
    const line: Omit<Line, 'durationMs'> = { ...cell, rateBitsPerSecond: RATE }
    const { rate, by } = bound({ ...line, durationMs: 0 })
    const durationMs = Math.ceil(Math.min(Math.max((segments * SEGMENT * 1000) / rate, 50 * cell.rttMs), 1_200_000))
    // Slow start is over, and the first losses are.
    const warmUpMs = Math.max(20 * cell.rttMs, 1000)
    const { total } = await measure({ ...line, durationMs, warmUpMs })
    measured.push({ ...cell, share: round(total / rate), goodput: Math.round(total), boundedBy: by })
  }
  return measured
}

/** The table, as people read it. */
export function table(measured: readonly Measured[]): string {
  const head = '   loss      RTT  flows      goodput  of the bound'
  const lines = measured.map(({ loss, rttMs, flows, goodput, share, boundedBy }) =>
    [
      `${loss * 100} %`.padStart(7),
      `${rttMs} ms`.padStart(8),
      `${flows}`.padStart(6),
      `${(goodput / 1e6).toFixed(3)} MB/s`.padStart(12),
      `${share.toFixed(2)} ${boundedBy}`.padStart(13),
    ].join(' '),
  )
  return [head, ...lines].join('\n')
}

/**
 * What has become worse than the snapshot, in words. With `IOTH_UPDATE_SNAPSHOT` set, writes the snapshot anew instead.
 * @param name of the run: the short one and the long one differ in how long they measure.
 */
export function regressions(name: string, measured: readonly Measured[]): string[] {
  const kept = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, number>>
  const shares = Object.fromEntries(measured.map((cell) => [key(cell), cell.share]))
  if (process.env.IOTH_UPDATE_SNAPSHOT !== undefined) {
    writeFileSync(file, `${JSON.stringify({ ...kept, [name]: shares }, null, 2)}\n`)
    return []
  }
  const before = kept[name] ?? {}
  return Object.entries(shares).flatMap(([cell, share]) => {
    const was = before[cell]
    if (was === undefined) return [`${cell}: not in the snapshot; IOTH_UPDATE_SNAPSHOT=1 puts it there`]
    return share >= was * (1 - TOLERANCE) ? [] : [`${cell}: ${share} of the bound, it was ${was}`]
  })
}

function key({ loss, rttMs, flows }: Cell): string {
  return `${loss * 100} %, ${rttMs} ms, ${flows} ${flows === 1 ? 'flow' : 'flows'}`
}

function round(share: number): number {
  return Math.round(share * 1000) / 1000
}
