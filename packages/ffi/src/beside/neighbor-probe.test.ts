/** Neighbours beside a library: questions, answers, and frames that wait for them. */
import { createVirtualScheduler, type IpAddress, parseIpAddress, toBytes } from '@ioth/core'
import { beforeEach, expect, test } from 'vitest'
import { answerArp, answerSolicitation, isArp, isSolicitation } from './neighbor-answer.ts'
import { NeighborProbe } from './neighbor-probe.ts'
import { PacketView } from './packet-view.ts'

const own = parseIpAddress('10.0.0.1')
const mac = Uint8Array.of(2, 0, 0, 0, 0, 1)
const otherMac = Uint8Array.of(2, 0, 0, 0, 0, 9)
const other = parseIpAddress('10.0.0.9')

let sent: Uint8Array[] = []
let time = createVirtualScheduler({ seed: 1 })
let probe: NeighborProbe

beforeEach(() => {
  sent = []
  time = createVirtualScheduler({ seed: 1 })
  const toPeer = (frame: Uint8Array): void => void sent.push(frame)
  const isOurs = (address: IpAddress): boolean => address.equals(own)
  probe = new NeighborProbe({ clock: time.clock, mac, sourceFor: () => own, isOurs, toPeer })
})

/** A frame with an IPv4 packet, numbered. */
function packet(number: number): Uint8Array {
  const frame = new Uint8Array(60)
  frame.set([8, 0, 0x45], 12)
  frame.set(toBytes(other), 30)
  frame[59] = number
  return frame
}

function answer(question: Uint8Array): void {
  const reply = answerArp(question, otherMac, (address) => address.equals(other)) as Uint8Array
  probe.arriving(reply, reply.length)
}

test('frames wait for their neighbour and go when it answers; later ones go at once', () => {
  expect([1, 2, 3].map((number) => probe.address(packet(number), 60, other))).toEqual([false, false, false])
  expect(sent.map((frame) => isArp(frame, frame.length))).toEqual([true])
  answer(sent[0] as Uint8Array)
  const waited = sent.slice(1)
  expect(waited.map((frame) => [frame.subarray(0, 6), frame[59]])).toEqual([1, 2, 3].map((n) => [otherMac, n]))
  const next = packet(4)
  expect(probe.address(next, 60, other)).toBe(true)
  expect(next.subarray(0, 6)).toEqual(otherMac)
})

test('a neighbour that does not answer is asked three times, and what waited is dropped and counted', () => {
  for (let number = 0; number < 20; number++) probe.address(packet(number), 60, other)
  expect(probe.dropped).toBe(4)
  time.advance(5_000_000)
  expect(sent.length).toBe(3)
  expect(probe.dropped).toBe(20)
})

test('when it closes, whoever waits for a neighbour is told that there is none', () => {
  const told: unknown[] = []
  probe.resolve(other, (found) => told.push(found))
  probe.address(packet(1), 60, other)
  probe.close()
  expect([told, probe.dropped]).toEqual([[null], 1])
})

test('many absent neighbours draw a bounded number of questions', () => {
  for (let host = 1; host < 250; host++) probe.address(packet(0), 60, parseIpAddress(`10.0.1.${host}`))
  expect(sent.length).toBe(64)
  // Nor do they take the turn of a program that waits for one.
  let found: Uint8Array | null = null
  probe.resolve(other, (heard) => {
    found = heard
  })
  expect(sent.length).toBe(65)
  answer(sent[64] as Uint8Array)
  expect(found).toEqual(otherMac)
})

test('one that was not heard of for a while is asked again on the way, and forgotten when it is silent', () => {
  probe.resolve(other, () => {})
  answer(sent[0] as Uint8Array)
  time.advance(60_000_000)
  expect(probe.address(packet(1), 60, other)).toBe(true)
  expect(sent.length).toBe(2)
  time.advance(5_000_000)
  expect(probe.address(packet(2), 60, other)).toBe(false)
})

test('requests for others are not answered', () => {
  probe.resolve(other, () => {})
  expect(answerArp(sent[0] as Uint8Array, otherMac, (address) => address.equals(own))).toBe(null)
})

test('IPv6: who asks from its link-local address is answered there, and who has none yet, before all', () => {
  const [own6, other6] = ['fe80::1', 'fd00::9'].map(parseIpAddress) as [IpAddress, IpAddress]
  const isOther = (address: IpAddress): boolean => address.equals(other6)
  const wires = { clock: time.clock, mac, sourceFor: () => own6, isOurs: () => false }
  probe = new NeighborProbe({ ...wires, toPeer: (frame) => void sent.push(frame) })
  let heard: Uint8Array | null = null
  probe.resolve(other6, (found) => {
    heard = found
  })
  const [question] = sent as [Uint8Array]
  expect(isSolicitation(question, question.length)).toBe(true)
  expect(answerSolicitation(question, question.length, otherMac, (address) => address.equals(own6))).toBe(null)
  const reply = answerSolicitation(question, question.length, otherMac, isOther) as Uint8Array
  expect([reply.subarray(0, 6), destinationOf(reply)]).toEqual([mac, 'fe80::1'])
  probe.arriving(reply, reply.length)
  expect(heard).toEqual(otherMac)

  const probing = question.slice()
  probing.fill(0, 22, 38)
  const toAll = answerSolicitation(probing, probing.length, otherMac, isOther) as Uint8Array
  expect(destinationOf(toAll)).toBe('ff02::1')
})

function destinationOf(frame: Uint8Array): string {
  const view = new PacketView()
  expect(view.read(frame, 0, frame.length)).toBe(true)
  return view.destinationAddress.toString()
}
