/**
 * Addresses by DHCP: timing, what is matched, renewal, the end of a lease (R-IP4-09), hostile servers (H-37), and our own server.
 *
 * @module
 */
import { type Interface, type IpAddress, parseIpAddress } from '@ioth/core'
import { type DhcpServer, serveDhcp } from '@ioth/core/services'
import fc from 'fast-check'
import { expect } from 'vitest'
import { DHCP } from '../craft/dhcp.ts'
import type { Host } from '../lan/host.ts'
import type { Lan } from '../lan/lan.ts'
import { type DhcpReply, generous, leaseTime, ScriptedDhcpServer } from '../lan/scripted-dhcp-server.ts'
import type { Scene, Suite } from '../suite.ts'
import { expectRejection } from './expect-code.ts'

const SECOND = 1_000_000
const NETMASK = [1, 4, 255, 255, 255, 0]
const SERVER_ID = [54, 4, 10, 0, 0, 1]
const GOOD = [53, 1, 2, ...SERVER_ID, ...NETMASK, ...leaseTime(3600)]

export function dhcp(suite: Suite): void {
  const { capabilities } = suite
  if (!capabilities.dhcp) {
    suite.plainTest('DHCP is refused, not ignored', async () => {
      await suite.withScene('no DHCP', {}, async ({ lan }) => {
        await expectRejection(lan.join({ ...suite.host(), dhcp: true }), 'ERR_IOTH_NOT_IMPLEMENTED')
      })
    })
    suite.notClaimed('R-IP4-09 addresses by DHCP', 'dhcp: false')
    return
  }
  if (capabilities.udp === 'full') servers(suite)
  else suite.notClaimed('R-IP4-09 serveDhcp', `udp: ${capabilities.udp}`)
  if (!capabilities.virtualTime) {
    suite.notClaimed('R-IP4-09 timing of DHCP', 'virtualTime: false; it takes hours')
    return
  }

  suite.test('R-IP4-09 DISCOVER is repeated after 4, 8, 16, 32, 64 s, a second more or less', async (scene) => {
    const server = new ScriptedDhcpServer(scene.lan)
    const plug = scene.a.stack.interfaces[0] as Interface
    await expectRejection(scene.lan.settled(plug.dhcp!(200_000)), 'ETIMEDOUT', { syscall: 'dhcp' })
    const times = server.said(DHCP.discover).map(({ time }) => time / SECOND)
    expect(times.length).toBe(7)
    for (const [index, pause] of [4, 8, 16, 32, 64, 64].entries()) {
      const waited = (times[index + 1] as number) - (times[index] as number)
      expect(Math.abs(waited - pause), `pause ${index + 1}: ${waited} s`).toBeLessThanOrEqual(1)
    }
    const [first, second] = server.said(DHCP.discover)
    expect(first).toMatchObject({
      to: '255.255.255.255',
      from: '0.0.0.0',
      station: 'ff:ff:ff:ff:ff:ff',
      chaddr: plug.mac,
    })
    expect([first?.xid, first?.secs, second?.secs]).toEqual([
      second?.xid,
      0,
      Math.floor((times[1] ?? 0) - (times[0] ?? 0)),
    ])
    await scene.lan.wait(200_000)
    expect(server.said(DHCP.discover).length, 'after giving up').toBe(7)
  })

  suite.test(
    'R-IP4-09 REQUEST is repeated, and after a minute everything begins anew with another xid',
    async ({ lan, a }) => {
      const server = new ScriptedDhcpServer(lan, (heard, self) => {
        if (heard.type === DHCP.discover) self.reply(heard, DHCP.offer)
      })
      await expectRejection(lan.settled((a.stack.interfaces[0] as Interface).dhcp!(70_000)), 'ETIMEDOUT')
      const requests = server.said(DHCP.request)
      const [discover, again] = server.said(DHCP.discover)
      expect(requests.length).toBeGreaterThanOrEqual(4)
      for (const request of requests.slice(0, 4)) {
        expect([request.xid, request.secs]).toEqual([discover?.xid, discover?.secs])
        expect(request.options.get(50)).toEqual([10, 0, 0, 50])
        expect(request.options.get(54)).toEqual([10, 0, 0, 1])
        expect(`${request.ciaddr} ${request.to}`).toBe('0.0.0.0 255.255.255.255')
      }
      expect(again?.time ?? 0).toBeGreaterThan(55 * SECOND)
      expect(again?.xid).not.toBe(discover?.xid)
    },
  )

  suite.test('R-IP4-09 H-37 replies are matched by xid and hardware address', async ({ lan }) => {
    const server = new ScriptedDhcpServer(lan, (heard, self) => {
      const type = heard.type === DHCP.discover ? DHCP.offer : DHCP.ack
      self.reply(heard, type, { xid: (heard.xid + 1) >>> 0, yiaddr: [10, 0, 0, 61] })
      self.reply(heard, type, { chaddr: [2, 0, 0, 9, 9, 9], yiaddr: [10, 0, 0, 62] })
      self.reply(heard, type, { op: 1, yiaddr: [10, 0, 0, 63] })
      self.reply(heard, type)
    })
    const host = await lan.join({ ...suite.host(), dhcp: true })
    expect(`${host.address}`).toBe('10.0.0.50')
    expect(server.said(DHCP.request).length).toBe(1)
  })

  suite.test('R-IP4-09 T1 asks the server, T2 everybody, and at its end the address goes', async ({ lan }) => {
    let grants = 1
    const server = new ScriptedDhcpServer(lan, (heard, self) => {
      if (heard.type === DHCP.discover && grants > 0) self.reply(heard, DHCP.offer)
      if (heard.type === DHCP.request && grants-- > 0) self.reply(heard, DHCP.ack)
    })
    const host = await lan.join({ ...suite.host(), dhcp: true })
    const granted = server.said(DHCP.request)[0]?.time as number
    const since = ({ time }: { time: number }): number => (time - granted) / SECOND
    const { stack } = host
    await lan.until(() => stack.interfaces[0]?.addresses.length === 0, 4_000_000)
    expect((lan.now - granted) / SECOND).toBeCloseTo(3600, 0)
    const renewals = server.said(DHCP.request).slice(1)
    const unicast = renewals.filter(({ to }) => to === '10.0.0.1')
    const rebinding = renewals.filter(({ to }) => to === '255.255.255.255')
    expect(unicast.length + rebinding.length).toBe(renewals.length)
    expect(since(unicast[0] as { time: number })).toBeGreaterThan(1798)
    expect(since(unicast[0] as { time: number })).toBeLessThanOrEqual(1800)
    expect(since(rebinding[0] as { time: number })).toBeCloseTo(3150, 0)
    for (const request of renewals) {
      expect([request.ciaddr, request.from]).toEqual(['10.0.0.50', '10.0.0.50'])
      expect(request.options.has(50) || request.options.has(54)).toBe(false)
    }
    for (let index = 1; index < unicast.length - 1; index++) {
      const pause = since(unicast[index] as { time: number }) - since(unicast[index - 1] as { time: number })
      expect(pause, 'not oftener than once a minute').toBeGreaterThanOrEqual(60)
    }
    await lan.wait(5000)
    expect(host.events.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['address-added', 'lease-obtained', 'address-removed', 'lease-lost']),
    )
    expect(server.said(DHCP.discover).length, 'it begins anew').toBeGreaterThan(1)
  })

  suite.test('R-IP4-09 a renewed lease keeps the address, its connections and new times', async ({ lan }) => {
    const server = new ScriptedDhcpServer(lan, generous({ options: [...NETMASK, ...leaseTime(600)] }))
    const host = await lan.join({ ...suite.host(), dhcp: true })
    await lan.wait(24 * 3_600_000)
    expect(`${host.address}`).toBe('10.0.0.50')
    expect(server.said(DHCP.discover).length).toBe(1)
    expect(Math.abs(server.said(DHCP.request).length - 288)).toBeLessThan(4)
    expect(host.events.filter(({ kind }) => kind === 'lease-lost' || kind === 'address-removed')).toEqual([])
  })

  suite.test('R-IP4-09 a NAK takes the address away at once, and asking begins anew', async ({ lan }) => {
    let isRefusing = false
    const server = new ScriptedDhcpServer(lan, (heard, self) => {
      if (heard.type === DHCP.discover) self.reply(heard, DHCP.offer)
      if (heard.type === DHCP.request) self.reply(heard, isRefusing ? DHCP.nak : DHCP.ack)
      isRefusing = heard.type === DHCP.request && !isRefusing
    })
    const host = await lan.join({ ...suite.host(), dhcp: true })
    await lan.until(() => host.events.some(({ kind }) => kind === 'lease-lost'), 2_000_000)
    expect(host.stack.interfaces[0]?.addresses).toEqual([])
    await lan.until(() => host.events.filter(({ kind }) => kind === 'lease-obtained').length === 2, 60_000)
    expect(server.said(DHCP.discover).length).toBe(2)
  })

  suite.test(
    'R-IP4-09 an address that somebody answers for is declined, and not asked for again within ten seconds',
    async ({ lan }) => {
      const server = new ScriptedDhcpServer(lan, (heard, self) => {
        const yiaddr = [10, 0, 0, heard.secs === 0 && self.said(DHCP.decline).length === 0 ? 50 : 51]
        generous({ yiaddr })(heard, self)
      })
      server.takes.add('10.0.0.50')
      const host = await lan.join({ ...suite.host(), dhcp: true })
      expect(`${host.address}`).toBe('10.0.0.51')
      const [decline] = server.said(DHCP.decline)
      expect(decline?.options.get(50)).toEqual([10, 0, 0, 50])
      expect(decline?.options.get(54)).toEqual([10, 0, 0, 1])
      const [, again] = server.said(DHCP.discover)
      expect((again?.time ?? 0) - (decline?.time ?? 0)).toBeGreaterThanOrEqual(10 * SECOND)
    },
  )

  suite.test('R-IP4-09 close gives the address back', async ({ lan }) => {
    const server = new ScriptedDhcpServer(lan, generous())
    const host = await lan.join({ ...suite.host(), dhcp: true })
    await lan.settled(host.stack.close())
    await lan.wait(10)
    const [release] = server.said(DHCP.release)
    expect(release).toMatchObject({ ciaddr: '10.0.0.50', to: '10.0.0.1', from: '10.0.0.50' })
    expect(release?.options.get(54)).toEqual([10, 0, 0, 1])
  })

  suite.test('H-37 a lease of no time is refused, one of a second is kept longer', async ({ lan }) => {
    const times = [0, 1]
    const server = new ScriptedDhcpServer(lan, (heard, self) => {
      if (heard.type === DHCP.discover) {
        self.reply(heard, DHCP.offer, { options: [...NETMASK, ...leaseTime(times[0] ?? 0xffff_ffff)] })
        times.shift()
      }
      if (heard.type === DHCP.request) self.reply(heard, DHCP.ack, { options: [...NETMASK, ...leaseTime(1)] })
    })
    const host = await lan.join({ ...suite.host(), dhcp: true })
    expect(server.said(DHCP.request).length).toBe(1)
    expect(server.said(DHCP.discover).length).toBe(2)
    await lan.wait(60_000)
    expect(`${host.address}`).toBe('10.0.0.50')
    expect(server.said(DHCP.request).length, 'renewals in a minute').toBeLessThan(7)
  })

  suite.test('H-37 a lease without end is never renewed', async ({ lan }) => {
    const endless = new ScriptedDhcpServer(lan, generous({ options: [...NETMASK, ...leaseTime(0xffff_ffff)] }))
    await lan.join({ ...suite.host(), dhcp: true, name: 'endless' })
    const asked = endless.heard.length
    await lan.wait(365 * 24 * 3_600_000)
    expect(endless.heard.length).toBe(asked)
  })

  suite.test('H-37 offers that cannot be right are not asked for', async ({ lan, a }) => {
    const hostile = hostileOffers()
    const server = new ScriptedDhcpServer(lan, (heard, self) => {
      if (heard.type !== DHCP.discover) return
      for (const offer of Object.values(hostile)) self.reply(heard, DHCP.offer, offer)
    })
    const before = a.stack.counters()
    await expectRejection(lan.settled((a.stack.interfaces[0] as Interface).dhcp!(20_000)), 'ETIMEDOUT')
    expect(server.said(DHCP.request)).toEqual([])
    const dropped = (counters: Readonly<Record<string, number>>): number =>
      Object.entries(counters).reduce((sum, [name, count]) => (name.startsWith('drop.dhcp.') ? sum + count : sum), 0)
    expect(dropped(a.stack.counters()) - dropped(before)).toBe(
      server.said(DHCP.discover).length * Object.keys(hostile).length,
    )
  })

  suite.test('H-37 options overloaded into sname and file, and split ones, are read', async ({ lan }) => {
    const name = [...'example.net'].map((letter) => letter.charCodeAt(0))
    const overloaded: DhcpReply = {
      options: [...NETMASK, ...leaseTime(3600), 52, 1, 3, 3, 2, 10, 0],
      file: [3, 2, 0, 254, 255],
      sname: [15, 7, ...name.slice(0, 7), 15, 4, ...name.slice(7), 255],
    }
    new ScriptedDhcpServer(lan, generous(overloaded))
    const host = await lan.join({ ...suite.host(), dhcp: true })
    const [route] = [...host.stack.routes.list()].filter(({ prefixLength }) => prefixLength === 0)
    expect(`${route?.via}`).toBe('10.0.0.254')
    expect(host.stack.searchDomains).toEqual(['example.net'])
  })

  suite.test('classless routes take the place of the router option', async ({ lan }) => {
    // 192.168.0.0/16 on link, 172.16.0.0/12 by .7, default by .9
    const routes = [121, 19, 16, 192, 168, 0, 0, 0, 0, 12, 172, 16, 10, 0, 0, 7, 0, 10, 0, 0, 9]
    const options = [...NETMASK, ...leaseTime(3600), 3, 4, 10, 0, 0, 254, 121, routes.length - 2, ...routes.slice(2)]
    new ScriptedDhcpServer(lan, generous({ options }))
    const host = await lan.join({ ...suite.host(), dhcp: true })
    const text = [...host.stack.routes.list()].map(
      ({ destination, prefixLength, via }) => `${destination}/${prefixLength} ${via ?? 'on link'}`,
    )
    expect(text.sort()).toEqual([
      '0.0.0.0/0 10.0.0.9',
      '10.0.0.0/24 on link',
      '172.16.0.0/12 10.0.0.7',
      '192.168.0.0/16 on link',
    ])
  })

  suite.property(
    'H-37 P-14 arbitrary options, fields and cuts of replies: no exception, no address nobody offered',
    fc.record({
      options: fc.array(fc.nat(255), { maxLength: 120 }),
      file: fc.array(fc.nat(255), { maxLength: 128 }),
      sname: fc.array(fc.nat(255), { maxLength: 64 }),
      yiaddr: fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
      hasPrefix: fc.boolean(),
      isOffer: fc.boolean(),
    }),
    ({ options, file, sname, yiaddr, hasPrefix, isOffer }, seed) =>
      suite.withScene('H-37', { seed }, async ({ lan }) => {
        const server = new ScriptedDhcpServer(lan, (heard, self) => {
          const rawOptions = hasPrefix ? [...GOOD, ...options] : options
          if (heard.type === DHCP.discover && isOffer)
            self.reply(heard, DHCP.offer, { rawOptions, file, sname, yiaddr })
          if (heard.type === DHCP.discover) self.reply(heard, DHCP.offer)
          if (heard.type === DHCP.request) {
            const mangled = rawOptions.map((octet, index) => (hasPrefix && index === 2 ? DHCP.ack : octet))
            self.reply(heard, DHCP.ack, { rawOptions: mangled, file, sname, yiaddr })
            self.reply(heard, DHCP.ack, { yiaddr: heard.options.get(50) ?? [] })
          }
        })
        const host = await lan.join({ ...suite.host(), dhcp: true })
        expect(['10.0.0.50', yiaddr.join('.')]).toContain(`${host.address}`)
        expect(server.said(DHCP.discover).length).toBeLessThan(5)
      }),
  )

  suite.test('P-11 nothing of a DHCP client is left', async ({ lan, a }) => {
    const before = { timers: lan.virtual?.timers, holds: lan.virtual?.holds, slots: lan.pool.used }
    new ScriptedDhcpServer(lan, generous())
    const host = await lan.join({ ...suite.host(), dhcp: true })
    await lan.wait(10_000)
    await lan.settled(host.stack.close())
    await expectRejection(lan.settled((a.stack.interfaces[0] as Interface).dhcp!(1)), 'ETIMEDOUT')
    await lan.wait(3_600_000)
    expect({ timers: lan.virtual?.timers, holds: lan.virtual?.holds, slots: lan.pool.used }).toEqual(before)
  })
}

/** Tests of our own server, with our own clients. */
function servers(suite: Suite): void {
  const serving = async (
    { lan, a }: Scene,
    options: Partial<Parameters<typeof serveDhcp>[1]> = {},
  ): Promise<DhcpServer> => {
    const server = serveDhcp(a.stack, { range: ['10.0.0.100', '10.0.0.102'], ...options })
    await lan.wait(1)
    return server
  }
  const join = (lan: Lan, name: string): Promise<Host> => lan.join({ ...suite.host(), dhcp: true, name })

  suite.test('R-IP4-09 serveDhcp: address, router, name servers and domains arrive', async (scene) => {
    const { lan, b } = scene
    const server = await serving(scene, {
      gateway: '10.0.0.1',
      dns: ['10.0.0.1', '10.0.0.2'],
      search: ['lan.test', 'test'],
    })
    const host = await join(lan, 'c')
    const { stack } = host
    expect(`${host.address}`).toBe('10.0.0.100')
    expect(stack.interfaces[0]?.addresses[0]?.prefixLength).toBe(24)
    expect(stack.nameServers.map(String)).toEqual(['10.0.0.1', '10.0.0.2'])
    expect(stack.searchDomains).toEqual(['lan.test', 'test'])
    const vias = [...stack.routes.list()].filter(({ prefixLength }) => prefixLength === 0).map(({ via }) => `${via}`)
    expect(vias).toEqual(['10.0.0.1'])
    expect(stack.interfaces[0]?.lease).toMatchObject({ seconds: 3600, renewAfter: 1800, rebindAfter: 3150 })
    if (suite.capabilities.ping) {
      expect(`${(await lan.settled(stack.ping(b.address))).from}`).toBe('10.0.0.2')
    }
    expect(server.leases.map(({ address }) => `${address}`)).toEqual(['10.0.0.100'])
    await lan.settled(stack.close())
    await lan.wait(10)
    expect(server.leases).toEqual([])
    await server.close()
  })

  suite.test(
    'serveDhcp: each client an address of its own, none when all are taken, the one given back to the next',
    async (scene) => {
      const { lan } = scene
      const server = await serving(scene, { probe: false })
      const hosts = [await join(lan, 'c'), await join(lan, 'd'), await join(lan, 'e')]
      expect(new Set(hosts.map(({ address }) => `${address}`)).size).toBe(3)
      await expectRejection(join(lan, 'f'), 'ETIMEDOUT')
      const [first] = hosts as [Host]
      const freed: IpAddress = first.address
      await lan.settled(first.stack.close())
      await lan.wait(70_000)
      expect(`${(await join(lan, 'g')).address}`).toBe(`${freed}`)
      await server.close()
    },
  )

  suite.testIf(
    suite.capabilities.ping,
    'ping: false',
    'serveDhcp: an address that answers is not lent',
    async (scene) => {
      const { lan, b } = scene
      await lan.settled((b.stack.interfaces[0] as Interface).addAddress(parseIpAddress('10.0.0.100'), 24))
      const server = await serving(scene)
      expect(`${(await join(lan, 'c')).address}`).toBe('10.0.0.101')
      await server.close()
    },
  )

  suite.test('serveDhcp: a lease is renewed and lives on', async (scene) => {
    const { lan } = scene
    if (!suite.capabilities.virtualTime) return
    const server = await serving(scene, { leaseSeconds: 600 })
    const host = await join(lan, 'c')
    await lan.wait(3_600_000)
    expect(server.leases.map(({ address }) => `${address}`)).toEqual([`${host.address}`])
    expect(host.events.filter(({ kind }) => kind === 'lease-lost')).toEqual([])
    expect(server.counters.granted).toBeGreaterThan(10)
    await server.close()
  })
}

/** Offers with one thing wrong each. */
function hostileOffers(): Readonly<Record<string, DhcpReply>> {
  const rest = [...SERVER_ID, ...NETMASK, ...leaseTime(3600)]
  return {
    'option longer than what is there': { rawOptions: [53, 1, 2, ...rest, 12, 200, 1, 255] },
    'length octet missing': { rawOptions: [53, 1, 2, ...rest, 12] },
    'no end': { rawOptions: [53, 1, 2, ...rest] },
    'no message type': { rawOptions: [...rest, 255] },
    'message type of two octets': { rawOptions: [53, 2, 2, 2, ...rest, 255] },
    'no server': { rawOptions: [53, 1, 2, ...NETMASK, ...leaseTime(3600), 255] },
    'server 0.0.0.0': { rawOptions: [53, 1, 2, 54, 4, 0, 0, 0, 0, ...NETMASK, ...leaseTime(3600), 255] },
    'no lease time': { rawOptions: [53, 1, 2, ...SERVER_ID, ...NETMASK, 255] },
    'lease time of no seconds': { options: [...NETMASK, ...leaseTime(0)] },
    'netmask with holes': { options: [1, 4, 255, 0, 255, 0, ...leaseTime(3600)] },
    'netmask of three octets': { options: [1, 3, 255, 255, 255, ...leaseTime(3600)] },
    'netmask of nothing': { options: [1, 4, 0, 0, 0, 0, ...leaseTime(3600)] },
    'address 0.0.0.0': { yiaddr: [0, 0, 0, 0] },
    'loopback address': { yiaddr: [127, 0, 0, 1] },
    'broadcast to all': { yiaddr: [255, 255, 255, 255] },
    'broadcast of the network': { yiaddr: [10, 0, 0, 255] },
    'the network itself': { yiaddr: [10, 0, 0, 0] },
    'group address': { yiaddr: [224, 0, 0, 1] },
    'overload of nothing': { options: [...NETMASK, ...leaseTime(3600), 52, 1, 0] },
    'overload in the overloaded': { options: [...NETMASK, ...leaseTime(3600), 52, 1, 1], file: [52, 1, 2, 255] },
    'overloaded without end': { options: [...NETMASK, ...leaseTime(3600), 52, 1, 2], sname: new Array(64).fill(0) },
    'another cookie': { cookie: [1, 2, 3, 4] },
  }
}
