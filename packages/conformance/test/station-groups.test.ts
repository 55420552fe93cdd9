/** IGMP and MLD on a station, in a library's place. */
import { NO_OFFLOAD, parseIpAddress, toBytes } from '@ioth/core'
import { createStation, GroupsOnStation } from '@ioth/core/station'
import { expect, it } from 'vitest'
import { craftEthernet, craftIgmp, craftIpv6, sumOverIpv6 } from '../src/craft/craft.ts'
import { craftMldQuery } from '../src/craft/nd.ts'
import { createLan, FrameChecker, type Lan } from '../src/index.ts'

const ROUTER = [2, 0x66, 0, 0, 0, 0xfe]
const GROUP = { 4: parseIpAddress('239.1.2.3'), 6: parseIpAddress('ff15::1234') }
const SOURCE = { 4: parseIpAddress('10.0.0.9'), 6: parseIpAddress('fd00::9') }
const REPORTER = { 4: parseIpAddress('10.0.0.1'), 6: parseIpAddress('fe80::1') }
const MODE_IS_EXCLUDE = 2
const CHANGE_TO_INCLUDE = 3
const CHANGE_TO_EXCLUDE = 4
const ALLOW_NEW_SOURCES = 5

/** A station without a library, and a router. */
class Scene {
  readonly groups: GroupsOnStation
  /** Frames that the station let pass. */
  passed = 0
  /** Records of reports, since they were last asked for. */
  private readonly records: string[] = []
  private readonly station
  private readonly router
  private readonly lan: Lan

  constructor(lan: Lan) {
    const { scheduler, pool } = lan
    this.lan = lan
    this.station = createStation(lan.link('station'), { scheduler, pool, mac: '02:00:00:00:00:01' })
    this.groups = new GroupsOnStation(this.station, { scheduler, source: (family) => REPORTER[family] })
    this.station.attach({
      accepts: NO_OFFLOAD,
      frames: (batch) => {
        this.passed += batch.count
      },
      writable: () => {},
      changed: () => {},
    })
    const checker = new FrameChecker()
    this.router = lan.tap((frame) => {
      const { igmp, discovery, findings } = checker.check(frame)
      expect(findings).toEqual([])
      for (const { type, group } of (igmp ?? discovery)?.records ?? [])
        this.records.push(`${type} ${parseIpAddress(group)}`)
    })
  }

  /** What was said within three seconds. */
  async said(): Promise<string[]> {
    await this.lan.wait(3000)
    return this.records.splice(0)
  }

  get drops(): number {
    const counts = Object.entries(this.station.counters()).filter(([name]) => name.startsWith('drop.'))
    return counts.reduce((sum, [, count]) => sum + count, 0)
  }

  /** Asks about all groups, within a second. */
  ask(family: 4 | 6, { hops = 1, hasAlert = true, isToGroup = false } = {}): void {
    if (family === 4) {
      const to = isToGroup ? [...toBytes(GROUP[4])] : [224, 0, 0, 1]
      const ip = { source: [10, 0, 0, 254], destination: to, timeToLive: hops, ...(hasAlert ? {} : { options: [] }) }
      const packet = craftIgmp(ip, { type: 0x11, code: 10 }, [2, 125, 0, 0])
      const destination = [1, 0, 0x5e, (to[1] as number) & 127, ...to.slice(2)]
      this.router.send(craftEthernet({ source: ROUTER, destination }, packet))
      return
    }
    const destination = [...toBytes(isToGroup ? GROUP[6] : parseIpAddress('ff02::1'))]
    const ip = { source: [...toBytes(parseIpAddress('fe80::66'))], destination, hopLimit: hops }
    const message = sumOverIpv6(ip, 58, craftMldQuery(2, [...toBytes(parseIpAddress('::'))], 1000))
    const payload = hasAlert ? Uint8Array.from([58, 0, 5, 2, 0, 0, 1, 0, ...message]) : message
    const packet = craftIpv6({ ...ip, nextHeader: hasAlert ? 0 : 58 }, payload)
    const ends = { source: ROUTER, destination: [0x33, 0x33, ...destination.slice(12)], type: 0x86dd }
    this.router.send(craftEthernet(ends, packet))
  }
}

it.each([4, 6] as const)(
  'R-ND-10 IPv%i: joining and leaving are reported twice, queries are answered',
  async (family) => {
    const lan = await createLan({ hosts: [] })
    const scene = new Scene(lan)
    const [group, memberships] = [GROUP[family], scene.groups.memberships(family)]
    memberships.join(group, null)
    expect(await scene.said()).toEqual([`${CHANGE_TO_EXCLUDE} ${group}`, `${CHANGE_TO_EXCLUDE} ${group}`])
    scene.ask(family)
    expect(await scene.said()).toEqual([`${MODE_IS_EXCLUDE} ${group}`])
    memberships.leave(group, null)
    expect(await scene.said()).toEqual([`${CHANGE_TO_INCLUDE} ${group}`, `${CHANGE_TO_INCLUDE} ${group}`])
    memberships.join(group, SOURCE[family])
    expect(await scene.said()).toEqual([`${ALLOW_NEW_SOURCES} ${group}`, `${ALLOW_NEW_SOURCES} ${group}`])
    expect([scene.passed, scene.drops]).toEqual([0, 0])
    await lan.close()
  },
)

it.each([4, 6] as const)(
  'H-34 IPv%i: a wrong query is dropped, once, and the library does not see it',
  async (family) => {
    const lan = await createLan({ hosts: [] })
    const scene = new Scene(lan)
    scene.groups.memberships(family).join(GROUP[family], null)
    await scene.said()
    for (const wrong of [{ hops: 2 }, { hasAlert: false }, { isToGroup: true }]) {
      const before = scene.drops
      scene.ask(family, wrong)
      expect(await scene.said()).toEqual([])
      expect(scene.drops - before).toBe(1)
    }
    expect(scene.passed).toBe(0)
    await lan.close()
  },
)
