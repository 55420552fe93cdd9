/** The shortcut for what nearly every segment is, against the steps that it spares. */
import { type IpAddress, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Network } from '../ip/network.ts'
import type { Path } from '../link/path.ts'
import { accepts, isExpected } from './acceptance.ts'
import type { Effects } from './effects.ts'
import { Segment } from './segment.ts'
import { add } from './seq.ts'
import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, SYN_RECEIVED } from './state.ts'
import { Tcb, TIMESTAMPS } from './tcb.ts'

/** Whoever is expected asks for nothing. */
const nothing = new Proxy({} as Effects, {
  get(_, name) {
    if (name === 'nowS') return 1
    throw new Error(`${String(name)} of a segment that was expected`)
  },
})

const near = fc.integer({ min: -3, max: 3 })
const flag = (bit: number): fc.Arbitrary<number> => fc.constantFrom(0, 0, 0, bit)

const scenes = fc.record({
  origin: fc.constantFrom(0, 0x7fffffff, -2, 12345),
  state: fc.constantFrom(ESTABLISHED, ESTABLISHED, ESTABLISHED, CLOSE_WAIT, FIN_WAIT_1, SYN_RECEIVED),
  window: fc.nat(8),
  flight: fc.nat(4),
  seq: fc.constantFrom(0, 0, 0, -1, 1, 4),
  ack: fc.constantFrom(-1, 0, 0, 1, 2, 5),
  length: fc.nat(3),
  bodyLength: fc.nat(3),
  flags: fc
    .tuple(fc.constantFrom(TCP_ACK, TCP_ACK, 0), flag(TCP_PSH), flag(TCP_FIN), flag(TCP_SYN), flag(TCP_RST))
    .map((bits) => bits.reduce((all, bit) => all | bit)),
  agreed: fc.boolean(),
  stamped: fc.boolean(),
  later: near,
})

test('a segment that is expected is accepted, unchanged, and asks for nothing', () => {
  let expected = 0
  fc.assert(
    fc.property(scenes, (scene) => {
      const nobody = null as unknown as IpAddress
      const tcb = new Tcb(null as unknown as Network, null as unknown as Path, nobody, 1, nobody, 2, 0, 1000, 1000)
      tcb.state = scene.state
      tcb.flags = scene.agreed ? TIMESTAMPS : 0
      tcb.rcvNxt = scene.origin
      tcb.rcvAdv = add(scene.origin, scene.window)
      tcb.sndUna = scene.origin
      tcb.sndNxt = add(scene.origin, scene.flight)
      tcb.tsRecent = scene.agreed ? scene.origin : 0
      const segment = new Segment()
      segment.seq = add(scene.origin, scene.seq)
      segment.ack = add(scene.origin, scene.ack)
      segment.flags = scene.flags
      segment.length = scene.length
      segment.bodyLength = scene.bodyLength
      segment.hasTimestamps = scene.stamped
      segment.timestampValue = add(tcb.tsRecent, scene.later)
      if (!isExpected(tcb, segment)) return
      expected++
      const before = JSON.stringify([segment, tcb])
      expect(accepts(tcb, segment, nothing)).toBe(true)
      expect(JSON.stringify([segment, tcb])).toBe(before)
    }),
    { numRuns: 20_000 },
  )
  expect(expected).toBeGreaterThan(200)
})
