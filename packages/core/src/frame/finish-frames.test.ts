import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CHECKSUM_MISSING,
  CHECKSUM_VERIFIED,
  type FrameBatch,
  type FramePool,
  FULL_OFFLOAD,
  NO_OFFLOAD,
  type Offload,
  SEGMENT_ME,
} from '../contract/frame.ts'
import { createBatch, pushFrame, readFrame, releaseAll } from './batch.ts'
import { finishFrames } from './finish-frames.ts'
import { createFramePool } from './slab-pool.ts'

/** A frame to be made, field by field; whatever is not said is zero. */
interface Recipe {
  readonly type: 'ethernet' | 'ip'
  readonly vlan: boolean
  readonly family: 4 | 6
  readonly protocol: 6 | 17
  readonly options: Uint8Array
  readonly flags: number
  readonly sequence: number
  readonly id: number
  readonly payload: Uint8Array
  /** Octets of payload that lie in the head piece. */
  readonly inHead: number
  readonly addresses: Uint8Array
}

const recipes: fc.Arbitrary<Recipe> = fc.record({
  type: fc.constantFrom('ethernet' as const, 'ip' as const),
  vlan: fc.boolean(),
  family: fc.constantFrom(4 as const, 6 as const),
  protocol: fc.constant(6 as const),
  options: fc.nat(10).chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })),
  flags: fc.nat(255),
  sequence: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
  id: fc.nat(0xffff),
  payload: fc.uint8Array({ maxLength: 3000, size: 'max' }),
  inHead: fc.oneof(fc.constant(0), fc.nat(600)),
  addresses: fc.uint8Array({ minLength: 32, maxLength: 32 }),
})

function build(recipe: Recipe): { octets: Uint8Array; network: number; transport: number; headers: number } {
  const link = recipe.type === 'ip' ? 0 : recipe.vlan ? 18 : 14
  const ip = recipe.family === 4 ? 20 : 40
  const transport = link + ip
  const headers = transport + (recipe.protocol === 6 ? 20 + recipe.options.length : 8)
  const octets = new Uint8Array(headers + recipe.payload.length)
  const view = new DataView(octets.buffer)
  if (link !== 0) {
    if (link === 18) view.setUint16(12, 0x8100)
    view.setUint16(link - 2, recipe.family === 4 ? 0x0800 : 0x86dd)
  }
  if (recipe.family === 4) {
    octets[link] = 0x45
    view.setUint16(link + 2, octets.length - link)
    view.setUint16(link + 4, recipe.id)
    octets[link + 9] = recipe.protocol
    octets.set(recipe.addresses.subarray(0, 8), link + 12)
    view.setUint16(link + 10, ~naiveSum(octets.subarray(link, link + 20)))
  } else {
    octets[link] = 0x60
    view.setUint16(link + 4, octets.length - link - 40)
    octets[link + 6] = recipe.protocol
    octets.set(recipe.addresses, link + 8)
  }
  if (recipe.protocol === 6) {
    view.setInt32(transport + 4, recipe.sequence)
    octets[transport + 12] = ((20 + recipe.options.length) / 4) << 4
    octets[transport + 13] = recipe.flags
    view.setUint16(transport + 16, 0x1234)
    octets.set(recipe.options, transport + 20)
  } else {
    view.setUint16(transport + 4, octets.length - transport)
    view.setUint16(transport + 6, 0x1234)
  }
  octets.set(recipe.payload, headers)
  return { octets, network: link, transport, headers }
}

function naiveSum(octets: Uint8Array, initial = 0): number {
  let sum = initial
  for (let i = 0; i < octets.length; i += 2) {
    sum += ((octets[i] as number) << 8) | (octets[i + 1] ?? 0)
    sum = (sum & 0xffff) + (sum >>> 16)
  }
  return sum
}

/** The transport checksum verifies when the sum over everything is all ones (RFC 1071 1). */
function transportSum(octets: Uint8Array, recipe: Recipe, network: number, transport: number): number {
  const addresses =
    recipe.family === 4 ? octets.subarray(network + 12, network + 20) : octets.subarray(network + 8, network + 40)
  return naiveSum(octets.subarray(transport), naiveSum(addresses, recipe.protocol + octets.length - transport))
}

function put(pool: FramePool, batch: FrameBatch, recipe: Recipe, flags: number, segmentSize: number): Uint8Array {
  const { octets, transport, headers } = build(recipe)
  const headLength = Math.min(octets.length, headers + recipe.inHead)
  const bodyLength = octets.length - headLength
  const head = pool.take(headLength + 2)
  // Odd places, as they happen.
  const at = head + (recipe.id & 1)
  pool.bytes.set(octets.subarray(0, headLength), at)
  let body = 0
  if (bodyLength > 0) {
    body = pool.take(bodyLength + 3) + (recipe.id % 3)
    pool.bytes.set(octets.subarray(headLength), body)
  }
  pushFrame(batch, at, headLength, body, bodyLength, flags, segmentSize, transport)
  return octets
}

interface Piece {
  readonly octets: Uint8Array
  readonly flags: number
}

function finish(
  pool: FramePool,
  batch: FrameBatch,
  recipe: Recipe,
  accepts: Offload,
  mtu: number,
): { pieces: Piece[]; dropped: number } {
  const pieces: Piece[] = []
  const one = createBatch(pool, 1)
  const dropped = finishFrames(batch, 0, recipe.type, accepts, mtu, {
    emit(...frame) {
      pushFrame(one, ...frame)
      const octets = new Uint8Array((one.headLength[0] as number) + (one.bodyLength[0] as number))
      readFrame(one, 0, octets)
      pieces.push({ octets, flags: one.flags[0] as number })
      releaseAll(one)
    },
  })
  return { pieces, dropped }
}

const u16 = (octets: Uint8Array, at: number): number => ((octets[at] as number) << 8) | (octets[at + 1] as number)
const i32 = (octets: Uint8Array, at: number): number => (u16(octets, at) << 16) | u16(octets, at + 2)

describe('finishing a frame', () => {
  it('cuts a super-segment into complete segments that carry the same octets', () => {
    fc.assert(
      fc.property(
        recipes,
        fc.integer({ min: 8, max: 1460 }),
        fc.integer({ min: 576, max: 9000 }),
        fc.boolean(),
        (recipe, segmentSize, mtu, shared) => {
          const pool = createFramePool()
          const batch = createBatch(pool)
          const whole = put(pool, batch, recipe, SEGMENT_ME | CHECKSUM_MISSING, segmentSize)
          if (shared) pool.retain(batch.head[0] as number)
          const { network, transport, headers } = build(recipe)
          const { pieces, dropped } = finish(pool, batch, recipe, NO_OFFLOAD, mtu)
          expect(dropped).toBe(0)
          const unit = Math.min(segmentSize, mtu - (headers - network))
          expect(pieces.length).toBe(Math.max(1, Math.ceil(recipe.payload.length / unit)))
          let offset = 0
          pieces.forEach(({ octets, flags }, index) => {
            const payload = octets.subarray(headers)
            const last = index === pieces.length - 1
            expect(flags).toBe(CHECKSUM_VERIFIED)
            expect(octets.length - network).toBeLessThanOrEqual(mtu)
            expect(transportSum(octets, recipe, network, transport)).toBe(0xffff)
            expect(i32(octets, transport + 4)).toBe((recipe.sequence + offset) | 0)
            if (recipe.family === 4) {
              expect(naiveSum(octets.subarray(network, network + 20))).toBe(0xffff)
              expect(u16(octets, network + 2)).toBe(octets.length - network)
              expect(u16(octets, network + 4)).toBe((recipe.id + index) & 0xffff)
            } else {
              expect(u16(octets, network + 4)).toBe(octets.length - network - 40)
            }
            const removed = (last ? 0 : 0x09) | (index > 0 ? 0x80 : 0)
            expect(octets[transport + 13]).toBe(recipe.flags & ~removed)
            // All else is as in the super-segment: link header, addresses, options, payload.
            expect(octets.subarray(0, network)).toEqual(whole.subarray(0, network))
            expect(octets.subarray(transport + 20, headers)).toEqual(recipe.options)
            expect(payload).toEqual(recipe.payload.subarray(offset, offset + payload.length))
            offset += payload.length
          })
          expect(offset).toBe(recipe.payload.length)
          if (shared) {
            const now = new Uint8Array(whole.length)
            readFrame(batch, 0, now)
            expect(now).toEqual(whole)
            pool.release(batch.head[0] as number)
          }
          releaseAll(batch)
          expect(pool.used).toBe(0)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('fills in a missing checksum of TCP and UDP, and writes to no frame that somebody else holds', () => {
    const protocols = fc.tuple(recipes, fc.constantFrom(6 as const, 17 as const), fc.boolean())
    fc.assert(
      fc.property(protocols, ([recipe, protocol, shared]) => {
        const pool = createFramePool()
        const batch = createBatch(pool)
        const mine = { ...recipe, protocol }
        const before = put(pool, batch, mine, CHECKSUM_MISSING, 0)
        if (shared) pool.retain(batch.head[0] as number)
        const { network, transport } = build(mine)
        const { pieces } = finish(pool, batch, mine, NO_OFFLOAD, 1500)
        expect(pieces.length).toBe(1)
        const { octets, flags } = pieces[0] as Piece
        expect(flags).toBe(CHECKSUM_VERIFIED)
        expect(transportSum(octets, mine, network, transport)).toBe(0xffff)
        const now = new Uint8Array(before.length)
        readFrame(batch, 0, now)
        if (shared) {
          expect(now).toEqual(before)
          pool.release(batch.head[0] as number)
        }
        releaseAll(batch)
        expect(pool.used).toBe(0)
      }),
    )
  })

  it('sends a UDP checksum of zero as all ones', () => {
    const pool = createFramePool()
    const batch = createBatch(pool)
    const empty = new Uint8Array(0)
    const base = {
      type: 'ip',
      vlan: false,
      family: 4,
      protocol: 17,
      options: empty,
      flags: 0,
      sequence: 0,
      id: 0,
      inHead: 99,
    } as const
    const addresses = new Uint8Array(32)
    const recipe = { ...base, payload: Uint8Array.of(0, 0), addresses }
    // Everything else sums up to this, so that its complement in the payload makes the sum all ones.
    const rest = 17 + 10 + 10
    const zero = { ...recipe, payload: Uint8Array.of((~rest >> 8) & 0xff, ~rest & 0xff) }
    put(pool, batch, zero, CHECKSUM_MISSING, 0)
    const { pieces } = finish(pool, batch, zero, NO_OFFLOAD, 1500)
    expect(u16((pieces[0] as Piece).octets, 26)).toBe(0xffff)
  })

  it('leaves to the taker what the taker can do', () => {
    fc.assert(
      fc.property(recipes, fc.integer({ min: 8, max: 1460 }), (recipe, segmentSize) => {
        const pool = createFramePool()
        const batch = createBatch(pool)
        const whole = put(pool, batch, recipe, SEGMENT_ME | CHECKSUM_MISSING, segmentSize)
        const everything = finish(pool, batch, recipe, FULL_OFFLOAD, 1500)
        expect(everything.pieces.map(({ octets }) => octets)).toEqual([whole])
        const sums = finish(pool, batch, recipe, { checksum: true, segment: false, maxSegment: 0 }, 1500)
        for (const { flags } of sums.pieces) expect(flags & ~SEGMENT_ME).toBe(CHECKSUM_MISSING)
        const some = finish(pool, batch, recipe, { checksum: true, segment: true, maxSegment: 1000 }, 1500)
        const { headers } = build(recipe)
        for (const { octets } of some.pieces) {
          expect(octets.length - headers).toBeLessThanOrEqual(Math.max(1000, segmentSize))
        }
        expect(some.pieces.reduce((sum, { octets }) => sum + octets.length - headers, 0)).toBe(recipe.payload.length)
      }),
    )
  })

  it('drops what the flags do not fit, without reading past the frame', () => {
    const pool = createFramePool()
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer(),
        fc.integer({ min: -5, max: 70000 }),
        fc.nat(7),
        fc.constantFrom('ethernet' as const, 'ip' as const),
        (octets, transportAt, segmentSize, flags, type) => {
          const batch = createBatch(pool)
          const head = pool.take(256)
          pool.bytes.set(octets, head)
          pushFrame(batch, head, octets.length, 0, 0, flags, segmentSize, transportAt)
          let frames = 0
          const dropped = finishFrames(batch, 0, type, NO_OFFLOAD, 1500, {
            emit(at, length, body, bodyLength) {
              frames++
              expect(length + bodyLength).toBeLessThanOrEqual(octets.length)
              pool.release(at)
              if (bodyLength !== 0) pool.release(body)
            },
          })
          expect(frames + dropped).toBeGreaterThan(0)
          releaseAll(batch)
          expect(pool.used).toBe(0)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('counts what the pool has no memory for', () => {
    const pool = createFramePool({ limit: 3 * 65536 })
    const batch = createBatch(pool)
    const recipe: Recipe = {
      type: 'ethernet',
      vlan: false,
      family: 4,
      protocol: 6,
      options: new Uint8Array(0),
      flags: 0,
      sequence: 0,
      id: 0,
      payload: new Uint8Array(4000),
      inHead: 0,
      addresses: new Uint8Array(32),
    }
    put(pool, batch, recipe, SEGMENT_ME | CHECKSUM_MISSING, 1000)
    while (pool.take(65536) !== -1);
    while (pool.take(256) !== -1);
    const { pieces, dropped } = finish(pool, batch, recipe, NO_OFFLOAD, 1500)
    expect(pieces.length).toBe(0)
    expect(dropped).toBe(4)
  })
})
