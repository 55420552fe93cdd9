/** DHCP and names from end to end: a node of the test serves both, real processes live on them. */
import { craftRecord, DNS, ScriptedNameServer, wireName } from '@ioth/conformance'
import { type DhcpServer, serveDhcp } from '@ioth/core/services'
import { expect, onTestFinished, test } from 'vitest'
import { createStack, parseIpAddress, type Stack } from '../src/index.ts'
import { bare, examples, ioth, iothEnds, programs, startSwitch } from './support/processes.ts'

const HERE = [0xc0, 12]

interface Served {
  /** For -f. */
  readonly path: string
  readonly stack: Stack
  readonly dhcp: DhcpServer
}

/** A switch with a server for addresses and names at 10.40.0.1. */
async function services(): Promise<Served> {
  const { path } = await startSwitch()
  const stack = await createStack({ vnl: path, addresses: ['10.40.0.1/24'], name: 'server' })
  const dhcp = serveDhcp(stack, {
    range: ['10.40.0.100', '10.40.0.109'],
    gateway: '10.40.0.1',
    dns: ['10.40.0.1'],
    search: ['lan.test'],
    probe: false,
  })
  const hosts: Readonly<Record<string, number>> = { 'server.lan.test': 1, 'web.lan.test': 32 }
  new ScriptedNameServer({ stack, address: parseIpAddress('10.40.0.1') }, ({ name, type }) => {
    const record = (data: readonly number[]) => ({ answers: [craftRecord({ name: HERE, type, ttl: 300, data })] })
    if (name === '32.0.40.10.in-addr.arpa') return record(wireName('web.lan.test'))
    if (name === 'lan.test' && type === DNS.mx) return record([0, 10, ...wireName('server.lan.test')])
    const last = hosts[name]
    if (last === undefined) return { rcode: 3 }
    return type === DNS.a ? record([10, 40, 0, last]) : {}
  })
  onTestFinished(async () => {
    await dhcp.close()
    await stack.close()
  })
  return { path, stack, dhcp }
}

test('R-IP4-09 ioth run --dhcp: the program has a leased address, and serves on it', async () => {
  const { path, dhcp } = await services()
  const server = ioth(['run', `${examples}/http-server.mjs`, '--dhcp', '--name', 'shop', '-f', path])
  await server.prints(/Serving/)
  expect(server.stderr).toContain('10.40.0.100/24')
  expect(dhcp.leases.map(({ address }) => `${address}`)).toEqual(['10.40.0.100'])
  const fetched = await iothEnds(['curl', '--dhcp', '-f', path, 'http://10.40.0.100/'])
  expect(bare(fetched.stdout)).toMatch(/^Hello 10\.40\.0\.10\d, this is 10\.40\.0\.100 port 80\./)
  await server.stop('SIGINT')
})

test('R-DNS-01 ioth ping, curl and resolve know names, by --dns and by DHCP', async () => {
  const { path } = await services()
  const web = ioth(['run', `${examples}/http-server.mjs`, '-a', '10.40.0.32/24', '-f', path])
  await web.prints(/Serving/)

  const ping = await iothEnds(['ping', '-c', '1', '--dns', '10.40.0.1', '-f', path, 'web.lan.test'])
  expect(ping.stdout).toMatch(
    /^PING web\.lan\.test \(10\.40\.0\.32\) 56\(84\) bytes of data\.\n64 bytes from 10\.40\.0\.32:/,
  )
  expect(ping.stdout).toContain('--- web.lan.test ping statistics ---')

  const short = await iothEnds(['ping', '-c', '1', '--dhcp', '-f', path, 'web'])
  expect(short.stdout).toContain('PING web (10.40.0.32)')
  expect(short.exitCode).toBe(0)

  const fetched = await iothEnds(['curl', '--dns', '10.40.0.1', '-f', path, 'http://web.lan.test/'])
  expect(bare(fetched.stdout)).toMatch(/^Hello 10\.40\.0\.\d+, this is 10\.40\.0\.32 port 80\./)

  const unknown = await iothEnds(['ping', '-c', '1', '--dns', '10.40.0.1', '-f', path, 'nobody.lan.test'])
  expect(unknown.stderr).toBe(
    'ioth: the name server 10.40.0.1 knows no address of "nobody.lan.test". Check the name.\n',
  )
  expect(unknown.exitCode).toBe(69)
  const alone = await iothEnds(['ping', '-c', '1', '-f', path, 'web.lan.test'])
  expect(alone.stderr).toMatch(/is a name, and this node has no name server\. Give one with --dns/)
})

test('R-DNS-01 ioth resolve, as text and as JSON', async () => {
  const { path } = await services()
  const resolve = (...words: string[]) => iothEnds(['resolve', '--dns', '10.40.0.1', '-f', path, ...words])
  expect((await resolve('web.lan.test')).stdout).toBe('TYPE  TTL  DATA\nA     300  10.40.0.32\n')
  expect((await resolve('-t', 'mx', 'lan.test')).stdout).toBe('TYPE  TTL  DATA\nMX    300  10 server.lan.test\n')
  expect((await resolve('10.40.0.32')).stdout).toContain('web.lan.test')
  expect(JSON.parse((await resolve('--json', 'web.lan.test')).stdout)).toEqual([
    { type: 'A', ttl: 300, address: '10.40.0.32' },
  ])
  expect((await resolve('-t', 'NONSENSE', 'x')).exitCode).toBe(64)
  expect((await resolve('nobody.lan.test')).exitCode).toBe(69)
})

test('ioth traceroute, as text and as JSON', async () => {
  const { path } = await services()
  const trace = await iothEnds(['traceroute', '-p', '2', '--dns', '10.40.0.1', '-f', path, 'server.lan.test'])
  expect(trace.stdout).toMatch(
    /^traceroute to server\.lan\.test \(10\.40\.0\.1\), 30 hops max, 32 data bytes\n 1 {2}10\.40\.0\.1 {2}[\d.]+ ms {2}[\d.]+ ms\n$/,
  )
  expect(trace.exitCode).toBe(0)
  const json = await iothEnds(['traceroute', '-p', '1', '--json', '-f', path, '10.40.0.1'])
  expect(JSON.parse(json.stdout)).toMatchObject([{ ttl: 1, probes: [{ from: '10.40.0.1', kind: 'reply' }] }])
})

test("R-DNS-01 a program under ioth run asks the network's name servers", async () => {
  const { path } = await services()
  const { stdout, stderr } = await iothEnds(['run', `${programs}/names.mjs`, '--dhcp', '-q', '-f', path])
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    lookup: { address: '10.40.0.32', family: 4 },
    short: { address: '10.40.0.1', family: 4 },
    missing: 'ENOTFOUND',
    resolve4: ['10.40.0.32'],
    resolveMx: [{ exchange: 'server.lan.test', priority: 10 }],
    reverse: ['web.lan.test'],
    servers: ['10.40.0.1'],
    resolver: ['10.40.0.1'],
  })
})
