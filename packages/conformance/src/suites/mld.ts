/**
 * Multicast listener discovery (RFC 3810, RFC 2710): what routers are told of the groups a host listens to, and when.
 *
 * @module
 */
import { parseIpAddress, type UdpSocket } from '@ioth/core'
import { expect } from 'vitest'
import { craftMldQuery, ND } from '../craft/nd.ts'
import type { Host } from '../lan/host.ts'
import { type Lan, withLan } from '../lan/lan.ts'
import { type DiscoveryHeard, full6, octets6, ScriptedRouter, type Sending } from '../lan/scripted-router.ts'
import type { Suite } from '../suite.ts'

const GROUP = 'ff15::1234'
const SECOND = 1_000_000
const ANY = octets6('::')
const MODE_IS_EXCLUDE = 2
const CHANGE_TO_INCLUDE = 3
const CHANGE_TO_EXCLUDE = 4

interface Link {
  readonly lan: Lan
  readonly host: Host
  readonly router: ScriptedRouter
  readonly join: () => UdpSocket
}

export function listenerDiscovery(suite: Suite): void {
  if (!suite.capabilities.ipv6 || !suite.capabilities.multicast) {
    suite.notClaimed('listener discovery', 'ipv6: true and multicast: true')
    return
  }
  const test = (name: string, body: (link: Link) => Promise<void>): void => {
    suite.plainTest(name, () =>
      withLan({ hosts: [], time: suite.time, name: `${suite.subject.name} ${name}` }, async (lan) => {
        const router = new ScriptedRouter(lan)
        const host = await lan.join({ ...suite.host(), address: 'fc00::1/64' })
        await lan.wait(5000)
        const join = (): UdpSocket => {
          const socket = host.stack.openUdp(6)
          socket.bind(parseIpAddress('::'), 5007)
          socket.join(parseIpAddress(GROUP), null)
          return socket
        }
        await body({ lan, host, router, join })
      }),
    )
  }

  test('R-ND-10 a group is reported when it is joined, and again; and when it is left', async ({
    lan,
    router,
    join,
  }) => {
    const since = lan.now
    const socket = join()
    await lan.wait(5000)
    const joins = changes(router, since)
    expect(joins.map(({ type }) => type)).toEqual(new Array(joins.length).fill(CHANGE_TO_EXCLUDE))
    expect(joins.length).toBeGreaterThanOrEqual(2)
    const left = lan.now
    socket.leave(parseIpAddress(GROUP), null)
    await lan.wait(5000)
    const leaves = changes(router, left)
    expect(leaves.length).toBeGreaterThanOrEqual(2)
    expect(leaves.map(({ type }) => type)).toEqual(new Array(leaves.length).fill(CHANGE_TO_INCLUDE))
    socket.close()
  })

  test('R-ND-10 the groups of our addresses are reported, all nodes never', async ({ router, host }) => {
    const groups = new Set(router.said(ND.report2).flatMap(({ records }) => records.map(({ group }) => group)))
    for (const { address } of host.stack.interfaces[0]?.addresses ?? []) {
      const tail = full6(`${address.withScope(0)}`)
        .split(':')
        .slice(-2)
      const low = (Number.parseInt(tail[0] as string, 16) & 255) | 0xff00
      expect(groups).toContain(`ff02:0:0:0:0:1:${low.toString(16)}:${tail[1]}`)
    }
    expect(groups).not.toContain(full6('ff02::1'))
  })

  test('R-ND-10 a query is answered within its time: all groups at once, or the one', async ({ lan, router, join }) => {
    const socket = join()
    await lan.wait(5000)
    for (const [group, destination] of [
      [ANY, 'ff02::1'],
      [octets6(GROUP), GROUP],
    ] as const) {
      const since = lan.now
      router.send(craftMldQuery(2, group, 4000), { destination: octets6(destination), routerAlert: true })
      await lan.wait(10_000)
      const answers = reports(router, since)
      expect(answers).toHaveLength(1)
      expect((answers[0]?.time as number) - since).toBeLessThanOrEqual(4.01 * SECOND)
      const records = answers[0]?.records ?? []
      expect(records.filter(({ group: told }) => told === full6(GROUP)).map(({ type }) => type)).toEqual([
        MODE_IS_EXCLUDE,
      ])
      expect(records.length > 1).toBe(group === ANY)
    }
    socket.close()
  })

  test('R-ND-10 an older router is spoken to in its language', async ({ lan, router, join }) => {
    const socket = join()
    await lan.wait(5000)
    const since = lan.now
    router.send(craftMldQuery(1, ANY, 1000), { destination: octets6('ff02::1'), routerAlert: true })
    await lan.wait(3000)
    expect(router.said(ND.report1, since).filter(({ target }) => target === full6(GROUP))).toHaveLength(1)
    expect(reports(router, since)).toEqual([])
    const left = lan.now
    socket.close()
    await lan.wait(3000)
    expect(router.said(ND.done, left).map(({ target }) => target)).toEqual([full6(GROUP)])
    // RFC 3810 8.2.1: not for ever.
    await lan.wait(600_000)
    const later = lan.now
    join().close()
    await lan.wait(3000)
    expect(changes(router, later).length).toBeGreaterThanOrEqual(1)
  })

  test('H-34 R-ND-10 wrong queries, and floods of right ones', async ({ lan, host, router, join }) => {
    const socket = join()
    await lan.wait(5000)
    const general = craftMldQuery(2, ANY, 1000)
    const right: Sending = { destination: octets6('ff02::1'), routerAlert: true }
    const changed = (at: number, value: number): Uint8Array => {
      const message = general.slice()
      message[at] = value
      return message
    }
    const rows: readonly (readonly [string, Uint8Array, Sending])[] = [
      ['hop limit 255', general, { hopLimit: 255 }],
      ['hop limit 2', general, { hopLimit: 2 }],
      ['without router alert', general, { routerAlert: false, hopLimit: 1 }],
      ['from a global address', general, { source: octets6('fc00::66') }],
      ['from nobody', general, { source: ANY }],
      ['checksum', general, { checksum: 1 }],
      ['cut', general.subarray(0, 23), {}],
      ['between the versions', general.subarray(0, 26), {}],
      ['sources past the end', changed(27, 1), {}],
      ['thousands of sources', changed(26, 255), {}],
      ['about no group', craftMldQuery(2, octets6('fc00::1'), 1000), {}],
      ['about another group', craftMldQuery(2, octets6('ff15::9'), 1000), {}],
      ['about all groups, to one', general, { destination: octets6(GROUP) }],
      ['about one group, to another', craftMldQuery(2, octets6('ff15::9'), 1000), { destination: octets6(GROUP) }],
    ]
    for (const [what, message, sending] of rows) {
      const since = lan.now
      const before = drops(host)
      router.send(message, { ...right, ...sending })
      await lan.wait(2000)
      expect(reports(router, since), what).toEqual([])
      // A query about a group that we are not in is right, and no concern of ours.
      if (what !== 'about another group') expect(drops(host) - before, what).toBe(1)
    }
    for (const maxResponse of [0, 1000]) {
      const since = lan.now
      for (let i = 0; i < 1000; i++) {
        router.send(craftMldQuery(2, ANY, maxResponse), right)
        router.send(craftMldQuery(2, octets6(GROUP), maxResponse), { ...right, destination: octets6(GROUP) })
        await lan.wait(maxResponse === 0 ? 1 : 10)
      }
      await lan.wait(2000)
      // At most one answer per interval (a tenth of a second where none is given) to either kind.
      expect(reports(router, since).length).toBeLessThanOrEqual(2 * 12)
      expect(reports(router, since).length).toBeGreaterThanOrEqual(1)
    }
    socket.close()
  })
}

function reports(router: ScriptedRouter, since: number): readonly DiscoveryHeard[] {
  return router.said(ND.report2, since)
}

/** What was said of the group of the tests. */
function changes(router: ScriptedRouter, since: number): DiscoveryHeard['records'] {
  return reports(router, since).flatMap(({ records }) => records.filter(({ group }) => group === full6(GROUP)))
}

function drops(host: Host): number {
  const counts = Object.entries(host.stack.counters())
  return counts.reduce((sum, [key, count]) => sum + (key.startsWith('drop.') ? count : 0), 0)
}
