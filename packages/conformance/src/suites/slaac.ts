/**
 * Router discovery and stateless address autoconfiguration (RFC 4861 6, RFC 4862 5.5, RFC 7559, RFC 8106), against a scripted router.
 *
 * @module
 */
import { type InterfaceAddress, IpAddress, parseIpAddress, type StackEvent } from '@ioth/core'
import { expect } from 'vitest'
import {
  craftNeighborAdvertisement,
  craftRedirect,
  craftRouterAdvertisement,
  mtuOption,
  NA,
  ND,
  nameServerOption,
  type PrefixFields,
  prefixOption,
  type RouterAdvertisementFields,
  routeOption,
  searchOption,
  sourceLink,
  targetLink,
} from '../craft/nd.ts'
import type { Host } from '../lan/host.ts'
import { type Lan, withLan } from '../lan/lan.ts'
import { full6, octets6, ScriptedRouter, type Sending } from '../lan/scripted-router.ts'
import type { Suite } from '../suite.ts'
import { expectRejection } from './expect-code.ts'

const PREFIX = '2001:db8:1::'
const FAR = '2001:db8:ffff::1'
const HOUR = 3600
const SECOND_MS = 1000

interface Configured {
  readonly lan: Lan
  readonly host: Host
  readonly router: ScriptedRouter
}

type Test = (
  name: string,
  advertisement: RouterAdvertisementFields | null,
  body: (configured: Configured) => Promise<void>,
) => void

export function autoconfiguration(suite: Suite): void {
  if (!suite.capabilities.ipv6) {
    suite.notClaimed('autoconfiguration', 'ipv6: false')
    return
  }
  if (suite.capabilities.slaac !== true) {
    suite.plainTest('R-ND-05 autoconfiguration is refused in words', async () => {
      await withLan({ hosts: [], time: suite.time }, async (lan) => {
        await expectRejection(lan.join({ ...suite.host(), slaac: true }), 'ERR_IOTH_NOT_IMPLEMENTED')
      })
    })
  }
  /** A host that joins a link with a router that answers with this advertisement; null: with nothing. */
  const test: Test = (name, advertisement, body) => {
    plainTest(suite, name, () =>
      withLan({ hosts: [], time: suite.time, name: `${suite.subject.name} ${name}` }, async (lan) => {
        const router = new ScriptedRouter(lan)
        router.advertisement = advertisement
        const host = await lan.join({ ...suite.host(), slaac: true })
        await body({ lan, host, router })
      }),
    )
  }
  routers(test)
  prefixes(test)
  hostile(suite, test)
}

/** By name also where it is not claimed. */
function plainTest(suite: Suite, name: string, body: () => Promise<void>): void {
  if (suite.capabilities.slaac === true) suite.plainTest(name, body)
  else suite.notClaimed(name, 'slaac: false')
}

const withPrefix = (fields: Partial<PrefixFields> = {}): RouterAdvertisementFields => ({
  options: prefixOption({ prefix: octets6(PREFIX), ...fields }),
})

function routers(test: Test): void {
  test(
    'R-ND-05 a router: a link-local and a global address are usable when the stack is made, the way out leads through it',
    withPrefix(),
    async ({ lan, host, router }) => {
      await lan.wait(1)
      const [linkLocal, global] = sorted(host)
      expect(linkLocal?.address.isLinkLocal).toBe(true)
      expect(isIn(global as InterfaceAddress, PREFIX)).toBe(true)
      expect(global?.prefixLength).toBe(64)
      expect(kinds(host, 'router-added')).toEqual([parseIpAddress(router.address).toString()])
      expect(kinds(host, 'address-added')).toHaveLength(2)
      expect(host.stack.sourceFor(parseIpAddress(FAR))?.equals(global?.address as IpAddress)).toBe(true)
      await say(lan, host, FAR)
      const packet = router.packets.at(-1)?.ip
      expect([packet?.source, packet?.destination]).toEqual([full6(`${global?.address}`), full6(FAR)])
    },
  )

  test('R-ND-05 a router that resigns is a way out no longer', withPrefix(), async ({ lan, host, router }) => {
    router.advertise({ lifetime: 0 })
    await lan.wait(10)
    expect(kinds(host, 'router-removed')).toHaveLength(1)
    expect(host.stack.sourceFor(parseIpAddress(FAR))).toBe(null)
    // The prefix is another matter.
    expect(host.stack.sourceFor(parseIpAddress(`${PREFIX}9`))).not.toBe(null)
  })

  test('R-ND-05 a router lasts as long as it said', { lifetime: 30 }, async ({ lan, host }) => {
    await lan.wait(28 * SECOND_MS)
    expect(defaults(host)).toHaveLength(1)
    await lan.wait(4 * SECOND_MS)
    expect(defaults(host)).toEqual([])
    expect(kinds(host, 'router-removed')).toHaveLength(1)
  })

  test('R-ND-05 of two routers the preferred one is used, and the other when it does not answer (RFC 4191)', {
    ...withPrefix(),
    flags: 0,
  }, async ({ lan, host, router }) => {
    const better = new ScriptedRouter(lan, 'fe80::77', [2, 0x77, 0, 0, 0, 0x77])
    better.advertise({ flags: 0x08 })
    await lan.wait(10)
    await say(lan, host, FAR)
    expect(better.packets).toHaveLength(1)
    better.answers.clear()
    await lan.wait(60 * SECOND_MS)
    // Nobody confirms it, nobody answers its questions: after them the other is asked.
    await say(lan, host, FAR)
    await lan.wait(20 * SECOND_MS)
    const before = router.packets.length
    await say(lan, host, FAR)
    expect(router.packets.length).toBe(before + 1)
    // Until it is heard of again.
    better.answers.add(full6(better.address))
    better.advertise({ flags: 0x08 })
    await lan.wait(10)
    const others = better.packets.length
    await say(lan, host, FAR)
    expect(better.packets.length).toBe(others + 1)
  })

  test(
    'R-ND-03 R-ND-05 a router that advertises itself as a host is none any more',
    withPrefix(),
    async ({ lan, host, router }) => {
      await say(lan, host, FAR)
      const flags = NA.solicited | NA.override
      const [linkLocal] = sorted(host)
      router.send(craftNeighborAdvertisement(octets6(router.address), flags, targetLink(router.mac)), {
        destination: octets6(`${linkLocal?.address.withScope(0)}`),
      })
      await lan.wait(10)
      expect(defaults(host)).toEqual([])
    },
  )

  test('R-ND-05 the MTU, the hop limit and the name servers of the advertisement are used', {
    hopLimit: 99,
    options: [
      ...prefixOption({ prefix: octets6(PREFIX) }),
      ...mtuOption(1400),
      ...nameServerOption(600, [octets6('2001:db8::53'), octets6('2001:db8::54')]),
      ...searchOption(600, ['example.org', 'lab.example']),
    ],
  }, async ({ lan, host, router }) => {
    expect(host.stack.nameServers.map(String)).toEqual(['2001:db8::53', '2001:db8::54'])
    expect(host.stack.searchDomains).toEqual(['example.org', 'lab.example'])
    await say(lan, host, FAR)
    expect(router.packets.at(-1)?.ip?.timeToLive).toBe(99)
    const socket = host.stack.openTcp(6)
    socket.connect(parseIpAddress(FAR), 80)
    await lan.wait(10)
    expect(router.packets.at(-1)?.tcp?.options.maximumSegmentSize).toBe(1400 - 60)
    socket.close()
    await lan.wait(650 * SECOND_MS)
    expect(host.stack.nameServers).toEqual([])
    expect(host.stack.searchDomains).toEqual([])
  })

  test(
    'R-ND-05 a route to a part of the network leads through who advertised it (RFC 4191)',
    withPrefix(),
    async ({ lan, host, router }) => {
      const other = new ScriptedRouter(lan, 'fe80::77', [2, 0x77, 0, 0, 0, 0x77])
      other.advertise({ lifetime: 0, options: routeOption(octets6('2001:db8:ffff::'), 48, 600) })
      await lan.wait(10)
      await say(lan, host, FAR)
      await say(lan, host, '2001:db8:eeee::1')
      expect(other.packets.map(({ ip }) => ip?.destination)).toEqual([full6(FAR)])
      expect(router.packets.map(({ ip }) => ip?.destination)).toEqual([full6('2001:db8:eeee::1')])
      await lan.wait(700 * SECOND_MS)
      expect([...host.stack.routes.list()].some(({ prefixLength }) => prefixLength === 48)).toBe(false)
    },
  )

  test(
    'R-ND-08 routers are asked for until one answers, ever more seldom, and no longer',
    null,
    async ({ lan, host, router }) => {
      const own = host.stack.interfaces[0]?.addresses ?? []
      expect(own.every(({ address }) => address.isLinkLocal)).toBe(true)
      await lan.wait(600 * SECOND_MS)
      const asked = router.said(ND.routerSolicitation)
      for (const { destination, source, options } of asked) {
        expect(destination).toBe(full6('ff02::2'))
        expect(source).toBe(full6(`${own[0]?.address.withScope(0)}`))
        expect(Array.from(options.get(1) ?? [])).toEqual(router.hostMac(0))
      }
      const gaps = asked.slice(1).map(({ time }, i) => time - (asked[i]?.time as number))
      expect(gaps.length).toBeGreaterThanOrEqual(4)
      expect(gaps.length).toBeLessThanOrEqual(12)
      for (const [i, gap] of gaps.slice(1).entries()) {
        expect(gap / (gaps[i] as number)).toBeGreaterThan(1.7)
        expect(gap / (gaps[i] as number)).toBeLessThan(2.4)
      }
      router.advertise(withPrefix())
      await lan.wait(100)
      expect(sorted(host)).toHaveLength(2)
      const since = lan.now
      await lan.wait(3 * HOUR * SECOND_MS)
      expect(router.said(ND.routerSolicitation, since)).toEqual([])
    },
  )
}

function prefixes(test: Test): void {
  test(
    'R-ND-07 an address is preferred, then deprecated, then gone, as its lifetimes say',
    withPrefix({ valid: 3 * HOUR, preferred: HOUR }),
    async ({ lan, host }) => {
      const global = sorted(host)[1]?.address as IpAddress
      expect(`${host.stack.sourceFor(parseIpAddress(FAR))}`).toBe(`${global}`)
      await lan.wait((HOUR + 10) * SECOND_MS)
      // Deprecated, but there is no other of its scope.
      expect(sorted(host)).toHaveLength(2)
      await lan.wait(2 * HOUR * SECOND_MS)
      expect(sorted(host)).toHaveLength(1)
      expect(kinds(host, 'address-removed')).toEqual([`${global}`])
    },
  )

  test(
    'R-ND-07 R-IP6-11 a deprecated address speaks for no new connection where there is another',
    withPrefix({ valid: 3 * HOUR, preferred: 60 }),
    async ({ lan, host, router }) => {
      const old = sorted(host)[1]?.address as IpAddress
      router.advertise({ options: prefixOption({ prefix: octets6('2001:db8:2::') }) })
      await lan.wait(70 * SECOND_MS)
      expect(isIn(host.stack.sourceFor(parseIpAddress(FAR)) as IpAddress, '2001:db8:2::')).toBe(true)
      // Made young again, it counts as before.
      router.advertise(withPrefix())
      await lan.wait(10)
      expect(host.stack.sourceFor(parseIpAddress(`${PREFIX}5`))?.equals(old)).toBe(true)
    },
  )

  test('R-ND-07 what a prefix may not be: no address is formed', { lifetime: 1800 }, async ({ lan, host, router }) => {
    const rows: readonly (readonly [string, Partial<PrefixFields>])[] = [
      ['not autonomous', { flags: 0x80 }],
      ['link-local', { prefix: octets6('fe80::') }],
      ['a group', { prefix: octets6('ff0e::') }],
      ['preferred longer than valid', { valid: 100, preferred: 101 }],
      ['valid for no time', { valid: 0, preferred: 0 }],
      ['48 bits', { length: 48 }],
      ['65 bits', { length: 65 }],
      ['128 bits', { length: 128 }],
      ['0 bits', { length: 0 }],
      ['129 bits', { length: 129 }],
    ]
    for (const [what, fields] of rows) {
      router.advertise(withPrefix(fields))
      await lan.wait(200)
      expect(sorted(host).map(String), what).toHaveLength(1)
    }
    router.advertise(withPrefix({ flags: 0x40 }))
    await lan.wait(200)
    expect(sorted(host)).toHaveLength(2)
  })

  /** Valid lifetimes in seconds: what is left, what is advertised, what is left then (RFC 4862 5.5.3 e). */
  for (const [left, said, then] of [
    [5 * HOUR, 3 * HOUR, 3 * HOUR],
    [5 * HOUR, HOUR, 2 * HOUR],
    [5 * HOUR, 0, 2 * HOUR],
    [2 * HOUR, 60, 2 * HOUR],
    [HOUR, 60, HOUR],
    [HOUR, 1.5 * HOUR, 1.5 * HOUR],
    [HOUR, 3 * HOUR, 3 * HOUR],
  ] as const) {
    test(
      `R-ND-07 the two-hour rule: ${left} s left, ${said} s advertised: ${then} s`,
      withPrefix({ valid: left, preferred: left }),
      async ({ lan, host, router }) => {
        router.advertise(withPrefix({ valid: said, preferred: said }))
        await lan.wait((then - 10) * SECOND_MS)
        expect(sorted(host)).toHaveLength(2)
        await lan.wait(20 * SECOND_MS)
        expect(sorted(host)).toHaveLength(1)
      },
    )
  }

  test(
    'R-ND-05 a prefix off link is reached through the router, one on link directly',
    withPrefix({ flags: 0x40 }),
    async ({ lan, host, router }) => {
      const near = `${PREFIX}77`
      await say(lan, host, near)
      expect(router.packets.map(({ ip }) => ip?.destination)).toEqual([full6(near)])
      router.advertise(withPrefix({ flags: 0xc0 }))
      await lan.wait(10)
      const since = lan.now
      await say(lan, host, near)
      expect(router.said(ND.neighborSolicitation, since).map(({ target }) => target)).toEqual([full6(near)])
    },
  )
}

function hostile(suite: Suite, test: Test): void {
  test('R-ND-01 H-31 an advertisement with one thing wrong configures nothing', null, async ({ lan, host, router }) => {
    const good = craftRouterAdvertisement({
      options: [...sourceLink(router.mac), ...prefixOption({ prefix: octets6(PREFIX) })],
    })
    const changed = (at: number, value: number): Uint8Array => {
      const message = good.slice()
      message[at] = value
      return message
    }
    const rows: readonly (readonly [string, Uint8Array, Sending])[] = [
      ['hop limit 254', good, { hopLimit: 254 }],
      ['code 1', changed(1, 1), {}],
      ['checksum', good, { checksum: 0x1111 }],
      ['from a global address', good, { source: octets6('2001:db8::1') }],
      ['from nobody', good, { source: octets6('::') }],
      ['cut in the header', good.subarray(0, 15), {}],
      ['option of length 0', changed(17, 0), {}],
      ['option past the end', changed(17, 6), {}],
      ['prefix option cut', good.subarray(0, 48), {}],
      ['prefix option of 16 octets', changed(25, 2), {}],
      ['prefix of 129 bits', changed(26, 129), {}],
      ['hardware address of a group', changed(18, 3), {}],
      ['in fragments', good, { chain: { first: 44, octets: [58, 0, 0, 0, 0, 0, 0, 7] } }],
    ]
    for (const [what, message, sending] of rows) {
      router.send(message, sending)
      await lan.wait(200)
      expect(sorted(host), what).toHaveLength(1)
      expect(defaults(host), what).toEqual([])
    }
    router.send(good)
    await lan.wait(200)
    expect(sorted(host), 'the same, right').toHaveLength(2)
  })

  test(
    'H-32 a flood of routers, prefixes, routes and servers: bounded, and what was there goes on',
    withPrefix(),
    async ({ lan, host, router }) => {
      const first = sorted(host)[1]?.address as IpAddress
      for (let i = 0; i < 2000; i++) {
        const [high, low] = [i >> 8, i & 255]
        const pick = (text: string): number[] => {
          const octets = octets6(text)
          octets.splice(4, 2, high, low)
          return octets
        }
        const source = octets6('fe80::1:0:0')
        source.splice(14, 2, high, low)
        router.advertise(
          {
            lifetime: i % 3 === 0 ? 65_535 : 1 + (i % 50),
            reachable: i % 2 === 0 ? 0xffffffff : 1,
            retransmit: i % 2 === 0 ? 0xffffffff : 1,
            hopLimit: 1,
            options: [
              ...prefixOption({ prefix: pick('2001:db8::'), valid: 0xffffffff, preferred: 0xffffffff }),
              ...routeOption(pick('2001:dba::'), 48, 0xffffffff),
              ...nameServerOption(0xffffffff, [pick('2001:dbb::1'), pick('2001:dbc::1')]),
              ...searchOption(0xffffffff, [`n${i}.example`]),
              ...mtuOption([0, 1, 1279, 1501, 65_535][i % 5] as number),
            ],
          },
          { source, mac: [2, 9, 0, 0, high, low] },
        )
        if (i % 50 === 49) await lan.wait(5)
      }
      await lan.wait(500)
      expect(sorted(host).length).toBeLessThanOrEqual(64)
      expect(sorted(host).some(({ address }) => address.equals(first))).toBe(true)
      expect([...host.stack.routes.list()].length).toBeLessThanOrEqual(256)
      expect([...host.stack.neighbors.list()].length).toBeLessThanOrEqual(4096)
      expect(host.stack.nameServers.length).toBeLessThanOrEqual(64)
      expect(host.stack.searchDomains.length).toBeLessThanOrEqual(64)
      // The first router is still the way out, at the MTU of the link and with a hop limit that gets somewhere.
      expect(defaults(host)).toContain(parseIpAddress(router.address).toString())
      const socket = host.stack.openTcp(6)
      socket.connect(parseIpAddress(FAR), 80)
      await lan.wait(10)
      const syn = host.frames.at(-1)?.octets
      expect(syn?.[21]).toBeGreaterThanOrEqual(32)
      socket.close()
      await lan.settled(host.stack.close())
      expect(lan.virtual?.timers ?? 0).toBe(0)
    },
  )

  plainTest(suite, 'H-33 somebody claims each address that is tried: none is used, and the tries end', async () => {
    await withLan({ hosts: [], time: suite.time, name: `${suite.subject.name} H-33` }, async (lan) => {
      const router = new ScriptedRouter(lan)
      let answered = 0
      const outcome = lan.join({ ...suite.host(), slaac: true }).then(
        () => 'usable',
        (error: { code: string }) => error.code,
      )
      let result: string | null = null
      void outcome.then((value) => {
        result = value
      })
      await lan.until(() => {
        for (const { target, source } of router.said(ND.neighborSolicitation).slice(answered)) {
          answered++
          if (source !== full6('::')) continue
          const claim = craftNeighborAdvertisement(octets6(target), NA.override, targetLink(router.mac))
          router.send(claim, { source: octets6(target) })
        }
        return result !== null
      }, 120_000)
      expect(result).toBe('EADDRINUSE')
      expect(answered).toBeGreaterThanOrEqual(1)
      expect(answered).toBeLessThanOrEqual(10)
      expect(kinds(lan.host(0), 'address-conflict')).toHaveLength(answered)
      expect(kinds(lan.host(0), 'address-added')).toEqual([])
    })
  })

  test('R-ND-01 H-31 redirects are not taken from whoever sends them', withPrefix(), async ({ lan, host, router }) => {
    const routes = (): number => [...host.stack.routes.list()].length
    const before = routes()
    const redirect = craftRedirect(octets6('fe80::99'), octets6(FAR), targetLink([2, 9, 9, 9, 9, 9]))
    const [linkLocal] = sorted(host)
    const destination = octets6(`${linkLocal?.address.withScope(0)}`)
    for (const sending of [{ source: octets6('fe80::98') }, { hopLimit: 254 }, { source: octets6('2001:db8::9') }]) {
      router.send(redirect, { destination, ...sending })
      await lan.wait(10)
      expect(routes()).toBe(before)
    }
    await say(lan, host, FAR)
    expect(router.packets).toHaveLength(1)
  })

  test(
    'P-11 P-13 a configured host is silent, and leaves nothing behind',
    withPrefix({ valid: 0xffffffff, preferred: 0xffffffff }),
    async ({ lan, host }) => {
      await lan.wait(10 * SECOND_MS)
      const before = host.frames.length
      await lan.wait(1000 * SECOND_MS)
      expect(host.frames.length).toBe(before)
      await lan.settled(host.stack.close())
      expect([lan.virtual?.timers ?? 0, lan.pool.used]).toEqual([0, 0])
    },
  )
}

/** The addresses of the host, link-local ones first. */
function sorted(host: Host): readonly InterfaceAddress[] {
  const all = host.stack.interfaces[0]?.addresses ?? []
  return [...all.filter(({ address }) => address.isLinkLocal), ...all.filter(({ address }) => !address.isLinkLocal)]
}

function isIn(what: InterfaceAddress | IpAddress, prefix: string): boolean {
  const { w0, w1 } = what instanceof IpAddress ? what : what.address
  const network = parseIpAddress(prefix)
  return w0 === network.w0 && w1 === network.w1
}

function kinds(host: Host, kind: StackEvent['kind']): string[] {
  return host.events.filter((event) => event.kind === kind).map(({ address }) => `${address.withScope(0)}`)
}

/** The ways to everywhere. */
function defaults(host: Host): string[] {
  const routes = [...host.stack.routes.list()].filter(
    ({ destination, prefixLength }) => destination.family === 6 && prefixLength === 0,
  )
  return routes.map(({ via }) => `${via?.withScope(0)}`)
}

/** Sends one datagram. */
async function say(lan: Lan, host: Host, to: string): Promise<void> {
  const socket = host.stack.openUdp(6)
  socket.send(Uint8Array.of(1), 0, 1, parseIpAddress(to), 9)
  await lan.wait(10)
  socket.close()
}
