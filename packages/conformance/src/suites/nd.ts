/**
 * Neighbour discovery (RFC 4861), as it shows on the wire: solicitations and advertisements, what is not believed, duplicate addresses.
 *
 * @module
 */
import { parseIpAddress } from '@ioth/core'
import { expect } from 'vitest'
import {
  craftNeighborAdvertisement,
  craftNeighborSolicitation,
  NA,
  ND,
  nonceOption,
  sourceLink,
  targetLink,
} from '../craft/nd.ts'
import type { Host } from '../lan/host.ts'
import type { Lan } from '../lan/lan.ts'
import { withLan } from '../lan/lan.ts'
import { full6, octets6, ScriptedRouter, type Sending } from '../lan/scripted-router.ts'
import { NotClaimed } from '../not-claimed.ts'
import type { Suite } from '../suite.ts'
import { expectError, expectRejection } from './expect-code.ts'

const OURS = 'fc00::1'
const NEIGHBOR = 'fc00::66'
const OURS_GROUP = 'ff02::1:ff00:1'
const OTHER_MAC = [2, 0x77, 0, 0, 0, 0x77]
const NOBODY = octets6('::')
const SECOND = 1_000_000

interface Link {
  readonly lan: Lan
  readonly host: Host
  readonly neighbor: ScriptedRouter
}

export function neighborDiscovery(suite: Suite): void {
  if (!suite.capabilities.ipv6) {
    suite.notClaimed('neighbour discovery', 'ipv6: false')
    return
  }
  /** A host at fc00::1 and a scripted neighbour that answers for fc00::66. */
  const test = (name: string, body: (link: Link) => Promise<void>): void => {
    suite.plainTest(name, () =>
      withLan({ hosts: [], time: suite.time, name: `${suite.subject.name} ${name}` }, async (lan) => {
        const neighbor = new ScriptedRouter(lan)
        neighbor.answers.add(full6(NEIGHBOR))
        const host = await lan.join({ ...suite.host(), address: `${OURS}/64` })
        await lan.wait(5000)
        await body({ lan, host, neighbor })
      }),
    )
  }
  duplicates(suite)
  answers(test)
  if (suite.capabilities.ping) questions(test)
  else suite.notClaimed('R-ND-03 R-ND-04 neighbours that are sought', 'ping: false')
  floods(test)
}

type Test = (name: string, body: (link: Link) => Promise<void>) => void

function duplicates(suite: Suite): void {
  suite.plainTest('R-ND-06 each address is asked for before use, from nowhere, in its own group', async () => {
    await withLan({ hosts: [], time: suite.time, name: `${suite.subject.name} R-ND-06` }, async (lan) => {
      const neighbor = new ScriptedRouter(lan)
      const host = await lan.join({ ...suite.host(), address: `${OURS}/64` })
      const made = lan.now
      await lan.wait(5000)
      const probes = neighbor.said(ND.neighborSolicitation).filter(({ source }) => source === full6('::'))
      const linkLocal = host.stack.interfaces[0]?.addresses.find(({ address }) => address.isLinkLocal)
      expect(linkLocal, 'a link-local address').toBeDefined()
      expect(probes.map(({ target }) => target).sort()).toEqual(
        [full6(OURS), full6(`${linkLocal?.address.withScope(0)}`)].sort(),
      )
      for (const { time } of probes) expect(time).toBeLessThan(made)
      const probe = probes.find(({ target }) => target === full6(OURS))
      expect(probe?.destination).toBe(full6(OURS_GROUP))
      // RFC 4862 5.4.2: the group is joined first, and the routers know of it.
      const joined = neighbor
        .said(ND.report2)
        .filter(({ records }) => records.some(({ group }) => group === full6(OURS_GROUP)))
      expect(joined[0]?.time).toBeLessThanOrEqual(probe?.time as number)
      // Everybody hears where a service is that moved here.
      const news = neighbor.said(ND.neighborAdvertisement).filter(({ target }) => target === full6(OURS))
      expect(news[0]).toMatchObject({ destination: full6('ff02::1'), flags: NA.override })
      expect(Array.from(news[0]?.options.get(2) ?? [])).toEqual(neighbor.hostMac(0))
    })
  })

  /** Answers the first probe for the address with a message. */
  const contested = async (
    lan: Lan,
    say: (neighbor: ScriptedRouter, nonce: readonly number[]) => void,
  ): Promise<string> => {
    const neighbor = new ScriptedRouter(lan)
    const joined = lan.join({ ...suite.host(), address: `${OURS}/64` })
    const outcome = joined.then(
      () => 'usable',
      (error: { code: string }) => error.code,
    )
    const probe = (): boolean => neighbor.said(ND.neighborSolicitation).some(({ target }) => target === full6(OURS))
    await lan.until(probe, 10_000)
    const { options } = neighbor.said(ND.neighborSolicitation).find(({ target }) => target === full6(OURS)) ?? {}
    say(neighbor, Array.from(options?.get(14) ?? []))
    return lan.settled(outcome, 60_000)
  }

  const fromNobody: Sending = { source: NOBODY, destination: octets6(OURS_GROUP) }
  const rows: readonly (readonly [string, string, (neighbor: ScriptedRouter, nonce: readonly number[]) => void])[] = [
    [
      'H-33 somebody answers',
      'EADDRINUSE',
      (neighbor) =>
        neighbor.send(craftNeighborAdvertisement(octets6(OURS), NA.override, targetLink(neighbor.mac)), {
          source: octets6(OURS),
        }),
    ],
    [
      'somebody asks for it at the same time',
      'EADDRINUSE',
      (neighbor) => neighbor.send(craftNeighborSolicitation(octets6(OURS)), fromNobody),
    ],
    [
      'somebody asks with a nonce of his own',
      'EADDRINUSE',
      (neighbor) =>
        neighbor.send(craftNeighborSolicitation(octets6(OURS), nonceOption([1, 2, 3, 4, 5, 6])), fromNobody),
    ],
    [
      'our own question comes back (RFC 7527)',
      'usable',
      (neighbor, nonce) => neighbor.send(craftNeighborSolicitation(octets6(OURS), nonceOption(nonce)), fromNobody),
    ],
    [
      'somebody looks for its holder',
      'usable',
      (neighbor) =>
        neighbor.send(craftNeighborSolicitation(octets6(OURS), sourceLink(neighbor.mac)), {
          destination: octets6(OURS_GROUP),
        }),
    ],
    [
      'somebody answers from afar',
      'usable',
      (neighbor) =>
        neighbor.send(craftNeighborAdvertisement(octets6(OURS), NA.override, targetLink(neighbor.mac)), {
          source: octets6(OURS),
          hopLimit: 254,
        }),
    ],
  ]
  for (const [what, expected, say] of rows) {
    suite.plainTest(`R-ND-06 an address being checked: ${what}: ${expected}`, async () => {
      await withLan({ hosts: [], time: suite.time, name: `${suite.subject.name} R-ND-06 ${what}` }, async (lan) => {
        expect(await contested(lan, say)).toBe(expected)
        const host = lan.host(0)
        if (expected === 'usable') return
        expect(
          host.events.filter(({ kind }) => kind === 'address-conflict').map(({ address }) => `${address}`),
        ).toEqual([OURS])
      })
    })
  }
}

function answers(test: Test): void {
  const solicit = craftNeighborSolicitation(octets6(OURS), sourceLink([2, 0x66, 0, 0, 0, 0x66]))
  const toGroup: Sending = { source: octets6(NEIGHBOR), destination: octets6(OURS_GROUP) }

  test('R-ND-03 who asks for our address is told: solicited, with override, to him alone', async ({
    lan,
    neighbor,
  }) => {
    const since = lan.now
    neighbor.send(solicit, toGroup)
    await lan.wait(10)
    const said = neighbor.said(ND.neighborAdvertisement, since)
    expect(said).toHaveLength(1)
    expect(said[0]).toMatchObject({
      flags: NA.solicited | NA.override,
      target: full6(OURS),
      source: full6(OURS),
      destination: full6(NEIGHBOR),
      to: '02:66:00:00:00:66',
    })
    expect(Array.from(said[0]?.options.get(2) ?? [])).toEqual(neighbor.hostMac(0))
  })

  test('R-ND-06 who is about to take our address is told, with all others', async ({ lan, neighbor }) => {
    const since = lan.now
    neighbor.send(craftNeighborSolicitation(octets6(OURS), nonceOption([1, 2, 3, 4, 5, 6])), {
      source: NOBODY,
      destination: octets6(OURS_GROUP),
    })
    await lan.wait(10)
    const said = neighbor.said(ND.neighborAdvertisement, since)
    expect(said).toHaveLength(1)
    expect(said[0]).toMatchObject({ flags: NA.override, target: full6(OURS), destination: full6('ff02::1') })
  })

  test('R-ND-01 R-ND-02 H-31 a solicitation with one thing wrong draws no answer and leaves nothing', async ({
    lan,
    host,
    neighbor,
  }) => {
    const changed = (at: number, value: number): Uint8Array => {
      const message = solicit.slice()
      message[at] = value
      return message
    }
    const ask = (target: string, options: readonly number[] = []): Uint8Array =>
      craftNeighborSolicitation(octets6(target), options)
    const rows: readonly (readonly [string, Uint8Array, Sending])[] = [
      ['hop limit 254', solicit, { hopLimit: 254 }],
      ['hop limit 1', solicit, { hopLimit: 1 }],
      ['hop limit 0', solicit, { hopLimit: 0 }],
      ['code 1', changed(1, 1), {}],
      ['checksum', solicit, { checksum: 0x1234 }],
      ['cut in the target', solicit.subarray(0, 23), {}],
      ['cut in the header', solicit.subarray(0, 7), {}],
      ['option of length 0', changed(25, 0), {}],
      ['option past the end', changed(25, 2), {}],
      ['half an option', solicit.subarray(0, 28), {}],
      ['one octet behind', Uint8Array.from([...solicit, 1]), {}],
      ['hardware address of a group', changed(26, 3), {}],
      ['target a group', ask(OURS_GROUP), {}],
      ['target not ours', ask('fc00::2'), {}],
      ['from nobody, with a hardware address', solicit, { source: NOBODY }],
      ['from nobody, to us alone', ask(OURS), { source: NOBODY, destination: octets6(OURS) }],
      ['from nobody, to all nodes', ask(OURS), { source: NOBODY, destination: octets6('ff02::1') }],
      ['from our address', solicit, { source: octets6(OURS) }],
      ['from a group', solicit, { source: octets6('ff02::5') }],
      ['from the loopback address', solicit, { source: octets6('::1') }],
      ['in a fragment', solicit, { chain: { first: 44, octets: [58, 0, 0, 0, 0, 0, 0, 9] } }],
      ['in the first of fragments', solicit, { chain: { first: 44, octets: [58, 0, 0, 1, 0, 0, 0, 9] } }],
      ['from the group of the frame', solicit, { mac: [3, 0, 0, 0, 0, 1] }],
    ]
    const state = (): unknown => [...host.stack.neighbors.list()].map(({ address, mac }) => `${address} ${mac}`).sort()
    const dropped = (): number =>
      Object.entries(host.stack.counters()).reduce(
        (sum, [key, count]) => sum + (key.startsWith('drop.') ? count : 0),
        0,
      )
    const before = state()
    for (const [what, message, sending] of rows) {
      const since = lan.now
      const drops = dropped()
      neighbor.send(message, { ...toGroup, ...sending })
      await lan.wait(20)
      expect(neighbor.said(ND.neighborAdvertisement, since), what).toEqual([])
      expect(neighbor.packets.splice(0), what).toEqual([])
      expect(state(), what).toEqual(before)
      if (what !== 'in the first of fragments') expect(dropped() - drops, what).toBe(1)
    }
    const since = lan.now
    neighbor.send(solicit, toGroup)
    await lan.wait(20)
    expect(neighbor.said(ND.neighborAdvertisement, since), 'the same, right').toHaveLength(1)
  })

  test('R-ND-01 H-31 an advertisement with one thing wrong is not believed', async ({ lan, host, neighbor }) => {
    await ping(lan, host)
    const claim = craftNeighborAdvertisement(octets6(NEIGHBOR), NA.override, targetLink(OTHER_MAC))
    const changed = (at: number, value: number): Uint8Array => {
      const message = claim.slice()
      message[at] = value
      return message
    }
    const group = craftNeighborAdvertisement(octets6('ff02::5'), NA.override, targetLink(OTHER_MAC))
    const rows: readonly (readonly [string, Uint8Array, Sending])[] = [
      ['hop limit 254', claim, { hopLimit: 254 }],
      ['code 1', changed(1, 1), {}],
      ['checksum', claim, { checksum: 0x4321 }],
      ['short', claim.subarray(0, 20), {}],
      ['option of length 0', changed(25, 0), {}],
      ['option past the end', changed(25, 9), {}],
      ['hardware address of a group', changed(26, 1), {}],
      ['target a group', group, {}],
      ['solicited, to a group', changed(4, NA.solicited | NA.override), {}],
      ['without override', changed(4, 0), {}],
    ]
    for (const [what, message, sending] of rows) {
      neighbor.send(message, { source: octets6(NEIGHBOR), ...sending })
      await lan.wait(20)
      expect(macOf(host), what).toBe('02:66:00:00:00:66')
    }
    neighbor.send(claim, { source: octets6(NEIGHBOR) })
    await lan.wait(20)
    expect(macOf(host), 'the same, right').toBe('02:77:00:00:00:77')
  })

  test('R-ND-03 P-21 a neighbour nobody asked about does not become one by advertising itself', async ({
    lan,
    host,
    neighbor,
  }) => {
    neighbor.send(craftNeighborAdvertisement(octets6('fc00::99'), NA.override, targetLink(OTHER_MAC)), {
      source: octets6('fc00::99'),
    })
    await lan.wait(20)
    expect([...host.stack.neighbors.list()].some(({ address }) => `${address}` === 'fc00::99')).toBe(false)
  })

  test('R-ND-06 H-33 somebody claims an address that is ours: an event, and the address stays', async ({
    lan,
    host,
    neighbor,
  }) => {
    const since = lan.now
    neighbor.send(craftNeighborAdvertisement(octets6(OURS), NA.override, targetLink(OTHER_MAC)), {
      source: octets6(OURS_LINK),
    })
    await lan.wait(20)
    const conflicts = host.events.filter(({ kind }) => kind === 'address-conflict')
    expect(conflicts.map(({ address, mac }) => [`${address}`, mac])).toEqual([[OURS, '02:77:00:00:00:77']])
    expect(neighbor.said(ND.neighborAdvertisement, since).map(({ flags }) => flags)).toEqual([NA.override])
    await ping(lan, host)
  })
}

const OURS_LINK = 'fe80::99'

function questions(test: Test): void {
  test('R-ND-03 R-ND-04 a neighbour is sought in its group, once a second, three times: then it is unreachable', async ({
    lan,
    host,
    neighbor,
  }) => {
    const since = lan.now
    const ping = host.stack.ping(parseIpAddress('fc00::99'), { timeoutMs: 20_000 }).then(
      () => null,
      (error: unknown) => error,
    )
    await lan.wait(10_000)
    const asked = neighbor.said(ND.neighborSolicitation, since)
    expect(asked.map(({ target, destination }) => [target, destination])).toEqual(
      new Array(3).fill([full6('fc00::99'), full6('ff02::1:ff00:99')]),
    )
    for (const question of asked) expect(Array.from(question.options.get(1) ?? [])).toEqual(neighbor.hostMac(0))
    const times = asked.map(({ time }) => time)
    for (const [i, time] of times.slice(1).entries()) {
      expect(time - (times[i] as number)).toBeGreaterThanOrEqual(0.9 * SECOND)
      expect(time - (times[i] as number)).toBeLessThanOrEqual(1.2 * SECOND)
    }
    const error = await lan.settled(ping)
    expectError(error as never, 'EHOSTUNREACH', { syscall: 'ping', address: 'fc00::99' })
  })

  test('R-ND-04 what waits for an answer leaves with it, in order', async ({ lan, host, neighbor }) => {
    neighbor.answers.delete(full6(NEIGHBOR))
    const socket = host.stack.openUdp(6)
    for (const octet of [1, 2, 3]) socket.send(Uint8Array.of(octet), 0, 1, parseIpAddress(NEIGHBOR), 9)
    await lan.wait(500)
    expect(neighbor.packets).toEqual([])
    neighbor.answers.add(full6(NEIGHBOR))
    await lan.wait(2000)
    const got = neighbor.packets.flatMap(({ udp }) => (udp === null ? [] : [Array.from(udp.data)]))
    expect(got.length).toBeGreaterThanOrEqual(1)
    // At least the latest; of those kept, the order.
    expect(got).toEqual([[1], [2], [3]].slice(3 - got.length))
    socket.close()
  })

  test('R-ND-03 a neighbour that answers no more is asked alone, three times, five seconds after its next use; then everybody is', async ({
    lan,
    host,
    neighbor,
  }) => {
    await ping(lan, host)
    await lan.wait(60_000)
    neighbor.answers.delete(full6(NEIGHBOR))
    const socket = host.stack.openUdp(6)
    const since = lan.now
    socket.send(Uint8Array.of(1), 0, 1, parseIpAddress(NEIGHBOR), 9)
    await lan.wait(12_000)
    const asked = neighbor.said(ND.neighborSolicitation, since)
    expect(asked.map(({ destination, to }) => [destination, to])).toEqual(
      new Array(3).fill([full6(NEIGHBOR), '02:66:00:00:00:66']),
    )
    const waited = ((asked[0]?.time as number) - since) / SECOND
    expect(waited).toBeGreaterThanOrEqual(4.9)
    expect(waited).toBeLessThanOrEqual(5.5)
    const later = lan.now
    socket.send(Uint8Array.of(2), 0, 1, parseIpAddress(NEIGHBOR), 9)
    await lan.wait(500)
    expect(neighbor.said(ND.neighborSolicitation, later)[0]?.destination).toBe(full6('ff02::1:ff00:66'))
    socket.close()
  })

  test('R-ND-03 a neighbour that advertises a new place is spoken to there', async ({ lan, host, neighbor }) => {
    await ping(lan, host)
    const moved = craftNeighborAdvertisement(octets6(NEIGHBOR), NA.override, targetLink(OTHER_MAC))
    neighbor.send(moved, { source: octets6(NEIGHBOR), mac: OTHER_MAC })
    await lan.wait(20)
    const socket = host.stack.openUdp(6)
    socket.send(Uint8Array.of(1), 0, 1, parseIpAddress(NEIGHBOR), 9)
    await lan.wait(20)
    expect(Array.from(host.frames.at(-1)?.octets.subarray(0, 6) ?? [])).toEqual(OTHER_MAC)
    socket.close()
  })
}

function floods(test: Test): void {
  test('P-21 H-30 a flood of solicitations: a bounded cache, and who is in use stays', async ({
    lan,
    host,
    neighbor,
  }) => {
    await ping(lan, host)
    await lan.wait(60_000)
    for (let i = 0; i < 5000; i++) {
      const source = octets6('fc00::')
      source.splice(12, 4, 9, 9, i >> 8, i & 255)
      neighbor.send(craftNeighborSolicitation(octets6(OURS), sourceLink([2, 8, 0, 0, i >> 8, i & 255])), {
        source,
        destination: octets6(OURS_GROUP),
      })
      if (i % 100 === 99) await lan.wait(1)
    }
    await lan.wait(10)
    expect([...host.stack.neighbors.list()].length).toBeLessThanOrEqual(4096)
    expect(macOf(host)).toBe('02:66:00:00:00:66')
    await ping(lan, host)
  })

  test('H-30 traffic to absent neighbours: questions are limited altogether, and a neighbour that answers is found', async ({
    lan,
    host,
    neighbor,
  }) => {
    const socket = host.stack.openUdp(6)
    const since = lan.now
    for (let i = 0; i < 5000; i++) {
      socket.send(Uint8Array.of(1), 0, 1, parseIpAddress(`fc00::9:9:${i.toString(16)}:1`), 9)
      if (i % 100 === 99) await lan.wait(20)
    }
    const seconds = (lan.now - since) / SECOND
    expect(neighbor.said(ND.neighborSolicitation, since).length).toBeLessThanOrEqual((1024 + 200 * seconds) * 3)
    await lan.wait(60_000)
    await ping(lan, host)
    socket.close()
  })
}

async function ping(lan: Lan, host: Host): Promise<void> {
  if (!host.stack.capabilities.ping) throw new NotClaimed('ping: false')
  // The neighbour answers no echo: that it was found is what counts.
  const outcome = lan.settled(host.stack.ping(parseIpAddress(NEIGHBOR), { timeoutMs: 500 }))
  await expectRejection(outcome, 'ETIMEDOUT')
}

/** Where the host believes the neighbour to be. */
function macOf(host: Host): string | undefined {
  return [...host.stack.neighbors.list()].find(({ address }) => `${address}` === NEIGHBOR)?.mac
}
