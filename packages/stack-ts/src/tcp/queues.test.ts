/** The three queues of a connection, each against the plainest model there is: an array of octets. */
import { createFramePool, type IpAddress } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Network } from '../ip/network.ts'
import type { Path } from '../link/path.ts'
import { Pieces } from './pieces.ts'
import { clearKept, deliverKept, keep, MOST_RANGES } from './reassembly.ts'
import { ReceiveMemory } from './receive-memory.ts'
import { clearReceived, dequeue, enqueue, lend } from './receive-queue.ts'
import { append, clearSent, locate, type Place, releaseSent, sendRoom } from './send-buffer.ts'
import { SendMemory } from './send-memory.ts'
import { add } from './seq.ts'
import { Tcb } from './tcb.ts'

/** A block without a connection: its queues need neither network nor addresses. */
function block(limit: number, origin = 0): Tcb {
  const nobody = null as unknown as IpAddress
  const tcb = new Tcb(null as unknown as Network, null as unknown as Path, nobody, 1, nobody, 2, 0, limit, limit)
  tcb.sndUna = origin
  tcb.sndNxt = origin
  tcb.sndCursor = origin
  tcb.sndEnd = origin
  tcb.rcvNxt = origin
  return tcb
}

const octets = (length: number, from: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (from + i) & 255)
/** Where the sequence space wraps, and where it does not. */
const origin = fc.constantFrom(0, 0x7fffff00, -300, 12345)

test('send buffer: what was written is found at its place until it is acknowledged', () => {
  const command = fc.record({ write: fc.nat(9000), acknowledge: fc.double({ min: 0, max: 1, noNaN: true }) })
  fc.assert(
    fc.property(origin, fc.array(command, { maxLength: 40 }), (start, commands) => {
      const pool = createFramePool({ limit: 4 * 1024 * 1024 })
      const pieces = new Pieces()
      const sending = new SendMemory(pieces, pool, 64 * 1024 * 1024)
      const tcb = block(20_000, start)
      let written = 0
      let acknowledged = 0
      const place: Place = { node: -1, skip: 0 }
      for (const { write, acknowledge } of commands) {
        const room = sendRoom(tcb)
        const taken = append(tcb, sending, octets(write, written), 0, write)
        expect(taken).toBe(Math.min(write, room))
        written += taken
        for (const offset of [0, (written - acknowledged) >> 1, written - acknowledged - 1]) {
          if (offset < 0 || offset >= written - acknowledged) continue
          locate(tcb, pieces, offset, place)
          expect(pool.bytes[pieces.at[place.node]! + place.skip]).toBe((acknowledged + offset) & 255)
        }
        const count = Math.floor(acknowledge * (written - acknowledged))
        acknowledged += count
        // All of it was sent meanwhile.
        tcb.sndNxt = tcb.sndEnd
        tcb.sndUna = add(tcb.sndUna, count)
        releaseSent(tcb, sending, count)
        tcb.sndNode = -1
        expect(sendRoom(tcb)).toBe(20_000 - (written - acknowledged))
        if (written === acknowledged) expect(pool.used).toBe(0)
      }
      clearSent(tcb, sending)
      expect([pool.used, pieces.used, sending.held, tcb.sndHeld]).toEqual([0, 0, 0, 0])
    }),
  )
})

test('P-10 send memory: each connection has its buffer, until all together hold much; then a share, and one slot at least', () => {
  const pool = createFramePool()
  const memory = new SendMemory(new Pieces(), pool, 4 * 1024 * 1024)
  const tcbs = Array.from({ length: 500 }, () => block(512 * 1024, 0))
  const data = new Uint8Array(512 * 1024)
  const taken = tcbs.map((tcb) => append(tcb, memory, data, 0, data.length))
  expect(taken.slice(0, 8)).toEqual(Array(8).fill(data.length))
  for (const octets of taken) expect(octets).toBeGreaterThanOrEqual(256)
  expect(memory.held).toBeLessThanOrEqual(16 * 1024 * 1024)
  for (const tcb of tcbs) clearSent(tcb, memory)
  expect([pool.used, memory.held]).toEqual([0, 0])
  expect(append(tcbs[499]!, memory, data, 0, data.length)).toBe(data.length)
})

test('receive queue: read and lend give what was queued, in order, and release it', () => {
  const command = fc.record({
    arrive: fc.oneof(fc.nat(300), fc.nat(1500)),
    take: fc.nat(2000),
    lends: fc.boolean(),
    stops: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const pool = createFramePool({ limit: 4 * 1024 * 1024 })
      const pieces = new Pieces()
      const memory = new ReceiveMemory(pieces, pool, 64 * 1024 * 1024)
      const tcb = block(1_000_000)
      let arrived = 0
      let read = 0
      const into = new Uint8Array(2000)
      for (const { arrive, take, lends, stops } of commands) {
        const frame = pool.take(2048)
        pool.bytes.set(octets(arrive, arrived), frame + 54)
        enqueue(tcb, memory, frame + 54, arrive)
        pool.release(frame)
        arrived += arrive
        const check = (memory: Uint8Array, offset: number, length: number): boolean => {
          for (let i = 0; i < length; i++) expect(memory[offset + i]).toBe((read + i) & 255)
          read += length
          return !stops
        }
        const queued = arrived - read
        const before = read
        let count: number
        if (lends) {
          count = lend(tcb, memory, take, { bytes: check })
          if (queued > 0) expect(count).toBe(read - before)
        } else {
          count = dequeue(tcb, memory, into, 0, take)
          if (count > 0) check(into, 0, count)
          if (queued > 0) expect(count).toBe(Math.min(take, queued))
        }
        if (queued === 0) expect(count).toBe(-1)
        expect(tcb.rcvQueued).toBe(arrived - read)
        if (arrived === read) expect(pool.used).toBe(0)
      }
      clearReceived(tcb, memory)
      expect([pool.used, pieces.used]).toEqual([0, 0])
    }),
  )
})

test('H-16 out of order: whatever overlaps, each octet is delivered once, when its gap is filled', () => {
  const arrival = fc.record({ offset: fc.nat(600), length: fc.integer({ min: 1, max: 200 }) })
  fc.assert(
    fc.property(origin, fc.array(arrival, { maxLength: 40 }), (start, arrivals) => {
      const pool = createFramePool({ limit: 4 * 1024 * 1024 })
      const pieces = new Pieces()
      const memory = new ReceiveMemory(pieces, pool, 64 * 1024 * 1024)
      const tcb = block(1_000_000, start)
      const have = new Set<number>()
      let next = 0
      for (const { offset, length } of arrivals) {
        const skip = Math.max(0, next - offset)
        if (skip >= length) continue
        const frame = pool.take(2048)
        pool.bytes.set(octets(length, offset), frame)
        keep(tcb, memory, add(start, offset + skip), frame + skip, length - skip)
        pool.release(frame)
        for (let i = offset + skip; i < offset + length; i++) have.add(i)
        deliverKept(tcb, memory)
        while (have.has(next)) next++
        expect(tcb.rcvNxt).toBe(add(start, next))
        expect(tcb.rcvQueued).toBe(next)
      }
      const got = new Uint8Array(next)
      dequeue(tcb, memory, got, 0, next)
      expect(got).toEqual(octets(next, 0))
      clearKept(tcb, memory)
      clearReceived(tcb, memory)
      expect([pool.used, pieces.used]).toEqual([0, 0])
    }),
  )
})

test('H-16 out of order: a flood of single octets, from either end, is bounded in ranges and in memory', () => {
  for (const place of [(i: number) => i * 2, (i: number) => 60_000 - i * 2, (i: number) => 60_000 - i]) {
    const pool = createFramePool({ limit: 16 * 1024 * 1024 })
    const pieces = new Pieces()
    const memory = new ReceiveMemory(pieces, pool, 64 * 1024 * 1024)
    const tcb = block(65_536)
    for (let i = 1; i < 20_000; i++) {
      const frame = pool.take(2048)
      keep(tcb, memory, place(i), frame, 1)
      pool.release(frame)
    }
    expect(tcb.ahead?.count).toBeLessThanOrEqual(MOST_RANGES)
    expect(memory.held).toBe(tcb.rcvHeld)
    expect(tcb.rcvHeld).toBeLessThanOrEqual(2 * (65_536 + 65_536))
    clearKept(tcb, memory)
    expect([pool.used, pieces.used, memory.held, tcb.rcvHeld]).toEqual([0, 0, 0, 0])
  }
})

test('H-16 receive memory: segments of any size hold at most twice the buffer, whoever does not read them', () => {
  for (const size of [1, 257, 513, 700, 1460, 2100, 9000]) {
    for (const small of [0, 1]) {
      const pool = createFramePool({ limit: 16 * 1024 * 1024 })
      const memory = new ReceiveMemory(new Pieces(), pool, 64 * 1024 * 1024)
      const tcb = block(262_144)
      let taken = 0
      for (let rounds = Math.floor(tcb.rcvLimit / (size + small)); rounds > 0; rounds--) {
        for (const length of [size, small]) {
          const frame = pool.take(66 + length)
          if (enqueue(tcb, memory, frame + 66, length)) taken += length
          pool.release(frame)
        }
      }
      expect(taken).toBeGreaterThan(tcb.rcvLimit - size - small - 1)
      expect(tcb.rcvQueued).toBe(taken)
      expect(tcb.rcvHeld, `segments of ${size}`).toBeLessThanOrEqual(2 * tcb.rcvLimit + 3 * 65_536)
      clearReceived(tcb, memory)
      expect([pool.used, memory.held, tcb.rcvHeld]).toEqual([0, 0, 0])
    }
  }
})

test('H-16 receive memory: when it is short, who reads goes on, and who does not gets an equal share', () => {
  const pool = createFramePool({ limit: 16 * 1024 * 1024 })
  const memory = new ReceiveMemory(new Pieces(), pool, 1_000_000)
  const arrives = (tcb: Tcb): boolean => {
    if (!memory.admits(tcb)) return false
    const frame = pool.take(1514)
    const isTaken = enqueue(tcb, memory, frame + 54, 1460)
    pool.release(frame)
    return isTaken
  }
  const slow = Array.from({ length: 20 }, () => block(524_288))
  for (const tcb of slow) for (let i = 0; i < 300; i++) arrives(tcb)
  expect(memory.held).toBeGreaterThan(1_000_000)
  expect(memory.held).toBeLessThan(1_000_000 * (1 + Math.log(20)))
  const lively = block(524_288)
  const into = new Uint8Array(2000)
  for (let i = 0; i < 1000; i++) {
    expect(arrives(lively)).toBe(true)
    expect(dequeue(lively, memory, into, 0, 2000)).toBe(1460)
  }
  for (const tcb of slow) clearReceived(tcb, memory)
  expect([pool.used, memory.held]).toEqual([0, 0])
})
