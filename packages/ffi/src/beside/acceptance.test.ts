/** Which segments count: by their numbers, their flags, and what they acknowledge. */
import { createVirtualScheduler, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '@ioth/core'
import { expect, it } from 'vitest'
import { frameOf } from '../../test/support/frames.ts'
import { Acceptance, type ConnectionNumbers, type Verdict } from './acceptance.ts'
import type { Piece } from './given-octets.ts'
import { PacketView } from './packet-view.ts'

/** Its first octet is 1000, of which 10 came and 100 more may come; of ours 500 to 600 are under way. */
const ESTABLISHED: ConnectionNumbers = {
  isSynchronised: true,
  sndUna: 500,
  sndNext: 600,
  rcvNxt: 1010,
  rcvEdge: 1110,
}

function segment(
  flags: number,
  sequence: number,
  acknowledgment: number,
  length = 0,
  options: readonly number[] = [],
): PacketView {
  const word = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
  const header = [0, 1, 0, 2, ...word(sequence), ...word(acknowledgment), 0, flags, 16, 0, 0, 0, 0, 0]
  const data = new Array<number>(length).fill(7)
  const made = frameOf({ family: 4, protocol: 'tcp', linkHeader: 14, header, options, data })
  const view = new PacketView()
  expect(view.read(made.bytes, made.at, made.length)).toBe(true)
  return view
}

function acceptance(): Acceptance {
  const made = new Acceptance(createVirtualScheduler().clock)
  made.takesWindow(segment(TCP_ACK, 1000, 500), 300)
  return made
}

it.each<[string, number, number, number, number, Verdict]>([
  ['octets in order', TCP_ACK, 1010, 600, 20, 'take'],
  ['octets ahead', TCP_ACK, 1050, 500, 20, 'take'],
  ['octets of which some are new', TCP_ACK, 1000, 500, 20, 'take'],
  ['octets that are there already', TCP_ACK, 1000, 600, 10, 'answer'],
  ['octets beyond the window', TCP_ACK, 1200, 600, 10, 'answer'],
  ['an acknowledgement alone', TCP_ACK, 1010, 550, 0, 'take'],
  ['an acknowledgement at the end of the window', TCP_ACK, 1110, 550, 0, 'take'],
  ['one of what was never sent', TCP_ACK, 1010, 601, 0, 'answer'],
  ['one of what was acknowledged long ago', TCP_ACK, 1010, 100, 0, 'answer'],
  ['one at an old number: a question whether we are there', TCP_ACK, 1009, 600, 0, 'answer'],
  ['no acknowledgement', TCP_PSH, 1010, 0, 10, 'drop'],
  ['an end that is there already', TCP_FIN | TCP_ACK, 1009, 600, 0, 'answer'],
  ['a SYN', TCP_SYN, 1010, 0, 0, 'answer'],
  ['a SYN of another number', TCP_SYN, 77, 0, 0, 'answer'],
  ['a reset at the next number', TCP_RST, 1010, 0, 0, 'take'],
  ['a reset elsewhere in the window', TCP_RST, 1011, 0, 0, 'answer'],
  ['a reset outside', TCP_RST, 1009, 0, 0, 'drop'],
])('on a connection that stands: %s', (_, flags, sequence, acknowledgment, length, verdict) => {
  expect(acceptance().judge(segment(flags, sequence, acknowledgment, length), ESTABLISHED)).toBe(verdict)
})

it('a reset counts behind what was given, and is not acknowledged yet', () => {
  const made = acceptance()
  made.given.give(1010, 1050)
  expect(made.judge(segment(TCP_RST, 1050, 0), ESTABLISHED)).toBe('take')
  expect(made.judge(segment(TCP_RST, 1010, 0), ESTABLISHED)).toBe('answer')
})

it.each<[string, number, number, number, Verdict]>([
  ['the end of the handshake', TCP_ACK, 1010, 600, 'take'],
  ['the SYN again', TCP_SYN, 1009, 0, 'take'],
  ['another SYN', TCP_SYN, 77, 0, 'answer'],
  ['an acknowledgement of something else', TCP_ACK, 1010, 500, 'refuse'],
  ['a reset', TCP_RST, 1010, 0, 'take'],
])('to one who answered a SYN: %s', (_, flags, sequence, acknowledgment, verdict) => {
  const numbers = { ...ESTABLISHED, isSynchronised: false, sndUna: 599 }
  expect(acceptance().judge(segment(flags, sequence, acknowledgment), numbers)).toBe(verdict)
})

it.each<[string, number, number, Verdict]>([
  ['the answer', TCP_SYN | TCP_ACK, 600, 'take'],
  ['an answer to something else', TCP_SYN | TCP_ACK, 599, 'refuse'],
  ['a refusal', TCP_RST | TCP_ACK, 600, 'take'],
  ['a refusal of something else', TCP_RST | TCP_ACK, 599, 'drop'],
  ['a reset of nothing', TCP_RST, 0, 'drop'],
  ['no answer', TCP_PSH | TCP_ACK, 600, 'drop'],
])('to one who asks: %s', (_, flags, acknowledgment, verdict) => {
  const numbers = { isSynchronised: false, sndUna: 599, sndNext: 600, rcvNxt: 0, rcvEdge: null }
  expect(acceptance().judge(segment(flags, 5, acknowledgment), numbers)).toBe(verdict)
})

it('what brings nothing is answered ten times a second', () => {
  const scheduler = createVirtualScheduler()
  const made = new Acceptance(scheduler.clock)
  const count = (): number => {
    const verdicts = Array.from({ length: 50 }, () => made.judge(segment(TCP_SYN, 5, 0), ESTABLISHED))
    return verdicts.filter((verdict) => verdict === 'answer').length
  }
  expect(count()).toBe(10)
  scheduler.advance(1_000_000)
  expect(count()).toBe(10)
})

it('a window is taken from the newest segment, whatever comes later', () => {
  const made = acceptance()
  expect(made.takesWindow(segment(TCP_ACK, 1010, 600), 1000)).toBe(true)
  expect(made.takesWindow(segment(TCP_ACK, 1000, 600), 2000)).toBe(false)
  expect(made.takesWindow(segment(TCP_ACK, 1010, 590), 2000)).toBe(false)
  expect(made.takesWindow(segment(TCP_ACK, 1010, 600), 500)).toBe(true)
  expect(made.widestWindow).toBe(1000)
})

it('of timestamps that were agreed on, one that is older than the newest in order makes its segment old', () => {
  const scheduler = createVirtualScheduler()
  const made = new Acceptance(scheduler.clock)
  const stamped = (sequence: number, stamp: number, length = 10): PacketView =>
    segment(TCP_ACK, sequence, 600, length, [1, 1, 8, 10, 0, 0, stamp >> 8, stamp & 255, 0, 0, 0, 0])
  const numbers = { ...ESTABLISHED, hasTimestamps: true }
  expect(made.judge(stamped(1010, 500), numbers)).toBe('take')
  expect(made.judge(stamped(1050, 600), numbers)).toBe('take')
  expect(made.recentStamp).toBe(500)
  expect(made.judge(stamped(1010, 499), numbers)).toBe('answer')
  expect(made.judge(stamped(1010, 499), ESTABLISHED)).toBe('take')
  expect(made.judge(segment(TCP_RST, 1010, 0), numbers)).toBe('take')
  scheduler.advance(25 * 86_400 * 1_000_000)
  expect(made.judge(stamped(1010, 499), numbers)).toBe('take')
  expect(made.recentStamp).toBe(499)
})

it.each<[string, number, number, readonly Piece[] | null]>([
  ['in order', 1010, 20, null],
  ['ahead', 1050, 20, null],
  ['of which some are there', 1000, 20, [[1010, 1020]]],
  ['of which some are beyond the window', 1100, 20, [[1100, 1110]]],
])('the library is given octets once: %s', (_, sequence, length, pieces) => {
  const made = acceptance()
  const numbers: ConnectionNumbers = { ...ESTABLISHED, rcvEdge: 1110 }
  const whole = segment(TCP_ACK, sequence, 600, length)
  expect(made.give(whole, numbers)).toEqual(pieces)
  expect(made.isWithin(whole, numbers)).toBe(sequence + length <= 1110)
})

it('the library is not given again what it has not acknowledged, except from where it stands', () => {
  const made = acceptance()
  expect(made.give(segment(TCP_ACK, 1030, 600, 20), ESTABLISHED)).toBe(null)
  expect(made.give(segment(TCP_ACK, 1030, 600, 20), ESTABLISHED)).toEqual([])
  expect(made.give(segment(TCP_ACK, 1020, 600, 40), ESTABLISHED)).toEqual([
    [1020, 1030],
    [1050, 1060],
  ])
  // What begins where it stands it does not have, although it was given: it threw that away.
  expect(made.give(segment(TCP_ACK, 1020, 600, 40), { ...ESTABLISHED, rcvNxt: 1020 })).toBe(null)
})
