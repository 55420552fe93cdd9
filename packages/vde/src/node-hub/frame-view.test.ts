import { createBatch, createFramePool, pushFrame } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameView } from './frame-view.ts'

const pool = createFramePool()
const batch = createBatch(pool, 1)

function look(octets: Uint8Array): FrameView {
  const at = pool.take(octets.length)
  pool.bytes.set(octets, at)
  batch.count = 0
  pushFrame(batch, at, octets.length)
  const view = new FrameView()
  view.read(batch, 0)
  pool.release(at)
  return view
}

const MACS = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]
const IP4 = [0x45, 0, 0, 40, 0, 7, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
const TCP = [0, 80, 0x80, 1, 0, 0, 0, 5, 0, 0, 0, 9, 0x50, 0x10, 1, 0, 0, 0, 0, 0]

test('a segment is found by its ports and addresses', () => {
  const view = look(Uint8Array.from([...MACS, 8, 0, ...IP4, ...TCP]))
  expect(view.kind).toBe('tcp')
  expect([view.tuple.remotePort, view.tuple.localPort, view.tuple.local3]).toEqual([80, 0x8001, 0x0a000002])
  expect([view.sequence, view.acknowledgment, view.sequenceLength]).toEqual([5, 9, 0])
})

test('an ICMP error is found by the packet that it quotes, seen from its sender', () => {
  const icmp4 = [...IP4]
  icmp4[9] = 1
  const view = look(Uint8Array.from([...MACS, 8, 0, ...icmp4, 3, 3, 0, 0, 0, 0, 0, 0, ...IP4, ...TCP.slice(0, 8)]))
  expect(view.kind).toBe('error')
  expect([view.tuple.localPort, view.tuple.remotePort, view.tuple.local3]).toEqual([80, 0x8001, 0x0a000001])
})

test('later fragments have no ports, and the same id as the first', () => {
  const fragment = (offset: number): FrameView => {
    const header = [...IP4]
    header[6] = 0x20
    header[7] = offset
    return look(Uint8Array.from([...MACS, 8, 0, ...header, ...TCP]))
  }
  expect([fragment(0).kind, fragment(0).isFirstFragment, fragment(3).kind]).toEqual(['tcp', true, 'later-fragment'])
  expect(fragment(3).fragmentId).toBe(fragment(0).fragmentId)
})

test('arbitrary octets are looked at without harm, behind every type of frame', () => {
  const types = fc.constantFrom([8, 0], [8, 6], [0x86, 0xdd], [1, 2])
  fc.assert(
    fc.property(types, fc.uint8Array({ minLength: 0, maxLength: 120 }), (type, octets) => {
      look(Uint8Array.from([...MACS, ...type, ...octets]))
    }),
  )
  expect(look(Uint8Array.from([1, 2, 3])).kind).toBe('malformed')
})
