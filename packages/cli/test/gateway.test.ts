/** The way out without root: the gateway, from programs under `ioth run` to a world made of namespaces, and to the host's own loopback. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { chmodSync, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bare, examples, ioth, iothEnds, programs, startSwitch, temporaryFolder } from './support/processes.ts'
import { iothIn, skipNamespaces, startIn, whyNamespaces, world } from './support/world.ts'

describe('to the host itself', () => {
  async function site(): Promise<number> {
    const server = createServer((_request, response) => response.end('loopback of the host'))
    await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
    onTestFinished(() => void server.close())
    return (server.address() as AddressInfo).port
  }

  test('loopback is closed unless a rule opens it, link-local and metadata too', async () => {
    const { path } = await startSwitch()
    const [open, closed] = [await site(), await site()]
    const gateway = ioth(['gateway', '-f', path, '--allow', `127.0.0.1:${open}`])
    await gateway.prints(/pings|no ping/)
    const fetch = (url: string): Promise<{ stdout: string; stderr: string }> =>
      iothEnds(['curl', '-f', path, '--dhcp', url])
    expect((await fetch(`http://10.40.0.1:${open}/`)).stdout).toBe('loopback of the host')
    expect((await fetch(`http://host.ioth.internal:${open}/`)).stdout).toBe('loopback of the host')
    expect((await fetch(`http://10.40.0.1:${closed}/`)).stderr).toMatch(/ECONNREFUSED/)
    expect((await fetch('http://169.254.169.254/')).stderr).toMatch(/ECONNREFUSED/)
    expect((await gateway.stop('SIGINT')).exitCode).toBe(0)
  })

  test('datagrams to the opened loopback, and a refusal for those that nobody takes', async () => {
    const { path } = await startSwitch()
    const echo = createSocket('udp4')
    echo.on('message', (octets, { port }) => echo.send(`again: ${octets}`, port, '127.0.0.1'))
    await new Promise<void>((settle) => echo.bind(0, '127.0.0.1', settle))
    onTestFinished(() => void echo.close())
    const free = createSocket('udp4')
    await new Promise<void>((settle) => free.bind(0, '127.0.0.1', settle))
    const nobody = free.address().port
    free.close()
    const gateway = ioth(['gateway', '-f', path, '--allow', '127.0.0.1'])
    await gateway.prints(/pings|no ping/)
    const asked = await ioth(['nc', '-f', path, '--dhcp', '-u', '10.40.0.1', String(echo.address().port)], {
      input: 'hello',
    }).ended
    expect(asked.stdout).toBe('again: hello')
    const refused = await ioth(['nc', '-f', path, '--dhcp', '-u', '-w', '20', '10.40.0.1', String(nobody)], {
      input: 'hello',
    }).ended
    expect(refused.stderr).toMatch(/ECONNREFUSED/)
  })

  test('names of those on the network, forwards and backwards, and their domain by DHCP', async () => {
    const { path } = await startSwitch()
    const gateway = ioth(['gateway', '-f', path, '--domain', 'lan.test', '--dns', '127.0.0.1:9'])
    await gateway.prints(/pings|no ping/)
    expect((await iothEnds(['ps', '-f', path])).stdout).toMatch(/ gateway .* ts +53\/tcp 53\/udp 67\/udp /)
    const shop = ioth(['run', `${examples}/http-server.mjs`, '--dhcp', '--name', 'shop', '-f', path])
    await shop.prints(/Serving/)
    const page = await iothEnds(['curl', '-f', path, '--dhcp', 'http://shop/'])
    expect(bare(page.stdout)).toMatch(/this is 10\.40\.0\.100 port 80/)
    const reverse = await iothEnds(['resolve', '-f', path, '--dhcp', '10.40.0.100'])
    expect(reverse.stdout).toMatch(/shop\.lan\.test/)
    const nobody = await iothEnds(['resolve', '-f', path, '--dhcp', 'nobody.lan.test'])
    expect(nobody.stderr).toMatch(/knows no address of "nobody\.lan\.test"/)
    // The host's server is none: a failure, not silence.
    const outside = await iothEnds(['resolve', '-f', path, '--dhcp', 'www.example.test'])
    expect(outside.stderr).toMatch(/does not answer about "www\.example\.test" \(ESERVFAIL\)/)
  })

  test('what cannot be meant names the next command', async () => {
    const { path } = await startSwitch()
    const say = async (...words: string[]): Promise<[number | null, string]> => {
      const { exitCode, stderr } = await iothEnds(['gateway', '-f', path, ...words])
      return [exitCode, stderr]
    }
    expect(await say('--allow', 'example.org')).toEqual([
      64,
      expect.stringMatching(/Type for example: ioth gateway --deny any/),
    ])
    expect(await say('-a', 'fc00::1/48')).toEqual([64, expect.stringMatching(/in a \/64/)])
    expect(await say('-a', '10.1.0.1/31')).toEqual([64, expect.stringMatching(/no room for DHCP.*--no-dhcp/)])
    expect(await say('--range', '10.1.0.1')).toEqual([64, expect.stringMatching(/is no range/)])
    expect(await say('--dns', 'example.org')).toEqual([64, expect.stringMatching(/no address of a name server/)])
    const first = ioth(['gateway', '-f', path])
    await first.prints(/pings|no ping/)
    expect(await say()).toEqual([69, expect.stringMatching(/10\.40\.0\.1 is in use on this network by gateway/)])
  })
})

describe.skipIf(skipNamespaces)(`to the world${whyNamespaces}`, () => {
  test('fetch, names, ping, traceroute, datagrams, refusals, both families', async () => {
    const { host } = await world()
    const { path } = await startSwitch()
    const gateway = iothIn(host, ['gateway', '-f', path, '--dns', '203.0.113.7'])
    await gateway.prints(/IPv6 leads to the world/)
    expect(gateway.stderr).toMatch(/pings leave by (raw|icmp) socket/)
    const run = (...words: string[]): Promise<{ stdout: string; stderr: string }> =>
      iothEnds([...words.slice(0, 1), '-f', path, ...words.slice(1)])

    // By name: the address by DHCP, the name from a server outside, IPv6 not asked for.
    expect((await run('curl', '--dhcp', 'http://www.example.test/')).stdout).toBe(
      'The world greets ::ffff:198.51.100.1.\n',
    )
    expect((await run('curl', '--slaac', 'http://www.example.test/')).stdout).toBe('The world greets 2001:db8:1::1.\n')
    expect((await run('resolve', '--dhcp', '-t', 'TXT', 'text.example.test')).stdout).toMatch(/from the world/)
    expect((await run('ping', '--dhcp', '-c', '1', 'only4.example.test')).stdout).toMatch(
      /64 bytes from 203\.0\.113\.7/,
    )
    expect((await run('ping', '--slaac', '-c', '1', '2001:db8:2::7')).stdout).toMatch(/64 bytes from 2001:db8:2::7/)
    // The gateway, the router behind it, and the destination.
    const hops = (text: string): string[] => [...text.matchAll(/^ *\d+ {2}(\S+)/gm)].map(([, hop]) => hop as string)
    expect(hops((await run('traceroute', '--dhcp', '203.0.113.7')).stdout)).toEqual([
      '10.40.0.1',
      '198.51.100.2',
      '203.0.113.7',
    ])
    const six = hops((await run('traceroute', '--slaac', '2001:db8:2::7')).stdout)
    expect(six).toEqual([expect.stringMatching(/^fd/), '2001:db8:1::2', '2001:db8:2::7'])
    const echo = await ioth(['nc', '-f', path, '--dhcp', '-u', '203.0.113.7', '7'], { input: 'datagram' }).ended
    expect(echo.stdout).toBe('datagram')
    expect((await run('curl', '--dhcp', 'http://203.0.113.7:81/')).stderr).toMatch(/ECONNREFUSED/)

    // The kernel's own ICMP sockets say the same as root's raw ones.
    await gateway.stop()
    host.run('sysctl -q -w net.ipv4.ping_group_range=0\t2147483647')
    const second = iothIn(host, ['gateway', '-f', path, '--deny', '203.0.113.7:80'])
    await second.prints(/IPv6 leads to the world/)
    expect(second.stderr).toContain('pings leave by icmp socket')
    expect(hops((await run('traceroute', '--dhcp', '203.0.113.7')).stdout)).toEqual([
      '10.40.0.1',
      '198.51.100.2',
      '203.0.113.7',
    ])
    expect(hops((await run('traceroute', '--slaac', '2001:db8:2::7')).stdout).slice(1)).toEqual([
      '2001:db8:1::2',
      '2001:db8:2::7',
    ])
    expect((await run('curl', '--dhcp', 'http://203.0.113.7/')).stderr).toMatch(/ECONNREFUSED/)
    expect((await run('curl', '--slaac', 'http://[2001:db8:2::7]/')).stdout).toMatch(/greets/)
  })

  test('a hundred transfers at once, in both directions, arrive intact', async () => {
    const { host } = await world()
    const { path } = await startSwitch()
    const gateway = iothIn(host, ['gateway', '-f', path])
    await gateway.prints(/IPv6 leads/)
    const visitor = await iothEnds(['run', '-f', path, '--dhcp', `${programs}/visitor.mjs`, 'http://203.0.113.7'])
    const sum = createHash('sha256').update(Buffer.alloc(1_000_000, 'the world ')).digest('hex')
    expect([visitor.stdout, visitor.exitCode], visitor.stderr).toEqual([`100 ${sum} true\n`, 0])
  })
})

const hasSlirp = existsSync('/usr/lib/x86_64-linux-gnu/vdeplug/libvdeplug_slirp.so')
const hasPasst = spawnSync('passt', ['--version']).error === undefined
const orInstall = (isThere: boolean, name: string): string =>
  isThere ? whyNamespaces : ` (skipped: ${name} is not installed; apt-get install ${name})`

/** What stands in for `ioth gateway`: somebody else's way out, joined to the network by a cable. */
describe("others' ways out", () => {
  test.skipIf(skipNamespaces || (!hasSlirp && !process.env.CI))(
    `slirp:// of libvdeplug, by ioth wire${orInstall(hasSlirp, 'libvdeplug-slirp')}`,
    async () => {
      const { host } = await world()
      const { path } = await startSwitch()
      const wire = iothIn(host, ['wire', path, 'slirp://'])
      await wire.prints(/ioth: /)
      const fetched = await iothEnds(['curl', '-f', path, '--dhcp', 'http://203.0.113.7/'])
      expect(fetched.stdout, fetched.stderr).toBe('The world greets ::ffff:198.51.100.1.\n')
    },
  )

  test.skipIf(skipNamespaces || (!hasPasst && !process.env.CI))(
    `passt, by ioth wire${orInstall(hasPasst, 'passt')}`,
    async () => {
      const { host } = await world()
      const { path } = await startSwitch()
      const folder = temporaryFolder()
      // Started by root, passt becomes nobody.
      chmodSync(folder, 0o777)
      const socket = join(folder, 'passt')
      const passt = startIn(host, 'passt', ['--foreground', '--socket', socket])
      await passt.prints(/./)
      while (!existsSync(socket)) await new Promise((settle) => setImmediate(settle))
      const wire = iothIn(host, ['wire', path, `passt://${socket}`])
      await wire.prints(/ioth: /)
      const fetched = await iothEnds(['curl', '-f', path, '--dhcp', 'http://203.0.113.7/'])
      expect(fetched.stdout, fetched.stderr).toBe('The world greets ::ffff:198.51.100.1.\n')
    },
  )
})
