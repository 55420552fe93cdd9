/** The scoreboard, the records under it, RACK and PRR, against a model that keeps every octet by itself. */
import type { IpAddress } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Network } from '../ip/network.ts'
import type { Path } from '../link/path.ts'
import { NONE } from './pieces.ts'
import { beginReduction, reduce } from './prr.ts'
import { type Detection, detect } from './rack.ts'
import { acknowledge, boardOf, checkReneging, loseAll, sentAgain, takeBlocks } from './scoreboard.ts'
import { Segment } from './segment.ts'
import { FATE, LOST, MOST_RECORDS, SACKED, SENT, SentRecords } from './sent-records.ts'
import { add, distance } from './seq.ts'
import { pipe, RECOVERY, Tcb } from './tcb.ts'

/** Sequence numbers wrap in the middle of every test. */
const ORIGIN = -300 | 0

function block(octets: number): Tcb {
  const nobody = null as unknown as IpAddress
  const tcb = new Tcb(null as unknown as Network, null as unknown as Path, nobody, 1, nobody, 2, 0, 1, 1)
  tcb.mss = 100
  tcb.sndUna = ORIGIN
  tcb.sndCursor = add(ORIGIN, octets)
  tcb.sndNxt = tcb.sndCursor
  return tcb
}

function segmentWith(blocks: readonly (readonly [number, number])[]): Segment {
  const segment = new Segment()
  segment.sackBlocks = blocks.length
  for (const [index, [left, right]] of blocks.entries()) {
    segment.sack[2 * index] = add(ORIGIN, left)
    segment.sack[2 * index + 1] = add(ORIGIN, right)
  }
  return segment
}

/** The fate of each octet from `sndUna` to `sndCursor`, as the records tell it. */
function fates(tcb: Tcb, records: SentRecords): number[] {
  const list: number[] = []
  let start = tcb.sndUna
  let count = 0
  let last = NONE
  for (let node = tcb.sentHead; node !== NONE; node = records.next[node] as number) {
    const end = records.end[node] as number
    expect(distance(start, end)).toBeGreaterThan(0)
    for (let i = distance(start, end); i > 0; i--) list.push((records.state[node] as number) & FATE)
    start = end
    count++
    last = node
  }
  expect(start).toBe(tcb.sndCursor)
  expect(count).toBe(tcb.sentCount)
  expect(last).toBe(tcb.sentTail)
  return list
}

const SIZE = 600
const place = fc.oneof(fc.integer({ min: -50, max: SIZE + 50 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }))
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('sack' as const),
      blocks: fc.array(fc.tuple(place, place), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('ack' as const), octets: fc.integer({ min: 1, max: 80 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), trust: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('resend' as const),
      at: fc.nat(SIZE),
      length: fc.integer({ min: 1, max: 150 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('detect' as const), laterUs: fc.nat(30_000) }) },
)

test('R-TCP-40 H-15 the scoreboard agrees with a model of single octets, whatever is reported', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 12 }),
      fc.array(step, { maxLength: 40 }),
      (sizes, steps) => {
        const records = new SentRecords()
        const tcb = block(0)
        let now = 1000
        for (const size of sizes) {
          now += 500
          records.append(tcb, add(tcb.sndCursor, size), now, SENT)
          tcb.sndCursor = add(tcb.sndCursor, size)
          tcb.sndNxt = tcb.sndCursor
        }
        let model: number[] = Array(sizes.reduce((sum, size) => sum + size, 0)).fill(SENT)
        const board = boardOf(tcb)
        tcb.minRtt = 10_000
        tcb.srtt = 10_000
        for (const action of steps) {
          const base = distance(ORIGIN, tcb.sndUna)
          now += 1000
          if (action.kind === 'sack') {
            const fresh = takeBlocks(tcb, board, records, segmentWith(action.blocks), 0, now)
            let expected = 0
            for (const [left, right] of action.blocks) {
              const from = distance(tcb.sndUna, add(ORIGIN, left))
              const to = distance(tcb.sndUna, add(ORIGIN, right))
              if (distance(add(ORIGIN, left), add(ORIGIN, right)) <= 0 || from < 0 || to > model.length) continue
              for (let i = from; i < to; i++) {
                if (model[i] !== SACKED) expected++
                model[i] = SACKED
              }
            }
            expect(fresh).toBe(expected)
          } else if (action.kind === 'ack') {
            const octets = Math.min(action.octets, model.length)
            if (octets === 0) continue
            const news = model.slice(0, octets).filter((fate) => fate !== SACKED).length
            tcb.sndUna = add(tcb.sndUna, octets)
            expect(acknowledge(tcb, board, records, octets, now, -1)).toBe(news)
            model = model.slice(octets)
            if (checkReneging(tcb, board, records)) model = model.map(() => LOST)
          } else if (action.kind === 'lose') {
            loseAll(tcb, board, records, action.trust)
            model = model.map((fate) => (action.trust && fate === SACKED ? SACKED : LOST))
          } else if (action.kind === 'resend') {
            const from = Math.min(Math.max(action.at - base, 0), model.length)
            const to = Math.min(from + action.length, model.length)
            if (to <= from) continue
            sentAgain(tcb, board, records, add(tcb.sndUna, from), add(tcb.sndUna, to), now)
            for (let i = from; i < to; i++) if (model[i] !== SACKED) model[i] = SENT
          } else {
            const found: Detection = { lost: 0, lostAgain: false, wait: 0 }
            const before = board.lost
            detect(tcb, board, records, now + action.laterUs, found)
            expect(board.lost).toBe(before + found.lost)
            const after = fates(tcb, records)
            // It only ever finds what was in flight, and something above or later must have arrived.
            model = model.map((fate, index) => (fate === SENT && after[index] === LOST ? LOST : fate))
          }
          expect(fates(tcb, records)).toEqual(model)
          expect(board.sacked).toBe(model.filter((fate) => fate === SACKED).length)
          expect(board.lost).toBe(model.filter((fate) => fate === LOST).length)
          expect(pipe(tcb)).toBe(model.filter((fate) => fate === SENT).length)
          expect(records.used).toBe(tcb.sentCount)
        }
        records.clear(tcb)
        expect(records.used).toBe(0)
      },
    ),
  )
})

test('H-15 records are bounded, however small the blocks', () => {
  const octets = 6000
  const records = new SentRecords()
  const tcb = block(octets)
  records.append(tcb, tcb.sndCursor, 0, SENT)
  const board = boardOf(tcb)
  for (let left = 1; left + 1 < octets; left += 2)
    takeBlocks(tcb, board, records, segmentWith([[left, left + 1]]), 0, 1000)
  expect(tcb.sentCount).toBeLessThanOrEqual(MOST_RECORDS)
  // What there was no room for is not believed, and so goes again when it has to.
  expect(pipe(tcb)).toBe(octets - board.sacked)
  expect(fates(tcb, records).filter((fate) => fate === SACKED).length).toBe(board.sacked)
  // Small sendings at different times are taken together, too.
  const many = block(0)
  many.srtt = 1000
  for (let i = 1; i < 10_000; i++) {
    records.append(many, add(ORIGIN, i), i * 1000, SENT)
    many.sndCursor = add(ORIGIN, i)
  }
  expect(many.sentCount).toBeLessThanOrEqual(MOST_RECORDS)
})

test('R-TCP-46 RACK: lost is what was sent before something that arrived, and a reordering window ago', () => {
  const records = new SentRecords()
  const tcb = block(0)
  tcb.minRtt = 40_000
  tcb.srtt = 40_000
  for (let i = 0; i < 3; i++) {
    records.append(tcb, add(tcb.sndCursor, 100), i * 1000, SENT)
    tcb.sndCursor = add(tcb.sndCursor, 100)
  }
  const board = boardOf(tcb)
  const found: Detection = { lost: 0, lostAgain: false, wait: 0 }
  // The third is reported after 40 ms: the first two may be late by a quarter of that.
  takeBlocks(tcb, board, records, segmentWith([[200, 300]]), 0, 42_000)
  detect(tcb, board, records, 42_000, found)
  expect(found).toEqual({ lost: 0, lostAgain: false, wait: 9000 })
  detect(tcb, board, records, 50_000, found)
  expect(found).toMatchObject({ lost: 100, wait: 1000 })
  detect(tcb, board, records, 51_000, found)
  expect(found).toMatchObject({ lost: 100, wait: 0 })
  // In recovery without any reordering seen nothing is waited for.
  tcb.recovery = RECOVERY
  sentAgain(tcb, board, records, ORIGIN, add(ORIGIN, 100), 60_000)
  sentAgain(tcb, board, records, add(ORIGIN, 100), add(ORIGIN, 200), 61_000)
  takeBlocks(tcb, board, records, segmentWith([[100, 300]]), 0, 101_000)
  detect(tcb, board, records, 101_000, found)
  expect(found).toEqual({ lost: 100, lostAgain: true, wait: 0 })
})

test('R-TCP-40 PRR: as much leaves as arrives, times the reduction, and the window ends at ssthresh', () => {
  const records = new SentRecords()
  const tcb = block(2000)
  records.append(tcb, tcb.sndCursor, 0, SENT)
  const board = boardOf(tcb)
  tcb.cwnd = 2000
  tcb.ssthresh = 1000
  tcb.recovery = RECOVERY
  takeBlocks(tcb, board, records, segmentWith([[100, 200]]), 0, 1000)
  beginReduction(tcb, board, 2000)
  reduce(tcb, board, 100, false)
  // The first segment goes at once.
  expect(tcb.cwnd - pipe(tcb)).toBe(100)
  let out = 100
  board.prrOut = 100
  for (let right = 300; right <= 2000; right += 100) {
    const fresh = takeBlocks(tcb, board, records, segmentWith([[right - 100, right]]), 0, 1000)
    reduce(tcb, board, fresh, false)
    const room = tcb.cwnd - pipe(tcb)
    // New octets take the room there is, a segment at a time.
    if (room < 100) continue
    records.append(tcb, add(tcb.sndCursor, 100), 1000 + right, SENT)
    tcb.sndCursor = add(tcb.sndCursor, 100)
    board.prrOut += 100
    out += 100
    expect(pipe(tcb)).toBeLessThanOrEqual(tcb.cwnd)
  }
  expect(out).toBeLessThanOrEqual(1000)
  expect(out).toBeGreaterThanOrEqual(800)
})
