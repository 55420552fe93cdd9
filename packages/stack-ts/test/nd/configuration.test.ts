/** Addresses and routers: settings of the stack in TypeScript, the timing of the RFCs, and what is left at the end. */
import {
  craftNeighborAdvertisement,
  craftRedirect,
  full6,
  type Host,
  type HostOptions,
  type Lan,
  NA,
  ND,
  octets6,
  prefixOption,
  ScriptedRouter,
  targetLink,
  withLan,
} from '@ioth/conformance'
import {
  createFramePool,
  createPipe,
  createVirtualScheduler,
  type IpAddress,
  type Link,
  NetError,
  parseIpAddress,
} from '@ioth/core'
import { createStack as configure } from '@ioth/core/registry'
import { expect, test } from 'vitest'
import { backend, createStack } from '../../src/index.ts'

const SECOND = 1_000_000
const PREFIX = '2001:db8:1::'
const SECRET = '000102030405060708090a0b0c0d0e0f'
const advertisement = { options: prefixOption({ prefix: octets6(PREFIX) }) }

async function configured(
  settings: NonNullable<HostOptions['settings']>,
  body: (lan: Lan, host: Host, router: ScriptedRouter) => Promise<void>,
  seed = 1,
): Promise<void> {
  await withLan({ hosts: [], name: 'configuration', seed }, async (lan) => {
    const router = new ScriptedRouter(lan)
    router.advertisement = advertisement
    const host = await lan.join({ backend, slaac: true, settings })
    await body(lan, host, router)
  })
}

const addressesOf = (host: Host): string[] =>
  (host.stack.interfaces[0]?.addresses ?? []).map(({ address }) => `${address.withScope(0)}`).sort()

test('R-ND-09 a secret makes addresses that outlive the stack; without one they are of this stack', async () => {
  const made: string[][] = []
  for (const [settings, seed] of [
    [{ ipv6: { secret: SECRET } }, 1],
    [{ ipv6: { secret: SECRET } }, 2],
    [{}, 3],
    [{}, 4],
  ] as const) {
    await configured(settings, (_lan, host) => Promise.resolve(void made.push(addressesOf(host))), seed)
  }
  expect(made[0]).toHaveLength(2)
  expect(made[1]).toEqual(made[0])
  expect(made[2]).not.toEqual(made[0])
  expect(made[3]).not.toEqual(made[2])
})

test('R-ND-09 identifiers of the hardware address, by setting', async () => {
  await configured({ ipv6: { identifiers: 'eui64' } }, (_lan, host) => {
    const octets = host.stack.interfaces[0]!.mac.split(':').map((octet) => Number.parseInt(octet, 16))
    const text = octets.map((octet, i) => (i === 0 ? octet ^ 2 : octet).toString(16).padStart(2, '0'))
    const tail = `${text[0]}${text[1]}:${text[2]}ff:fe${text[3]}:${text[4]}${text[5]}`
    expect(addressesOf(host).map(full6)).toEqual([`${PREFIX}${tail}`, `fe80::${tail}`].map(full6))
    return Promise.resolve()
  })
})

test('R-ND-07 R-ND-09 an address that was given by hand is not formed a second time: the next identifier is tried', async () => {
  const addresses = (given: readonly string[]): Promise<readonly string[]> =>
    withLan({ hosts: [], name: 'by hand', seed: 1 }, async (lan) => {
      const router = new ScriptedRouter(lan)
      router.advertisement = advertisement
      const { scheduler, pool } = lan
      const interfaces = [{ link: lan.link('by hand'), name: 'web0', addresses: given, slaac: true }]
      const made = createStack({ scheduler, pool, settings: { ipv6: { secret: SECRET } }, interfaces })
      const stack = await lan.settled(made)
      const all = (stack.interfaces[0]?.addresses ?? []).map(({ address }) => `${address.withScope(0)}`)
      await lan.settled(stack.close())
      return all.filter((text) => !text.startsWith('fe80'))
    })
  const [formed = ''] = await addresses([])
  const both = await addresses([`${formed}/64`])
  expect(both).toHaveLength(2)
  expect(both.filter((text) => text === formed)).toHaveLength(1)
})

test('settings that cannot be are refused by name', async () => {
  for (const ipv6 of [{ secret: 'x' }, { identifiers: 'mac' }, { redirects: 1 }, { dad: true }]) {
    const scheduler = createVirtualScheduler()
    const made = createStack({ scheduler, pool: createFramePool(), interfaces: [], settings: { ipv6 } as never })
    await expect(made).rejects.toThrow(/ipv6/)
  }
})

test('H-33 R-ND-09 a conflict of an address that was formed: the next identifier is tried, four in all', async () => {
  await withLan({ hosts: [], name: 'H-33' }, async (lan) => {
    const router = new ScriptedRouter(lan)
    router.advertisement = advertisement
    const isClaimed = (target: string): boolean => !target.startsWith('fe80')
    let seen = 0
    const joined = lan.join({ backend, slaac: true })
    let host: Host | null = null
    void joined.then((value) => {
      host = value
    })
    await lan.until(() => {
      for (const { target, source } of router.said(ND.neighborSolicitation).slice(seen)) {
        seen++
        if (source !== full6('::') || !isClaimed(target)) continue
        router.send(craftNeighborAdvertisement(octets6(target), NA.override, targetLink(router.mac)), {
          source: octets6(target),
        })
      }
      return host !== null
    }, 60_000)
    await joined
    const tried = router
      .said(ND.neighborSolicitation)
      .filter(({ target, source }) => source === full6('::') && isClaimed(target))
    expect(new Set(tried.map(({ target }) => target)).size).toBe(4)
    expect(addressesOf(lan.host(0))).toHaveLength(1)
    // Advertised again, it does not begin again.
    router.advertise(advertisement)
    await lan.wait(5000)
    const later = router
      .said(ND.neighborSolicitation)
      .filter(({ target, source }) => source === full6('::') && isClaimed(target))
    expect(later.length).toBe(tried.length)
  })
})

test('R-ND-06 R-ND-08 the timing of the RFCs: a random delay, a second for objections, three announcements', async () => {
  const delays: number[] = []
  for (let seed = 1; seed <= 8; seed++) {
    await withLan({ hosts: [], name: 'rfc', seed }, async (lan) => {
      const router = new ScriptedRouter(lan)
      const begun = lan.now
      const host = await lan.join({ backend, address: 'fc00::1/64', settings: { probe: 'rfc' } })
      const ready = lan.now
      await lan.wait(10_000)
      const probes = router.said(ND.neighborSolicitation).filter(({ target }) => target === full6('fc00::1'))
      expect(probes).toHaveLength(1)
      const at = probes[0]?.time as number
      delays.push(at - begun)
      expect(ready - at).toBeGreaterThanOrEqual(SECOND)
      const news = router.said(ND.neighborAdvertisement).filter(({ target }) => target === full6('fc00::1'))
      expect(news.map(({ time }) => Math.round((time - (news[0]?.time as number)) / SECOND))).toEqual([0, 1, 2])
      expect(host.stack.interfaces[0]?.addresses).toHaveLength(2)
    })
  }
  expect(Math.max(...delays)).toBeLessThanOrEqual(SECOND)
  expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(SECOND / 4)
})

test('R-ND-08 the timing of the RFCs: the first question within a second, the next after four, then twice as long', async () => {
  await withLan({ hosts: [], name: 'rfc' }, async (lan) => {
    const router = new ScriptedRouter(lan)
    await lan.join({ backend, slaac: true, settings: { probe: 'rfc' } })
    await lan.wait(8 * 3600 * 1000)
    const times = router.said(ND.routerSolicitation).map(({ time }) => time / SECOND)
    const gaps = times.slice(1).map((time, i) => time - (times[i] as number))
    expect(gaps[0]).toBeGreaterThanOrEqual(3.6)
    expect(gaps[0]).toBeLessThanOrEqual(4.4)
    // RFC 7559 2: an hour is the longest, a tenth more or less.
    expect(Math.max(...gaps)).toBeLessThanOrEqual(3960)
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(3240)
  })
})

test('R-ND-06 a register grants an address: nothing is asked, all hear of it; refused, it is as a conflict', async () => {
  const scheduler = createVirtualScheduler()
  const pool = createFramePool()
  const [near] = createPipe({ scheduler, pool })
  const claims: string[] = []
  const link: Link = Object.assign(Object.create(near) as Link, {
    attach: (sink: Parameters<Link['attach']>[0]) => near.attach(sink),
    send: (batch: Parameters<Link['send']>[0]) => near.send(batch),
    claim: (address: IpAddress) => {
      claims.push(`${address.withScope(0)}`)
      const refusal = new NetError('EADDRINUSE', 'claim', { message: 'in use' })
      return `${address}` === 'fc00::9' ? Promise.reject(refusal) : Promise.resolve(true)
    },
    unclaim: (address: IpAddress) => claims.push(`-${address.withScope(0)}`),
  })
  const stack = await createStack({ scheduler, pool, interfaces: [{ link, addresses: ['fc00::1/64'] }] })
  expect(stack.interfaces[0]?.addresses).toHaveLength(2)
  expect(scheduler.clock.now).toBe(0)
  await expect(stack.interfaces[0]?.addAddress(parseIpAddress('fc00::9'), 64)).rejects.toThrow('in use')
  const closed = stack.close()
  await scheduler.settle(SECOND)
  await closed
  const [linkLocal] = claims.filter((claim) => claim.startsWith('fe80'))
  expect(claims).toEqual([linkLocal, 'fc00::1', 'fc00::9', `-${linkLocal}`, '-fc00::1'])
})

test('R-ND-05 `slaac` in a configuration, as `ioth run --slaac` has it', async () => {
  await withLan({ hosts: [], name: 'slaac' }, async (lan) => {
    const router = new ScriptedRouter(lan)
    router.advertisement = advertisement
    const { scheduler, pool } = lan
    const stack = await lan.settled(configure('slaac,iface=web0', { backend, link: lan.link('web0'), scheduler, pool }))
    expect(stack.interfaces.map(({ name }) => name)).toEqual(['web0'])
    expect(stack.interfaces[0]?.addresses).toHaveLength(2)
    expect(stack.sourceFor(parseIpAddress('2001:db8:ffff::1'))).not.toBe(null)
    await lan.settled(stack.close())
  })
})

test('P-11 a stack that is closed while an address is checked: the wait ends, and nothing is left', async () => {
  const scheduler = createVirtualScheduler()
  const pool = createFramePool()
  const [near] = createPipe({ scheduler, pool })
  const making = createStack({ scheduler, pool, interfaces: [{ link: near, addresses: ['10.0.0.1/24'] }] })
  await scheduler.settle(100_000)
  const stack = await making
  const [on] = stack.interfaces
  const outcomes = ['fc00::1', '10.0.0.2'].map((text) =>
    on!.addAddress(parseIpAddress(text), text.includes(':') ? 64 : 24).then(
      () => 'added',
      (error: NetError) => error.code,
    ),
  )
  await scheduler.settle(10_000)
  const closed = stack.close()
  await scheduler.settle(SECOND)
  await closed
  expect(await Promise.all(outcomes)).toEqual(['ENETDOWN', 'ENETDOWN'])
  expect([pool.used, scheduler.timers, scheduler.holds]).toEqual([0, 0, 0])
})

test('R-ND-05 redirects, by setting: from the first hop only, until the new one is silent', async () => {
  const far = '2001:db8:ffff::1'
  const say = async (lan: Lan, host: Host): Promise<void> => {
    const socket = host.stack.openUdp(6)
    socket.send(Uint8Array.of(1), 0, 1, parseIpAddress(far), 9)
    await lan.wait(10)
    socket.close()
  }
  await configured({ ipv6: { redirects: true } }, async (lan, host, router) => {
    const better = new ScriptedRouter(lan, 'fe80::77', [2, 0x77, 0, 0, 0, 0x77])
    const destination = octets6(addressesOf(host).find((text) => text.startsWith('fe80')) as string)
    const redirect = craftRedirect(octets6(better.address), octets6(far), targetLink(better.mac))
    better.send(redirect, { destination })
    await lan.wait(10)
    await say(lan, host)
    expect([router.packets.length, better.packets.length]).toEqual([1, 0])
    router.send(redirect, { destination })
    await lan.wait(10)
    await say(lan, host)
    expect([router.packets.length, better.packets.length]).toEqual([1, 1])
    better.answers.clear()
    await lan.wait(20_000)
    await say(lan, host)
    expect(router.packets.length).toBe(2)
    // Many destinations: a bounded number of routes.
    for (let i = 0; i < 500; i++) {
      const other = octets6(far)
      other.splice(14, 2, i >> 8, i & 255)
      router.send(craftRedirect(octets6('fe80::78'), other), { destination })
      if (i % 50 === 49) await lan.wait(1)
    }
    await lan.wait(1)
    expect([...host.stack.routes.list()].filter(({ prefixLength }) => prefixLength === 128).length).toBeLessThanOrEqual(
      64,
    )
  })
})

test('R-ND-08 R-ND-10 the link is back: routers are asked for, groups and addresses are told anew', async () => {
  await configured({}, async (lan, host, router) => {
    await lan.wait(10_000)
    const since = lan.now
    // What the link says when it is up again.
    const on = host.stack.interfaces[0] as unknown as { relinked(): void }
    on.relinked()
    await lan.wait(100)
    expect(router.said(ND.routerSolicitation, since)).toHaveLength(1)
    expect(router.said(ND.report2, since).length).toBeGreaterThanOrEqual(1)
    expect(
      router
        .said(ND.neighborAdvertisement, since)
        .map(({ target }) => target)
        .sort(),
    ).toEqual(addressesOf(host).map(full6).sort())
  })
})
