/**
 * A stack that gets its configuration from the network: DHCP and DNS by dnsmasq, IPv6 autoconfiguration by radvd.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inPrefix, parseCidr, parseIpAddress } from '@ioth/core'
import { createResolver, resolve } from '@ioth/core/services'
import { afterAll, beforeAll, expect } from 'vitest'
import type { KernelHost } from './kernel-host.ts'
import { says } from './namespace.ts'
import { describeKernel, kernelTest } from './scene.ts'

const KERNEL = '10.66.0.1'
const PREFIX = 'fd66:1:2:3::'
const LONG_TEXT = Array.from({ length: 12 }, (_, i) => String(i % 10).repeat(200))

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ioth-kernel-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Starts dnsmasq; settles when it serves. */
async function dnsmasq({ namespace, device }: KernelHost, ...more: string[]): Promise<void> {
  const program = namespace.start([
    'dnsmasq',
    '--no-daemon',
    '--conf-file=/dev/null',
    '--no-resolv',
    '--no-hosts',
    '--user=root',
    '--pid-file',
    `--interface=${device}`,
    '--bind-interfaces',
    `--dhcp-leasefile=${join(folder, `${device}.leases`)}`,
    '--log-facility=-',
    '--local=/test/',
    `--host-record=server.test,${KERNEL},fd66::1`,
    '--cname=alias.test,server.test',
    '--srv-host=_http._tcp.test,server.test,80,1,2',
    '--mx-host=test,server.test,10',
    `--txt-record=long.test,${LONG_TEXT.join(',')}`,
    ...more,
  ])
  await says(program, /started, version/)
}

const LEASES = ['--dhcp-range=10.66.0.100,10.66.0.120,255.255.255.0,2m', '--domain=test']

describeKernel('DHCP and DNS of dnsmasq', () => {
  kernelTest('R-IP4-09 a lease: address, router, name server, search domain', { stack: [] }, async (scene) => {
    const { kernel } = scene
    await dnsmasq(kernel, ...LEASES, '--dhcp-authoritative')
    const stack = await scene.replug({ addresses: [], dhcp: true })
    const [own] = stack.interfaces[0]?.addresses.filter(({ address }) => address.family === 4) ?? []
    expect(own?.prefixLength).toBe(24)
    const last = (own?.address.w3 as number) & 255
    expect(last >= 100 && last <= 120, `${own?.address}`).toBe(true)
    expect(stack.nameServers.map(String)).toEqual([KERNEL])
    const byDefault = [...stack.routes.list()].find(
      ({ prefixLength, destination }) => prefixLength === 0 && destination.family === 4,
    )
    expect(`${byDefault?.via}`).toBe(KERNEL)
    await stack.ping(parseIpAddress(KERNEL))
    // The domain comes with the lease.
    expect((await resolve(stack, 'server', 'A')).map(({ address }) => `${address}`)).toEqual([KERNEL])
  })

  kernelTest('R-DNS-01 records of every kind, aliases, and a long answer by TCP', {}, async ({ kernel, stack }) => {
    await dnsmasq(kernel)
    const resolver = createResolver(stack, { servers: [KERNEL] })
    expect((await resolver.resolve('server.test', 'A')).map(({ address }) => `${address}`)).toEqual([KERNEL])
    expect((await resolver.resolve('alias.test', 'AAAA')).map(({ address }) => `${address}`)).toEqual(['fd66::1'])
    expect((await resolver.resolve('test', 'MX'))[0]).toMatchObject({ exchange: 'server.test', priority: 10 })
    expect((await resolver.resolve('_http._tcp.test', 'SRV'))[0]).toMatchObject({ name: 'server.test', port: 80 })
    expect((await resolver.resolve('long.test', 'TXT')).map(({ entries }) => entries)).toEqual([LONG_TEXT])
    await expect(resolver.resolve('nobody.test', 'A')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    await expect(resolver.resolve('server.test', 'MX')).rejects.toMatchObject({ code: 'ENODATA' })
    const addresses = await resolver.lookup('server.test')
    expect(addresses.map(String).sort()).toEqual([KERNEL, 'fd66::1'])
  })
})

const isSent = ({ direction }: { direction: string }): boolean => direction === 'out'

describeKernel('router advertisements of radvd', () => {
  /** Starts radvd; settles when it is ready. */
  async function radvd({ namespace, device }: KernelHost, lifetime = 1800): Promise<void> {
    const file = join(folder, `${device}.conf`)
    writeFileSync(
      file,
      `interface ${device} {
         AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime ${lifetime}; AdvLinkMTU 1400;
         prefix ${PREFIX}/64 { AdvOnLink on; AdvAutonomous on; AdvValidLifetime 3600; AdvPreferredLifetime 1800; };
         RDNSS fd66::53 { AdvRDNSSLifetime 600; };
         DNSSL example.test { AdvDNSSLLifetime 600; };
       };\n`,
    )
    namespace.run('sysctl -qw net.ipv6.conf.all.forwarding=1')
    namespace.run(`ip addr add ${PREFIX}1/64 dev ${device}`)
    const program = namespace.start([
      'radvd',
      '-n',
      '-d',
      '1',
      '-m',
      'stderr',
      '-C',
      file,
      '-p',
      join(folder, `${device}.pid`),
    ])
    await says(program, /started/)
  }

  kernelTest(
    'R-ND-05 R-ND-06 R-ND-07 R-ND-08 an address, a router and a name server by SLAAC',
    { stack: [] },
    async (scene) => {
      const { kernel } = scene
      await radvd(kernel)
      const stack = await scene.replug({ addresses: [], slaac: true })
      const own = stack.interfaces[0]?.addresses ?? []
      const { address, prefixLength } = parseCidr(`${PREFIX}/64`)
      const global = own.find((entry) => inPrefix(entry.address, address, prefixLength))
      expect(global?.prefixLength, own.map((entry) => `${entry.address}`).join()).toBe(64)
      expect(own.some((entry) => entry.address.isLinkLocal)).toBe(true)
      expect(stack.nameServers.map(String)).toEqual(['fd66::53'])
      const { code, output } = await kernel.namespace.exec('ping', '-n', '-c', '1', '-W', '2', `${global?.address}`)
      expect(code, output).toBe(0)
      // By the default router, whose address is link-local, to another of its addresses.
      kernel.namespace.run('ip addr add fd99::1/128 dev lo nodad')
      await stack.ping(parseIpAddress('fd99::1'), { timeoutMs: 5000, size: 3000 })
      const longest = Math.max(...scene.captured.filter(isSent).map(({ octets }) => octets.length))
      expect(longest).toBeGreaterThan(1280)
      expect(longest).toBeLessThanOrEqual(14 + 1400)
    },
  )
})
