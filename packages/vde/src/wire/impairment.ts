/**
 * Impairments as people write them: `loss=5%`, `delay=20ms±5ms`, `rate=10mbit`.
 *
 * @module
 */
import { type Impairment, NetError } from '@ioth/core'

/** Impairments, and where chance begins. */
export interface WrittenImpairments extends Impairment {
  readonly seed?: number
}

type Reader = (text: string) => WrittenImpairments

const SECONDS: Readonly<Record<string, number>> = { us: 0.001, µs: 0.001, ms: 1, s: 1000, '': 1 }
const BITS: Readonly<Record<string, number>> = {
  '': 1,
  bit: 1,
  kbit: 1e3,
  mbit: 1e6,
  gbit: 1e9,
  k: 1e3,
  m: 1e6,
  g: 1e9,
}

const READERS: Readonly<Record<string, Reader>> = {
  loss: (text) => ({ loss: probability(text) }),
  burst: (text) => ({ lossBurst: number(text) }),
  delay,
  jitter: (text) => ({ jitterMs: duration(text) }),
  rate: (text) => ({ rateBitsPerSecond: rate(text) }),
  queue: (text) => ({ queueFrames: number(text) }),
  dup: (text) => ({ duplicate: probability(text) }),
  reorder,
  corrupt: (text) => ({ corrupt: probability(text) }),
  truncate: (text) => ({ truncate: probability(text) }),
  mtu: (text) => ({ mtu: number(text) }),
  seed: (text) => ({ seed: number(text) }),
}

/** The names of all impairments. */
export const IMPAIRMENT_NAMES: readonly string[] = Object.keys(READERS)

/** @throws NetError EINVAL that tells how it is written. */
export function parseImpairments(written: Readonly<Record<string, string>>): WrittenImpairments {
  let impairments: WrittenImpairments = {}
  for (const [name, text] of Object.entries(written)) {
    const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined
    if (read === undefined) throw invalid(`there is no impairment "${name}"; there are ${IMPAIRMENT_NAMES.join(', ')}`)
    try {
      impairments = { ...impairments, ...read(text.trim()) }
    } catch (error) {
      throw invalid(`${name}: ${(error as Error).message}`)
    }
  }
  return impairments
}

/** `20ms±5ms`; `+-` is as good. */
function delay(text: string): WrittenImpairments {
  const [mean, jitter, ...more] = text.split(/±|\+-|\+\/-/)
  if (mean === undefined || more.length > 0) throw invalid(`a delay is like 20ms or 20ms±5ms, not "${text}"`)
  return { delayMs: duration(mean), jitterMs: jitter === undefined ? 0 : duration(jitter) }
}

/** `2%`, or `2%:10ms` with the longest time a frame is held back. */
function reorder(text: string): WrittenImpairments {
  const [share = '', time, ...more] = text.split(':')
  if (more.length > 0) throw invalid(`a reordering is like 2% or 2%:10ms, not "${text}"`)
  return { reorder: probability(share), ...(time === undefined ? {} : { reorderMs: duration(time) }) }
}

function probability(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim())
  const value = Number(match?.[1]) / (match?.[2] === '%' ? 100 : 1)
  if (match === null || value > 1) throw invalid(`a share is like 5% or 0.05, not "${text}"`)
  return value
}

function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(us|µs|ms|s|)$/.exec(text.trim())
  if (match === null) throw invalid(`a time is like 20ms, 1.5s or 300us, not "${text}"`)
  return Number(match[1]) * (SECONDS[match[2] as string] as number)
}

function rate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?(?:bit)?)(?:\/s|ps)?$/.exec(text.trim().toLowerCase())
  if (match === null) throw invalid(`a rate is like 10mbit, 512kbit or 1gbit, not "${text}"`)
  return Number(match[1]) * (BITS[match[2] as string] as number)
}

function number(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw invalid(`it is a whole number, not "${text}"`)
  return Number(text)
}

function invalid(message: string): NetError {
  return new NetError('EINVAL', 'impair', { message })
}
