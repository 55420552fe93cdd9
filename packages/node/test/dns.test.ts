/** Names through a stack's name servers, held against Node's own resolver that asks the same server on the host's loopback. */
import dgram from 'node:dgram'
import dns from 'node:dns'
import { once } from 'node:events'
import { inspect } from 'node:util'
import { craftDns, craftRecord, DNS, letters, readDnsQuery, ScriptedNameServer, wireName } from '@ioth/conformance'
import { createScheduler } from '@ioth/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bindNode, runInStack } from '../src/index.ts'
import { createFakeStack } from './fake-stack.ts'
import { type Network, pipeNetwork } from './networks.ts'

const HERE = [0xc0, 12]

/** One of each: what the server says, whoever asks. */
function answer(query: { name: string; type: number }): { rcode?: number; answers?: number[][] } {
  const { name, type } = query
  const one = (data: readonly number[], ttl = 300): number[] => craftRecord({ name: HERE, type, ttl, data })
  if (name === 'missing.test') return { rcode: 3 }
  if (name === 'broken.test') return { rcode: 2 }
  if (name === '9.0.0.10.in-addr.arpa') return { answers: [one(wireName('nine.test'))] }
  if (name === '77.0.0.10.in-addr.arpa') return { rcode: 3 }
  if (name === 'server.test') return type === DNS.a ? { answers: [one([10, 0, 0, 1])] } : {}
  if (name !== 'full.test') return {}
  switch (type) {
    case DNS.a:
      return { answers: [one([10, 0, 0, 9]), one([10, 0, 0, 8], 7)] }
    case DNS.aaaa:
      return { answers: [one([0xfd, ...new Array(14).fill(0), 9])] }
    case DNS.mx:
      return { answers: [one([0, 10, ...wireName('mail.test')]), one([0, 20, ...wireName('mail2.test')])] }
    case DNS.txt:
      return { answers: [one([2, ...letters('ab'), 1, ...letters('c')]), one([1, ...letters('d')])] }
    case DNS.srv:
      return { answers: [one([0, 1, 0, 2, 0, 80, ...wireName('web.test')])] }
    case DNS.naptr:
      return { answers: [one([0, 1, 0, 2, 1, 83, 3, ...letters('SIP'), 0, ...wireName('sip.test')])] }
    case DNS.caa:
      return { answers: [one([0, 5, ...letters('issue'), ...letters('ca.test')])] }
    case DNS.tlsa:
      return { answers: [one([3, 1, 1, 0xab, 0xcd])] }
    case DNS.any: {
      const all = [DNS.caa, DNS.soa, DNS.naptr, DNS.srv, DNS.txt, DNS.mx, DNS.aaaa, DNS.a]
      return { answers: all.flatMap((each) => answer({ name, type: each }).answers ?? []) }
    }
    case DNS.soa: {
      const numbers = [1, 2, 3, 4, 5].flatMap((last) => [0, 0, 0, last])
      return { answers: [one([...wireName('ns.test'), ...wireName('admin.test'), ...numbers])] }
    }
    case DNS.ns:
    case DNS.ptr:
    case DNS.cname:
      return { answers: [one(wireName('other.test'))] }
    default:
      return {}
  }
}

const CALLS: readonly [name: string, ...args: unknown[]][] = [
  ['resolve4', 'full.test'],
  ['resolve4', 'full.test', { ttl: true }],
  ['resolve6', 'full.test'],
  ['resolveMx', 'full.test'],
  ['resolveTxt', 'full.test'],
  ['resolveSrv', 'full.test'],
  ['resolveNaptr', 'full.test'],
  ['resolveCaa', 'full.test'],
  ['resolveTlsa', 'full.test'],
  ['resolveAny', 'full.test'],
  ['resolveSoa', 'full.test'],
  ['resolveNs', 'full.test'],
  ['resolvePtr', 'full.test'],
  ['resolveCname', 'full.test'],
  ['resolve', 'full.test', 'MX'],
  ['reverse', '10.0.0.9'],
  ['resolve4', 'missing.test'],
  ['resolveMx', 'missing.test'],
  ['resolveMx', 'empty.test'],
  ['resolveTxt', 'broken.test'],
]

let network: Network
let host: dgram.Socket
const hostResolver = new dns.promises.Resolver({ timeout: 1000, tries: 1 })

beforeAll(async () => {
  network = await pipeNetwork()
  const { serverStack, clientStack } = network
  const address = serverStack?.interfaces[0]?.addresses[0]?.address
  if (serverStack === null || clientStack === null || address === undefined) throw new Error('no stacks')
  new ScriptedNameServer({ stack: serverStack, address }, answer)
  clientStack.nameServers = [address]
  host = dgram.createSocket('udp4', (data, { port, address: from }) => {
    const query = readDnsQuery(data)
    host.send(craftDns({ id: query.id, question: query.question, ...answer(query) }), port, from)
  })
  host.bind(0, '127.0.0.1')
  await once(host, 'listening')
  hostResolver.setServers([`127.0.0.1:${host.address().port}`])
})

afterAll(async () => {
  host.close()
  await network.close()
})

type Called = Record<string, (...args: unknown[]) => Promise<unknown>>

/** What a call gives, or its error's fields. */
async function outcome(on: object, name: string, args: readonly unknown[]): Promise<unknown> {
  try {
    return await (on as Called)[name]?.call(on, ...args)
  } catch (error) {
    const { message, code, errno, syscall, hostname } = error as Record<string, unknown>
    return { message, code, errno, syscall, hostname }
  }
}

describe('queries go to the name servers of the stack, and give what Node gives', () => {
  for (const [name, ...args] of CALLS.filter(([each]) => each in dns.promises)) {
    test(`R-DNS-01 ${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`, async () => {
      const expected = await outcome(hostResolver, name, args)
      const { promises } = network.client.dns
      expect(inspect(await outcome(promises, name, args)), 'bound module').toBe(inspect(expected))
      expect(await outcome(new promises.Resolver(), name, args), 'bound Resolver').toEqual(expected)
      const scoped = runInStack(network.clientStack, () => outcome(new dns.promises.Resolver(), name, args))
      expect(await scoped, "Node's own, in a scope").toEqual(expected)
    })
  }

  test('R-DNS-01 lookupService: names of addresses and of ports', async () => {
    const { dns: bound } = network.client
    const inScope = (address: string, port: number) =>
      runInStack(network.clientStack, () => outcome(dns.promises, 'lookupService', [address, port]))
    for (const ask of [
      (address: string, port: number) => outcome(bound.promises, 'lookupService', [address, port]),
      inScope,
    ]) {
      expect(await ask('10.0.0.9', 22)).toEqual({ hostname: 'nine.test', service: expect.stringMatching(/^(ssh|22)$/) })
      expect(await ask('127.0.0.1', 1)).toMatchObject({ hostname: 'localhost' })
      expect(await ask('10.0.0.77', 80)).toEqual({
        message: 'getnameinfo ENOTFOUND 10.0.0.77',
        code: 'ENOTFOUND',
        errno: expect.any(Number),
        syscall: 'getnameinfo',
        hostname: '10.0.0.77',
      })
    }
    const called = await new Promise((resolve) =>
      bound.lookupService('10.0.0.9', 9, (error, hostname) => resolve(error ?? hostname)),
    )
    expect(called).toBe('nine.test')
  })

  test('callbacks, in the context of their caller and in a task of their own', async () => {
    const { dns: bound } = network.client
    const addresses = await new Promise((resolve, reject) => {
      bound.resolve4('full.test', (error, found) => (error === null ? resolve(found) : reject(error)))
    })
    expect(addresses).toEqual(['10.0.0.9', '10.0.0.8'])
    expect(bound.getServers()).toEqual(['10.0.0.1'])
  })

  test('setServers and cancel', async () => {
    const { promises } = network.client.dns
    const resolver = new promises.Resolver()
    resolver.setServers(['10.0.0.99:5353'])
    expect(resolver.getServers()).toEqual(['10.0.0.99:5353'])
    const waiting = resolver.resolve4('full.test')
    setTimeout(() => resolver.cancel(), 20)
    await expect(waiting).rejects.toMatchObject({ code: 'ECANCELLED', syscall: 'queryA', hostname: 'full.test' })
  })

  test('a stack without name servers asks nobody, least of all the host', async () => {
    const { dns: bound } = bindNode(createFakeStack(createScheduler(), ['10.0.0.1']))
    await expect(bound.promises.resolve4('full.test')).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      syscall: 'queryA',
      hostname: 'full.test',
    })
  })

  test("the host's own queries stay on the host", async () => {
    expect(await hostResolver.resolveNs('full.test')).toEqual(['other.test'])
  })
})

describe('dns.lookup', () => {
  test('asks the name servers of the stack', async () => {
    const { promises } = network.client.dns
    expect(await promises.lookup('full.test')).toEqual({ address: '10.0.0.9', family: 4 })
    expect(await promises.lookup('full.test', { all: true, family: 4 })).toEqual([
      { address: '10.0.0.9', family: 4 },
      { address: '10.0.0.8', family: 4 },
    ])
    await expect(promises.lookup('missing.test')).rejects.toMatchObject({
      code: 'ENOTFOUND',
      errno: -3008,
      syscall: 'getaddrinfo',
      hostname: 'missing.test',
      message: 'getaddrinfo ENOTFOUND missing.test',
    })
    await expect(promises.lookup('broken.test')).rejects.toMatchObject({ code: 'EAI_AGAIN', errno: -3001 })
  })

  test('a connection by name', async () => {
    const server = network.server.net.createServer((socket) => socket.end('hello')).listen(80)
    await once(server, 'listening')
    const socket = network.client.net.connect(80, 'server.test')
    let text = ''
    for await (const piece of socket) text += piece
    expect(text).toBe('hello')
    server.close()
  })
})
