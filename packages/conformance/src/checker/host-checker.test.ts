import { describe, expect, it } from 'vitest'
import { craftEthernet, craftTcp, type TcpFields } from '../craft/craft.ts'
import { HostChecker } from './host-checker.ts'

const A = { mac: [2, 0, 0, 0, 0, 1], ip: [10, 0, 0, 1], port: 1000 }
const B = { mac: [2, 0, 0, 0, 0, 2], ip: [10, 0, 0, 2], port: 80 }
/** Our initial sequence number, close to the wrap, and the peer's. */
const ISS = 0xffff_fff0
const IRS = 5000
const TIMESTAMPS = [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 1]
const octets = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => from + i)

/** One end (A) under observation; positions are relative to the initial sequence numbers. */
class Scene {
  readonly checker = new HostChecker()
  now = 0

  sends(fields: Segment, data: Uint8Array = octets(0)): string[] {
    return this.checker.sent(this.frame(A, B, ISS, IRS, fields, data), this.now).map(({ rule }) => rule)
  }

  gets(fields: Segment, data: Uint8Array = octets(0)): void {
    this.checker.arrived(this.frame(B, A, IRS, ISS, fields, data), this.now)
  }

  private frame(
    from: typeof A,
    to: typeof A,
    own: number,
    other: number,
    fields: Segment,
    data: Uint8Array,
  ): Uint8Array {
    const { at, ack, ...rest } = fields
    const ip = craftTcp(
      { source: from.ip, destination: to.ip },
      {
        sourcePort: from.port,
        destinationPort: to.port,
        sequence: (own + at) >>> 0,
        acknowledgment: ack === undefined ? 0 : (other + ack) >>> 0,
        ...rest,
      },
      data,
    )
    return craftEthernet({ source: from.mac, destination: to.mac }, ip)
  }
}

type Segment = Omit<TcpFields, 'sourcePort' | 'destinationPort' | 'sequence' | 'acknowledgment'> & {
  at: number
  ack?: number
}

/** A connection that A opened: the peer takes segments of 1000 octets and offers 3000. */
function established(syn: Partial<Segment> = {}, synAck: Partial<Segment> = {}): Scene {
  const scene = new Scene()
  expect(scene.sends({ flags: 'S', at: 0, options: [2, 4, 5, 180], ...syn })).toEqual([])
  scene.gets({ flags: 'SA', at: 0, ack: 1, options: [2, 4, 3, 232], window: 3000, ...synAck })
  return scene
}

describe('a sound conversation has no findings', () => {
  it('data both ways, a retransmission, a zero-window probe, and the end', () => {
    const scene = established()
    expect(scene.sends({ flags: 'A', at: 1, ack: 1 })).toEqual([])
    expect(scene.sends({ flags: 'A', at: 1, ack: 1 }, octets(1000))).toEqual([])
    expect(scene.sends({ flags: 'PA', at: 1001, ack: 1 }, octets(500, 7))).toEqual([])
    expect(scene.sends({ flags: 'A', at: 501, ack: 1 }, concat(octets(1000).subarray(500), octets(500, 7)))).toEqual([])
    scene.gets({ flags: 'A', at: 1, ack: 1501, window: 0 }, octets(10))
    expect(scene.sends({ flags: 'A', at: 1501, ack: 11 }, octets(1))).toEqual([])
    scene.gets({ flags: 'FA', at: 11, ack: 1501, window: 100 })
    expect(scene.sends({ flags: 'FA', at: 1501, ack: 12 }, octets(50))).toEqual([])
    expect(scene.sends({ flags: 'FA', at: 1501, ack: 12 }, octets(50))).toEqual([])
    expect(scene.sends({ flags: 'A', at: 1552, ack: 12 })).toEqual([])
  })

  it('a passive open, timestamps and window scale', () => {
    const scene = new Scene()
    scene.gets({ flags: 'S', at: 0, options: [2, 4, 3, 232, 1, 3, 3, 3, ...TIMESTAMPS], window: 100 })
    expect(scene.sends({ flags: 'SA', at: 0, ack: 1, options: [1, 3, 3, 7, ...TIMESTAMPS] })).toEqual([])
    scene.gets({ flags: 'A', at: 1, ack: 1, window: 100, options: TIMESTAMPS })
    expect(scene.sends({ flags: 'A', at: 1, ack: 1, window: 511, options: TIMESTAMPS }, octets(800))).toEqual([])
  })

  it('a second incarnation of the same four-tuple', () => {
    const scene = established()
    expect(scene.sends({ flags: 'FA', at: 1, ack: 1 })).toEqual([])
    const again = { flags: 'S', at: 70_000 }
    expect(scene.sends(again)).toEqual([])
    scene.gets({ flags: 'SA', at: 900_000, ack: 70_001, window: 3000 })
    expect(scene.sends({ flags: 'A', at: 70_001, ack: 900_001 }, octets(536))).toEqual([])
  })
})

describe('a planted defect is found', () => {
  it('tcp.window: beyond what the peer offered', () => {
    const scene = established()
    for (const at of [1, 1001, 2001]) expect(scene.sends({ flags: 'A', at, ack: 1 }, octets(1000))).toEqual([])
    expect(scene.sends({ flags: 'A', at: 3001, ack: 1 }, octets(2))).toEqual(['tcp.window'])
  })

  it('tcp.window: the window of a SYN is never scaled', () => {
    const scale = [1, 3, 3, 7]
    const scene = established({ options: [2, 4, 5, 180, ...scale] }, { options: [2, 4, 5, 180, ...scale], window: 10 })
    expect(scene.sends({ flags: 'A', at: 1, ack: 1 }, octets(12))).toEqual(['tcp.window'])
    scene.gets({ flags: 'A', at: 1, ack: 1, window: 10 })
    expect(scene.sends({ flags: 'A', at: 13, ack: 1 }, octets(1200))).toEqual([])
  })

  it('tcp.syn-window: a SYN that offers nothing', () => {
    expect(new Scene().sends({ flags: 'S', at: 0, window: 0 })).toEqual(['tcp.syn-window'])
  })

  it('tcp.mss: larger than the peer takes, options included', () => {
    expect(established().sends({ flags: 'A', at: 1, ack: 1 }, octets(1001))).toEqual(['tcp.mss'])
    expect(established({}, { options: [] }).sends({ flags: 'A', at: 1, ack: 1 }, octets(537))).toEqual(['tcp.mss'])
    const scene = established({ options: TIMESTAMPS }, { options: [...TIMESTAMPS, 2, 4, 3, 232] })
    expect(scene.sends({ flags: 'A', at: 1, ack: 1, options: TIMESTAMPS }, octets(989))).toEqual(['tcp.mss'])
  })

  it('tcp.after-fin and tcp.fin-moved', () => {
    const scene = established()
    scene.sends({ flags: 'FA', at: 1, ack: 1 }, octets(5))
    expect(scene.sends({ flags: 'A', at: 6, ack: 1 }, octets(1))).toContain('tcp.after-fin')
    expect(scene.sends({ flags: 'FA', at: 1, ack: 1 }, octets(7))).toContain('tcp.fin-moved')
  })

  it('tcp.fin-early: before the end of what was sent', () => {
    const scene = established()
    scene.sends({ flags: 'A', at: 1, ack: 1 }, octets(50))
    expect(scene.sends({ flags: 'FA', at: 1, ack: 1 }, octets(20))).toContain('tcp.fin-early')
  })

  it('tcp.sequence-gap', () => {
    expect(established().sends({ flags: 'A', at: 2, ack: 1 }, octets(1))).toEqual(['tcp.sequence-gap'])
  })

  it('tcp.content-changed', () => {
    const scene = established()
    scene.sends({ flags: 'A', at: 1, ack: 1 }, octets(50))
    expect(scene.sends({ flags: 'A', at: 11, ack: 1 }, octets(40, 11))).toEqual(['tcp.content-changed'])
  })

  it('tcp.ack-unreceived and tcp.ack-back', () => {
    const scene = established()
    scene.gets({ flags: 'A', at: 1, ack: 1 }, octets(10))
    scene.gets({ flags: 'A', at: 12, ack: 1 }, octets(10))
    expect(scene.sends({ flags: 'A', at: 1, ack: 22 })).toEqual(['tcp.ack-unreceived'])
    expect(scene.sends({ flags: 'A', at: 1, ack: 11 })).toContain('tcp.ack-back')
  })

  it('tcp.window-shrunk: the right edge moves left', () => {
    const scene = established()
    scene.sends({ flags: 'A', at: 1, ack: 1, window: 1000 })
    scene.gets({ flags: 'A', at: 1, ack: 1 }, octets(10))
    expect(scene.sends({ flags: 'A', at: 1, ack: 11, window: 980 })).toContain('tcp.window-shrunk')
  })

  it('tcp.sack', () => {
    const sack = (left: number, right: number): number[] => [
      1,
      1,
      5,
      10,
      ...[left, right].flatMap((at) => [0, 0, ((IRS + at) >> 8) & 255, (IRS + at) & 255]),
    ]
    const scene = established({ options: [4, 2] }, { options: [4, 2] })
    scene.gets({ flags: 'A', at: 11, ack: 1 }, octets(10))
    expect(scene.sends({ flags: 'A', at: 1, ack: 1, options: sack(11, 21) })).toEqual([])
    expect(scene.sends({ flags: 'A', at: 1, ack: 1, options: sack(11, 22) })).toEqual(['tcp.sack-unreceived'])
    expect(scene.sends({ flags: 'A', at: 1, ack: 1, options: sack(21, 11) })).toContain('tcp.sack')
    const without = established()
    without.gets({ flags: 'A', at: 11, ack: 1 }, octets(10))
    expect(without.sends({ flags: 'A', at: 1, ack: 1, options: sack(11, 21) })).toEqual(['tcp.sack'])
  })

  it('tcp.timestamps', () => {
    const scene = established({ options: TIMESTAMPS }, { options: TIMESTAMPS })
    expect(scene.sends({ flags: 'A', at: 1, ack: 1 })).toEqual(['tcp.timestamps'])
    expect(established().sends({ flags: 'A', at: 1, ack: 1, options: TIMESTAMPS })).toEqual(['tcp.timestamps'])
    const older = [1, 1, 8, 10, 0, 0, 0, 8, 0, 0, 0, 1]
    expect(scene.sends({ flags: 'A', at: 1, ack: 1, options: older })).toEqual(['tcp.timestamp-back'])
  })

  it('tcp.after-reset', () => {
    const scene = established()
    scene.sends({ flags: 'R', at: 1 })
    expect(scene.sends({ flags: 'A', at: 1, ack: 1 })).toEqual(['tcp.after-reset'])
  })

  it('tcp.ack-delay: nothing within half a second', () => {
    const scene = established()
    scene.sends({ flags: 'A', at: 1, ack: 1, window: 1000 })
    scene.gets({ flags: 'A', at: 1, ack: 1 }, octets(10))
    expect(scene.checker.overdue(500_000)).toEqual([])
    expect(scene.checker.overdue(600_000).map(({ rule }) => rule)).toEqual(['tcp.ack-delay'])
  })

  it('damaged frames that arrive are not taken for received', () => {
    const scene = established()
    scene.gets({ flags: 'A', at: 1, ack: 1, checksum: 1 }, octets(10))
    expect(scene.sends({ flags: 'A', at: 1, ack: 11 })).toEqual(['tcp.ack-unreceived'])
  })
})

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length)
  whole.set(a)
  whole.set(b, a.length)
  return whole
}
