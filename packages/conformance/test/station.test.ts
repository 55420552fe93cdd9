/** A station without a library, and the suite over a stack that leaves conflict detection and DHCP to one. */
import {
  createBatch,
  createFramePool,
  createHub,
  createVirtualScheduler,
  frameBytes,
  type IpAddress,
  type Link,
  NetError,
  parseIpAddress,
  parseMac,
  pushFrame,
  type Stack,
  trace,
} from '@ioth/core'
import { createStation, type Station, type StationOptions } from '@ioth/core/station'
import { backend } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { craftEthernet, craftUdp, FrameChecker, testStack } from '../src/index.ts'
import { stationed } from './stationed-backend.ts'

const MAC = '02:00:00:00:00:01'
const OTHER = '02:00:00:00:00:02'
const MS = 1000
/** Types of ICMPv6. */
const SOLICITATION = '135'
const ADVERTISEMENT = '136'

interface Seen {
  readonly at: number
  readonly what: string
}

/** A hub, a station on it, and what it sent. */
class Scene {
  readonly scheduler = createVirtualScheduler({ seed: 3 })
  readonly pool = createFramePool({ limit: 16 * 1024 * 1024 })
  readonly hub = createHub({ scheduler: this.scheduler, pool: this.pool })
  readonly conflicts: string[] = []
  readonly sent: Seen[] = []
  readonly station: Station
  private readonly checker = new FrameChecker()

  constructor(options: Partial<StationOptions> = {}, wrap: (link: Link) => Link = (link) => link) {
    const link = trace(
      wrap(this.hub.port('station')),
      (direction, frame, at) => {
        if (direction === 'out') this.sent.push({ at, what: this.describe(frame) })
      },
      this.scheduler.clock,
    )
    this.station = this.makeStation(link, MAC, options)
  }

  makeStation(link: Link, mac: string, options: Partial<StationOptions> = {}): Station {
    const { scheduler, pool } = this
    return createStation(link, {
      scheduler,
      pool,
      mac,
      onConflict: (address, who, isLost) => this.conflicts.push(`${address} ${who} ${isLost ? 'lost' : 'kept'}`),
      ...options,
    })
  }

  /** A stack that does not ask. */
  async neighbor(...addresses: string[]): Promise<Stack> {
    const { scheduler, pool } = this
    const interfaces = [{ link: this.hub.port('other'), addresses, mac: OTHER }]
    return this.settled(backend.createStack({ scheduler, pool, interfaces, settings: { probe: 'none' } }))
  }

  async settled<Value>(promise: Promise<Value>): Promise<Value> {
    let isSettled = false
    promise.finally(() => (isSettled = true)).catch(() => {})
    await this.scheduler.settleUntil(() => isSettled, 60_000_000)
    return promise
  }

  private describe(frame: Uint8Array): string {
    const { arp, discovery, findings } = this.checker.check(frame)
    expect(findings).toEqual([])
    if (arp !== null) return arp.senderAddress === '0.0.0.0' ? 'probe' : `announce ${arp.senderAddress}`
    return discovery === null ? 'frame' : `${discovery.type}`
  }
}

const four = parseIpAddress('10.0.0.1')
const six = parseIpAddress('fd00::1')

describe('a station', () => {
  it('R-ARP-04 probes twice within 60 ms, then announces', async () => {
    const scene = new Scene()
    await scene.settled(scene.station.acquire(four))
    await scene.scheduler.settle(0)
    expect(scene.sent).toEqual([
      { at: 0, what: 'probe' },
      { at: 30 * MS, what: 'probe' },
      { at: 60 * MS, what: 'announce 10.0.0.1' },
    ])
  })

  it('R-ND-06 asks once, waits 60 ms, then announces; its own echo is no alarm', async () => {
    const scene = new Scene()
    const echo = scene.hub.port('echo')
    echo.attach({
      accepts: { checksum: false, segment: false, maxSegment: 0 },
      // Whatever comes goes back at once, as a looped cable does.
      frames: (batch) => {
        for (let index = 0; index < batch.count; index++) echoes.push(frameBytes(batch, index))
      },
      writable: () => {},
      changed: () => {},
    })
    const echoes: Uint8Array[] = []
    await scene.settled(scene.station.acquire(six))
    await scene.scheduler.settle(0)
    expect(scene.sent.map(({ what }) => what)).toEqual([SOLICITATION, ADVERTISEMENT])
    expect(scene.sent[1]?.at).toBe(60 * MS)
    expect(echoes).toHaveLength(2)
  })

  it.each([
    [four, '10.0.0.1/24'],
    [six, 'fd00::1/64'],
  ] as const)('R-ARP-04 R-ND-06 refuses %s when somebody has it', async (address, cidr) => {
    const scene = new Scene()
    const other = await scene.neighbor(cidr)
    await expect(scene.settled(scene.station.acquire(address))).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: `address ${address} is in use by ${OTHER} on station`,
    })
    expect(scene.conflicts).toEqual([`${address} ${OTHER} kept`])
    expect(scene.sent).toHaveLength(1)
    await scene.settled(other.close())
    await scene.settled(scene.station.acquire(address))
  })

  it.each([
    [four, 3000, ['probe', 'probe', 'probe', 'announce 10.0.0.1', 'announce 10.0.0.1']],
    [six, 1000, [SOLICITATION, ...new Array<string>(3).fill(ADVERTISEMENT)]],
  ] as const)('R-ARP-04 R-ND-06 takes its time for %s when told to', async (address, least, expected) => {
    const scene = new Scene({ probe: 'rfc' })
    await scene.settled(scene.station.acquire(address))
    expect(scene.scheduler.clock.now).toBeGreaterThanOrEqual(least * MS)
    await scene.scheduler.settle(10_000 * MS)
    expect(scene.sent.map(({ what }) => what)).toEqual(expected)
  })

  it('R-ARP-04 two that ask at the same time both do without', async () => {
    const scene = new Scene()
    const second = scene.makeStation(scene.hub.port('second'), OTHER)
    const results = await scene.settled(Promise.allSettled([scene.station.acquire(four), second.acquire(four)]))
    expect(results.map(({ status }) => status)).toContain('rejected')
  })

  it('R-ARP-04 H-29 defends an address once, and gives it up the second time', async () => {
    const scene = new Scene()
    await scene.settled(scene.station.acquire(four))
    const other = await scene.neighbor('10.0.0.1/24')
    await scene.scheduler.settle(MS)
    expect(scene.conflicts[0]).toBe(`10.0.0.1 ${OTHER} kept`)
    await scene.settled(other.close())
    const again = await scene.neighbor('10.0.0.1/24')
    await scene.scheduler.settle(MS)
    expect(scene.conflicts.at(-1)).toBe(`10.0.0.1 ${OTHER} lost`)
    await scene.settled(again.close())
    await scene.settled(scene.station.acquire(four))
  })

  it('R-ND-06 tells of a conflict over IPv6, and goes on', async () => {
    const scene = new Scene()
    await scene.settled(scene.station.acquire(six))
    await scene.neighbor('fd00::1/64')
    await scene.scheduler.settle(MS)
    expect(scene.conflicts).toContain(`fd00::1 ${OTHER} kept`)
    expect(scene.conflicts).not.toContain(`fd00::1 ${OTHER} lost`)
  })

  it.each([
    [four, '10.0.0.1/24', '10.0.0.9'],
    [six, 'fd00::1/64', 'fd00::9'],
  ] as const)('R-ARP-04 R-ND-06 keeps from the library that somebody else uses %s', async (address, cidr, other) => {
    const scene = new Scene()
    const seen: string[] = []
    const checker = new FrameChecker()
    scene.station.attach({
      accepts: { checksum: false, segment: false, maxSegment: 0 },
      frames: (batch) => {
        for (let index = 0; index < batch.count; index++) {
          const { arp, discovery } = checker.check(frameBytes(batch, index))
          const claimed = arp?.senderAddress ?? discovery?.target
          if (claimed !== undefined) seen.push(claimed)
        }
      },
      writable: () => {},
      changed: () => {},
    })
    await scene.settled(scene.station.acquire(address))
    await scene.neighbor(cidr, cidr.replace(/1\//, '9/'))
    await scene.scheduler.settle(MS)
    expect(scene.conflicts).toContain(`${address} ${OTHER} kept`)
    expect(seen).not.toContain(wordsOf(address))
    // What concerns none of ours it does hear.
    expect(seen).toContain(wordsOf(parseIpAddress(other)))
  })

  it('asks the register of the network, where there is one, and nobody else', async () => {
    const taken = new Set(['10.0.0.2'])
    const register = (link: Link): Link =>
      Object.assign(link, {
        claim: async (address: IpAddress) => {
          if (taken.has(`${address}`)) throw new NetError('EADDRINUSE', 'claim', { address: `${address}` })
          taken.add(`${address}`)
          return true
        },
        unclaim: (address: IpAddress) => taken.delete(`${address}`),
      })
    const scene = new Scene({}, register)
    await scene.settled(scene.station.acquire(four))
    await scene.scheduler.settle(0)
    expect(scene.sent).toEqual([{ at: 0, what: 'announce 10.0.0.1' }])
    await expect(scene.settled(scene.station.acquire(parseIpAddress('10.0.0.2')))).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
    scene.station.release(four)
    expect([...taken]).toEqual(['10.0.0.2'])
  })

  it('gives the library what is for it, for a group and for all, and nothing that a hub sends for others', () => {
    const scene = new Scene()
    const seen: number[] = []
    scene.station.attach({
      accepts: { checksum: false, segment: false, maxSegment: 0 },
      frames: (batch) => {
        for (let index = 0; index < batch.count; index++) seen.push(frameBytes(batch, index)[0] as number)
      },
      writable: () => {},
      changed: () => {},
    })
    const ends = { source: [10, 0, 0, 2], destination: [10, 0, 0, 1] }
    const packet = craftUdp(ends, { sourcePort: 9, destinationPort: 9 }, Uint8Array.of(1))
    const sender = scene.hub.port('other')
    const source = Array.from(parseMac(OTHER))
    const destinations = [MAC, '02:00:00:00:00:03', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '00:00:00:00:00:01']
    const batch = createBatch(scene.pool, destinations.length)
    for (const destination of destinations) {
      const frame = craftEthernet({ source, destination: Array.from(parseMac(destination)) }, packet)
      const at = scene.pool.take(frame.length)
      scene.pool.bytes.set(frame, at)
      pushFrame(batch, at, frame.length)
    }
    sender.send(batch)
    scene.scheduler.advance()
    expect(seen).toEqual([0x02, 0xff, 0x01])
    expect(scene.station.counters()['drop.station.other-host']).toBe(2)
  })

  it('ends who waits when it is closed, and when the address is released', async () => {
    const scene = new Scene()
    const released = scene.station.acquire(six)
    scene.station.release(six)
    await expect(scene.settled(released)).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' })
    const waiting = Promise.allSettled([scene.station.acquire(four)])
    await scene.settled(scene.station.close())
    expect(await scene.settled(waiting)).toMatchObject([{ reason: { code: 'ENETDOWN' } }])
    await scene.scheduler.settle(1000 * MS)
    expect([scene.pool.used, scene.scheduler.timers]).toEqual([0, 0])
  })
})

testStack({
  name: 'a library behind a station',
  backend: stationed,
  suites: ['DHCP', 'lifecycle', 'TCP: connections', 'ping'],
  deviations: [
    {
      test: 'P-11 nothing of a DHCP client is left',
      reason: 'the announcement of the first address is on its way still when the test looks for the first time',
    },
  ],
})

/** As the checker prints it: none of its words left out. */
function wordsOf(address: IpAddress): string {
  return address.family === 4 ? `${address}` : `${address}`.replace('::', ':0:0:0:0:0:0:')
}
