/**
 * Names: questions that nobody can guess, answers that are believed and those that are not (R-DNS-01, H-23, H-38).
 *
 * @module
 */
import { hasCode } from '@ioth/core'
import { createResolver, joinGroup, type Resolver, type ResolverOptions } from '@ioth/core/services'
import fc from 'fast-check'
import { expect } from 'vitest'
import { craftDns, craftRecord, DNS, letters, TO_QUESTION, wireName } from '../craft/dns.ts'
import { type NameReply, ScriptedNameServer } from '../lan/scripted-name-server.ts'
import type { Scene, Suite } from '../suite.ts'
import { connectionsByName } from './connect-by-name.ts'
import { expectRejection } from './expect-code.ts'
import { a, alias, soa } from './name-records.ts'

export function names(suite: Suite): void {
  const { capabilities } = suite
  if (capabilities.udp === 'none') {
    suite.notClaimed('R-DNS-01 names', 'udp: none')
    return
  }
  questions(suite)
  answers(suite)
  caching(suite)
  hostile(suite)
  connectionsByName(suite)

  suite.test('joinGroup is one call, or refused by name', ({ a: host }) => {
    const join = (group: string): unknown => joinGroup(host.stack, group, { port: 5353 })
    if (!capabilities.multicast) {
      expect(() => join('224.0.0.251')).toThrowError(/no multicast/)
      return
    }
    expect(join('224.0.0.251')).toBeDefined()
    expect(() => join('10.0.0.1')).toThrowError(/no multicast group/)
  })
}

function ask({ a: host, b }: Scene, options: ResolverOptions = {}): Resolver {
  host.stack.nameServers = [b.address]
  return createResolver(host.stack, options)
}

const addresses = (records: readonly { address: string }[]): string[] => records.map(({ address }) => address)

function questions(suite: Suite): void {
  suite.test('R-DNS-01 an answer to a question: one datagram each way, recursion desired, EDNS0', async (scene) => {
    const server = new ScriptedNameServer(scene.b, () => ({ answers: [a(7), a(8)] }))
    const records = await scene.lan.settled(ask(scene).resolve('www.test', 'A'))
    expect(addresses(records)).toEqual(['10.0.0.7', '10.0.0.8'])
    expect(server.asked).toMatchObject([
      { name: 'www.test', type: 1, isRecursionDesired: true, payload: 1232, overTcp: false },
    ])
  })

  suite.test('R-DNS-01 H-23 every question has another id and another source port', async (scene) => {
    const { lan } = scene
    const server = new ScriptedNameServer(scene.b, () => ({ answers: [a(7)] }))
    const resolver = ask(scene)
    for (let index = 0; index < 300; index++) await lan.settled(resolver.resolve(`host${index}.test`, 'A'))
    const ids = server.asked.map(({ id }) => id)
    const ports = server.asked.map(({ port }) => port)
    // Of 300 random 16-bit numbers a handful may be the same.
    expect(new Set(ids).size).toBeGreaterThan(290)
    expect(new Set(ports).size).toBeGreaterThan(280)
    for (const values of [ids, ports]) {
      const steps = values.slice(1).map((value, index) => (value - (values[index] as number)) & 0xffff)
      expect(new Set(steps).size, 'no constant step').toBeGreaterThan(250)
      const rising = steps.filter((step) => step < 0x8000).length
      expect(rising).toBeGreaterThan(100)
      expect(rising).toBeLessThan(200)
      expect(correlation(values), 'one does not tell the next').toBeLessThan(0.25)
    }
  })

  suite.test(
    'R-DNS-01 a server that is silent: asked again, then the next one; ETIMEOUT when all are',
    async (scene) => {
      const { lan, a: host, b } = scene
      const server = new ScriptedNameServer(b, () => null)
      const resolver = createResolver(host.stack, { servers: ['10.0.0.2', '10.0.0.99'], timeoutMs: 500, tries: 2 })
      const failure = await expectRejection(lan.settled(resolver.resolve('www.test', 'MX')), 'ETIMEOUT', {
        syscall: 'queryMx',
      })
      expect(failure.message).toBe('queryMx ETIMEOUT www.test')
      expect(server.asked.length).toBe(2)
      expect(new Set(server.asked.map(({ port }) => port)).size).toBe(2)
    },
  )

  suite.test('R-DNS-01 SERVFAIL and REFUSED: the next server is asked; its answer counts', async (scene) => {
    const { lan, a: host, b } = scene
    const other = await lan.join({ ...suite.peer(), name: 'c' })
    const broken = new ScriptedNameServer(b, ({ name }) => ({ rcode: name.startsWith('x') ? 5 : 2 }))
    const good = new ScriptedNameServer(other, ({ name }) =>
      name.startsWith('x') ? { rcode: 5 } : { answers: [a(7)] },
    )
    const resolver = createResolver(host.stack, { servers: [`${b.address}`, `${other.address}:53`] })
    expect(addresses(await lan.settled(resolver.resolve('www.test', 'A')))).toEqual(['10.0.0.7'])
    await expectRejection(lan.settled(resolver.resolve('x.test', 'A')), 'EREFUSED')
    expect([broken.asked.length, good.asked.length], 'a refusal is not asked again').toEqual([2, 2])
  })

  suite.test('R-DNS-01 a server without EDNS0 is asked without it', async (scene) => {
    const server = new ScriptedNameServer(scene.b, ({ payload }) => (payload > 0 ? { rcode: 1 } : { answers: [a(7)] }))
    await scene.lan.settled(ask(scene).resolve('www.test', 'A'))
    expect(server.asked.map(({ payload }) => payload)).toEqual([1232, 0])
  })

  suite.test('R-DNS-01 a truncated answer is asked for again by TCP, and may be large', async (scene) => {
    const many = Array.from({ length: 500 }, (_, index) => a(index & 255))
    const server = new ScriptedNameServer(scene.b, ({ overTcp }) =>
      overTcp ? { answers: many } : { flags: 0x8380, answers: many.slice(0, 1) },
    )
    const records = await scene.lan.settled(ask(scene).resolve('many.test', 'A'))
    expect(records.length).toBe(500)
    expect(server.asked.map(({ overTcp }) => overTcp)).toEqual([false, true])
  })

  suite.test('0x20: letters are capitalized at random, and have to come back so', async (scene) => {
    const lower = (question: readonly number[]): number[] =>
      question.map((octet, at) =>
        at > 0 && at < question.length - 4 && octet >= 65 && octet <= 90 ? octet + 32 : octet,
      )
    let isHonest = true
    const server = new ScriptedNameServer(scene.b, ({ question }) => ({
      question: isHonest ? question : lower(question),
      answers: [a(7)],
    }))
    const resolver = ask(scene, { randomCase: true, tries: 1, timeoutMs: 300 })
    expect(addresses(await scene.lan.settled(resolver.resolve('a-rather-long-name.test', 'A')))).toEqual(['10.0.0.7'])
    const [first] = server.asked
    expect(first?.name).not.toBe('a-rather-long-name.test')
    expect(first?.name.toLowerCase()).toBe('a-rather-long-name.test')
    isHonest = false
    await expectRejection(scene.lan.settled(resolver.resolve('another-rather-long-name.test', 'A')), 'ETIMEOUT')
  })

  suite.test('names that need no server, and names that are none', async (scene) => {
    const { lan, a: host } = scene
    const resolver = createResolver(host.stack, {
      hosts: { printer: '10.0.0.77', 'Two.Test': ['10.0.0.5', '10.0.0.6'] },
    })
    const look = async (name: string): Promise<string[]> =>
      (await lan.settled(resolver.lookup(name, { family: 4 }))).map(String)
    expect(await look('localhost')).toEqual(['127.0.0.1'])
    expect(await look('db.localhost.')).toEqual(['127.0.0.1'])
    expect(await look('10.0.0.9')).toEqual(['10.0.0.9'])
    expect(await look('PRINTER')).toEqual(['10.0.0.77'])
    expect(await look('two.test')).toEqual(['10.0.0.5', '10.0.0.6'])
    expect(await look(host.name)).toEqual(['10.0.0.1'])
    expect(await lan.settled(resolver.reverse('10.0.0.77'))).toEqual(['printer'])
    await expectRejection(lan.settled(resolver.lookup('some.invalid')), 'ENOTFOUND', { syscall: 'getaddrinfo' })
    await expectRejection(lan.settled(resolver.resolve('two..dots', 'A')), 'EBADNAME')
    await expectRejection(lan.settled(resolver.resolve(`${'x'.repeat(64)}.test`, 'A')), 'EBADNAME')
    const lonely = await expectRejection(lan.settled(resolver.lookup('www.test')), 'ECONNREFUSED')
    expect(lonely.message).toContain('no name server')
  })

  suite.test('names without dots are looked up in the search domains first, names with dots last', async (scene) => {
    const { lan, a: host } = scene
    const server = new ScriptedNameServer(scene.b, ({ name }) =>
      name === 'www.two.test' ? { answers: [a(7)] } : { rcode: 3 },
    )
    host.stack.searchDomains = ['one.test', 'two.test']
    const resolver = ask(scene)
    expect((await lan.settled(resolver.lookup('www'))).map(String)).toEqual(['10.0.0.7'])
    expect(server.asked.map(({ name }) => name)).toEqual(['www.one.test', 'www.two.test'])
    await expectRejection(lan.settled(resolver.lookup('a.b')), 'ENOTFOUND')
    expect(server.asked.slice(2).map(({ name }) => name)).toEqual(['a.b', 'a.b.one.test', 'a.b.two.test'])
    await expectRejection(lan.settled(resolver.lookup('www.')), 'ENOTFOUND')
    expect(server.asked.slice(5).map(({ name }) => name)).toEqual(['www'])
  })

  suite.test('the same question asked at the same time is asked once; it ends when nobody waits', async (scene) => {
    const { lan } = scene
    const server = new ScriptedNameServer(scene.b, () => null)
    const resolver = ask(scene)
    const [one, two] = [new AbortController(), new AbortController()]
    const first = resolver.resolve('www.test', 'A', { signal: one.signal })
    const second = resolver.resolve('WWW.test', 'A', { signal: two.signal })
    await lan.wait(100)
    expect(server.asked.length).toBe(1)
    one.abort()
    await expectRejection(lan.settled(first), 'ABORT_ERR')
    two.abort()
    await expectRejection(lan.settled(second), 'ABORT_ERR')
    await lan.wait(10)
    expect([...scene.a.stack.sockets()]).toEqual([])
    const third = resolver.resolve('www.test', 'A')
    await lan.wait(10)
    resolver.cancel()
    await expectRejection(lan.settled(third), 'ECANCELLED')
  })

  suite.test('P-11 nothing of a resolver is left, however its questions end', async (scene) => {
    const { lan } = scene
    const before = { timers: lan.virtual?.timers, holds: lan.virtual?.holds }
    new ScriptedNameServer(scene.b, ({ name }) => (name.startsWith('silent') ? null : { answers: [a(7)] }))
    await lan.wait(10)
    const sockets = [...scene.b.stack.sockets()].length
    const resolver = ask(scene, { timeoutMs: 500 })
    await lan.settled(resolver.resolve('www.test', 'A'))
    await expectRejection(lan.settled(resolver.resolve('silent.test', 'A')), 'ETIMEOUT')
    const pending = resolver.resolve('silent2.test', 'A')
    await lan.wait(100)
    resolver.close()
    await expectRejection(lan.settled(pending), 'ECANCELLED')
    await expectRejection(lan.settled(resolver.resolve('www.test', 'A')), 'ECANCELLED')
    await lan.wait(300_000)
    expect([...scene.a.stack.sockets()]).toEqual([])
    expect([...scene.b.stack.sockets()].length).toBe(sockets)
    if (lan.virtual !== null) expect(lan.virtual.timers).toBe(before.timers)
  })
}

function answers(suite: Suite): void {
  suite.test('every type that node:dns asks for', async (scene) => {
    const text = [5, ...letters('hello'), 0, 3, ...letters('two')]
    const data: Readonly<Record<string, readonly number[]>> = {
      AAAA: [0xfd, ...new Array(14).fill(0), 7],
      CNAME: wireName('real.test'),
      MX: [0, 10, ...wireName('mail.test')],
      NS: wireName('ns.test'),
      PTR: wireName('host.test'),
      TXT: text,
      SRV: [0, 1, 0, 2, 0, 80, ...wireName('web.test')],
      NAPTR: [0, 1, 0, 2, 1, 83, 3, ...letters('SIP'), 0, ...wireName('sip.test')],
      CAA: [128, 5, ...letters('issue'), ...letters('ca.test')],
      SOA: [...wireName('ns.test'), ...wireName('admin.test'), ...[1, 2, 3, 4, 5].flatMap((last) => [0, 0, 0, last])],
    }
    new ScriptedNameServer(scene.b, ({ type }) => {
      const name = Object.keys(data).find((each) => DNS[each.toLowerCase() as keyof typeof DNS] === type)
      return name === undefined
        ? { rcode: 4 }
        : { answers: [craftRecord({ name: TO_QUESTION, type, data: data[name] ?? [] })] }
    })
    const resolver = ask(scene)
    const got = async (type: Parameters<Resolver['resolve']>[1]): Promise<unknown> => {
      const [record] = await scene.lan.settled(resolver.resolve('x.test', type))
      return record
    }
    expect(await got('AAAA')).toEqual({ type: 'AAAA', ttl: 60, address: 'fd00::7' })
    expect(await got('CNAME')).toEqual({ type: 'CNAME', ttl: 60, value: 'real.test' })
    expect(await got('MX')).toEqual({ type: 'MX', ttl: 60, priority: 10, exchange: 'mail.test' })
    expect(await got('NS')).toEqual({ type: 'NS', ttl: 60, value: 'ns.test' })
    expect(await got('PTR')).toEqual({ type: 'PTR', ttl: 60, value: 'host.test' })
    expect(await got('TXT')).toEqual({ type: 'TXT', ttl: 60, entries: ['hello', '', 'two'] })
    expect(await got('SRV')).toEqual({ type: 'SRV', ttl: 60, priority: 1, weight: 2, port: 80, name: 'web.test' })
    expect(await got('NAPTR')).toEqual({
      type: 'NAPTR',
      ttl: 60,
      order: 1,
      preference: 2,
      flags: 'S',
      service: 'SIP',
      regexp: '',
      replacement: 'sip.test',
    })
    expect(await got('CAA')).toEqual({ type: 'CAA', ttl: 60, critical: 128, tag: 'issue', value: 'ca.test' })
    expect(await got('SOA')).toEqual({
      type: 'SOA',
      ttl: 60,
      nsname: 'ns.test',
      hostmaster: 'admin.test',
      serial: 1,
      refresh: 2,
      retry: 3,
      expire: 4,
      minttl: 5,
    })
    await expectRejection(scene.lan.settled(resolver.resolve('x.test', 'ANY')), 'ENOTIMP')
  })

  suite.test(
    'ANY gives what there is; reverse asks for the right name; ENODATA and ENOTFOUND are told apart',
    async (scene) => {
      const { lan } = scene
      const server = new ScriptedNameServer(scene.b, ({ name, type }) => {
        if (name === 'any.test')
          return { answers: [a(7), craftRecord({ name: TO_QUESTION, type: DNS.txt, data: [1, 65] })] }
        if (type === DNS.ptr)
          return { answers: [craftRecord({ name: TO_QUESTION, type: DNS.ptr, data: wireName('seven.test') })] }
        return name === 'empty.test' ? {} : { rcode: 3 }
      })
      const resolver = ask(scene)
      expect((await lan.settled(resolver.resolve('any.test', 'ANY'))).map(({ type }) => type)).toEqual(['A', 'TXT'])
      expect(await lan.settled(resolver.reverse('10.0.0.7'))).toEqual(['seven.test'])
      expect(await lan.settled(resolver.reverse('fd00::7'))).toEqual(['seven.test'])
      expect(server.asked.map(({ name }) => name).slice(1)).toEqual([
        '7.0.0.10.in-addr.arpa',
        '7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa',
      ])
      await expectRejection(lan.settled(resolver.resolve('empty.test', 'MX')), 'ENODATA')
      const missing = await expectRejection(lan.settled(resolver.resolve('missing.test', 'MX')), 'ENOTFOUND')
      expect(missing).toMatchObject({ message: 'queryMx ENOTFOUND missing.test', hostname: 'missing.test' })
      await expectRejection(lan.settled(resolver.lookup('empty.test')), 'ENOTFOUND', { syscall: 'getaddrinfo' })
    },
  )

  suite.test('R-DNS-01 aliases are followed within an answer, across answers, and not for ever', async (scene) => {
    const { lan } = scene
    const long = Array.from({ length: 40 }, (_, index) => alias(`l${index}.test`, `l${index + 1}.test`))
    const server = new ScriptedNameServer(scene.b, ({ name }): NameReply => {
      if (name === 'www.test') {
        const end = craftRecord({ name: 'c.test', type: DNS.a, data: [10, 0, 0, 7] })
        return { answers: [end, alias('www.test', 'b.test'), alias('b.test', 'c.test')] }
      }
      if (name === 'far.test') return { answers: [alias('far.test', 'www.test')] }
      if (name === 'loop.test') return { answers: [alias('loop.test', 'pool.test'), alias('pool.test', 'loop.test')] }
      if (name === 'l0.test') return { answers: long }
      const round = /^r(\d+)\.test$/.exec(name)
      return round === null ? { rcode: 3 } : { answers: [alias(name, `r${Number(round[1]) + 1}.test`)] }
    })
    const resolver = ask(scene, { tries: 1 })
    expect(addresses(await lan.settled(resolver.resolve('www.test', 'A')))).toEqual(['10.0.0.7'])
    expect(addresses(await lan.settled(resolver.resolve('far.test', 'A')))).toEqual(['10.0.0.7'])
    await expectRejection(lan.settled(resolver.resolve('loop.test', 'A')), 'EBADRESP')
    await expectRejection(lan.settled(resolver.resolve('l0.test', 'A')), 'EBADRESP')
    const before = server.asked.length
    await expectRejection(lan.settled(resolver.resolve('r0.test', 'A')), 'EBADRESP')
    expect(server.asked.length - before).toBeLessThanOrEqual(17)
    expect(await lan.settled(resolver.resolve('far.test', 'CNAME'))).toMatchObject([{ value: 'www.test' }])
  })
}

function caching(suite: Suite): void {
  suite.test('answers are kept for their time to live, 2^31 is none, and a week is a day', async (scene) => {
    const { lan } = scene
    const ttls: Readonly<Record<string, number>> = { 'short.test': 5, 'sign.test': 0x8000_0000, 'week.test': 604_800 }
    const server = new ScriptedNameServer(scene.b, ({ name }) => ({ answers: [a(7, ttls[name] ?? 0)] }))
    const resolver = ask(scene)
    const askTwice = async (name: string, waitMs: number): Promise<number> => {
      await lan.settled(resolver.resolve(name, 'A'))
      await lan.wait(waitMs)
      const before = server.asked.length
      await lan.settled(resolver.resolve(name, 'A'))
      return server.asked.length - before
    }
    expect(await askTwice('short.test', 4000)).toBe(0)
    expect(await askTwice('short.test', 6000)).toBe(1)
    expect(await askTwice('sign.test', 1)).toBe(1)
    if (!suite.capabilities.virtualTime) return
    expect(await askTwice('week.test', 80_000_000)).toBe(0)
    expect(await askTwice('week.test', 90_000_000)).toBe(1)
  })

  suite.test(
    'that there is nothing is kept as long as the zone says, and not on the word of another zone',
    async (scene) => {
      const { lan } = scene
      const server = new ScriptedNameServer(scene.b, ({ name }) => ({
        rcode: name.startsWith('none') ? 0 : 3,
        authorities: name.includes('foreign') ? [soa('other', 600)] : [soa('test', 10)],
      }))
      const resolver = ask(scene)
      const again = async (name: string, code: string): Promise<number> => {
        const before = server.asked.length
        await expectRejection(lan.settled(resolver.resolve(name, 'A')), code)
        return server.asked.length - before
      }
      expect(await again('gone.test', 'ENOTFOUND')).toBe(1)
      expect(await again('gone.test', 'ENOTFOUND')).toBe(0)
      expect(await again('none.test', 'ENODATA')).toBe(1)
      expect(await again('none.test', 'ENODATA')).toBe(0)
      expect(await again('foreign.test', 'ENOTFOUND')).toBe(1)
      expect(await again('foreign.test', 'ENOTFOUND')).toBe(1)
      await lan.wait(11_000)
      expect(await again('gone.test', 'ENOTFOUND')).toBe(1)
    },
  )
}

/** What an attacker, or a broken server, may say: each must be as if nothing had been said. */
function hostile(suite: Suite): void {
  const question = [...wireName('www.test'), 0, 1, 0, 1]
  const evil = craftRecord({ name: TO_QUESTION, type: DNS.a, data: [6, 6, 6, 6] })
  const point = (to: number): number[] => [0xc0 | (to >> 8), to & 255]
  const at = 12 + question.length
  // Behind a name of three octets and the fixed fields: the root, and pointers that each lead to the one before.
  const chainAt = at + 13
  const chain = [
    0,
    ...Array.from({ length: 200 }, (_, hop) => point(hop === 0 ? chainAt : chainAt + 2 * hop - 1)).flat(),
  ]
  const longChain = [
    craftRecord({ name: 'x', type: 99, data: chain }),
    [...point(chainAt + chain.length - 2), ...evil.slice(2)],
  ]
  const wrong: Readonly<Record<string, (id: number) => Uint8Array>> = {
    'another id': (id) => craftDns({ id: id ^ 1, question, answers: [evil] }),
    'a query': (id) => craftDns({ id, flags: 0x0100, question, answers: [evil] }),
    'another opcode': (id) => craftDns({ id, flags: 0xa180, question, answers: [evil] }),
    'no question': (id) => craftDns({ id, answers: [[...wireName('www.test'), ...evil.slice(2)]] }),
    'another name': (id) => craftDns({ id, question: [...wireName('wwx.test'), 0, 1, 0, 1], answers: [evil] }),
    'another type': (id) => craftDns({ id, question: [...wireName('www.test'), 0, 28, 0, 1], answers: [evil] }),
    'another class': (id) => craftDns({ id, question: [...wireName('www.test'), 0, 1, 0, 3], answers: [evil] }),
    'two questions': (id) =>
      craftDns({ id, question: [...question, ...question], counts: [2, 1, 0, 0], answers: [evil] }),
    'a pointer to itself': (id) => craftDns({ id, question, answers: [[...point(at), ...evil.slice(2)]] }),
    'a pointer forward': (id) => craftDns({ id, question, answers: [[...point(at + 2), ...evil.slice(2)]] }),
    'two pointers in a circle': (id) =>
      craftDns({ id, question, answers: [[...point(at + 2), ...point(at), ...evil.slice(2)]] }),
    'a pointer past the end': (id) => craftDns({ id, question, answers: [[...point(0x3fff), ...evil.slice(2)]] }),
    'half a pointer': (id) => craftDns({ id, question, answers: [[0xc0]] }),
    'a chain of 200 pointers': (id) => craftDns({ id, question, answers: longChain }),
    'a label of 64': (id) =>
      craftDns({ id, question, answers: [[64, ...new Array(64).fill(97), 0, ...evil.slice(2)]] }),
    'a label of a reserved kind': (id) => craftDns({ id, question, answers: [[0x80, 0, ...evil.slice(2)]] }),
    'a name of 256': (id) =>
      craftDns({
        id,
        question,
        answers: [[...new Array(4).fill([63, ...new Array(63).fill(97)]).flat(), 0, ...evil.slice(2)]],
      }),
    'a name without end': (id) => craftDns({ id, question, answers: [[3, 119, 119]] }),
    'a dot inside of a label': (id) =>
      craftDns({ id, question, answers: [[8, ...letters('www.test'), 0, ...evil.slice(2)]] }),
    'a zero inside of a label': (id) => craftDns({ id, question, answers: [[3, 119, 0, 119, 0, ...evil.slice(2)]] }),
    'data past the end': (id) =>
      craftDns({
        id,
        question,
        answers: [craftRecord({ name: TO_QUESTION, type: 1, data: [6, 6, 6, 6], length: 400 })],
      }),
    'data of five octets': (id) =>
      craftDns({ id, question, answers: [craftRecord({ name: TO_QUESTION, type: 1, data: [6, 6, 6, 6, 6] })] }),
    'an alias longer than its data': (id) =>
      craftDns({
        id,
        question,
        answers: [craftRecord({ name: TO_QUESTION, type: 5, data: [3, 119], length: 2 }), evil],
      }),
    'text longer than its data': (id) =>
      craftDns({ id, question, answers: [craftRecord({ name: TO_QUESTION, type: 16, data: [9, 65] }), evil] }),
    'more records than there are': (id) =>
      craftDns({ id, question, counts: [1, 65535, 65535, 65535], answers: [evil] }),
    'nothing but a header': (id) => craftDns({ id, counts: [65535, 65535, 65535, 65535] }),
    'a cut record': (id) => craftDns({ id, question, counts: [1, 1, 0, 0], answers: [evil.slice(0, -5)] }),
    'half a header': (id) => craftDns({ id, question }).subarray(0, 7),
    nothing: () => new Uint8Array(0),
  }

  suite.test(
    'R-DNS-01 H-38 wrong and broken answers are as if nothing had been said; the right one counts',
    async (scene) => {
      const { lan, a: host, b } = scene
      const server = new ScriptedNameServer(b, ({ id }) => [
        ...Object.values(wrong).map((make) => make(id)),
        { answers: [a(7)] },
      ])
      const resolver = ask(scene)
      expect(addresses(await lan.settled(resolver.resolve('www.test', 'A')))).toEqual(['10.0.0.7'])
      expect(server.asked.length).toBe(1)
      const { mismatched, malformed } = resolver.counters
      expect(mismatched + malformed).toBe(Object.keys(wrong).length)
      expect(mismatched, 'other ids, names, types…').toBe(8)
      expect([...host.stack.sockets()]).toEqual([])
    },
  )

  for (const [what, make] of Object.entries(wrong)) {
    suite.test(`H-38 ${what}: dropped`, async (scene) => {
      new ScriptedNameServer(scene.b, ({ id }) => make(id))
      await expectRejection(
        scene.lan.settled(ask(scene, { tries: 1, timeoutMs: 100 }).resolve('www.test', 'A')),
        'ETIMEOUT',
      )
    })
  }

  suite.test('H-38 records that are not asked for are not used, nor kept', async (scene) => {
    const { lan } = scene
    const stray = (name: string): number[] => craftRecord({ name, type: DNS.a, data: [6, 6, 6, 6] })
    const server = new ScriptedNameServer(scene.b, ({ name }) => ({
      answers: [
        stray('bank.test'),
        ...(name === 'www.test' ? [alias('www.test', 'real.test'), stray('unrelated.test')] : [a(7)]),
        ...(name === 'www.test' ? [craftRecord({ name: 'real.test', type: DNS.a, data: [10, 0, 0, 7] })] : []),
        craftRecord({ name: TO_QUESTION, type: DNS.a, class: 3, data: [6, 6, 6, 6] }),
      ],
      authorities: [stray('ns.test')],
      additionals: [stray('bank.test'), stray('www.test')],
    }))
    const resolver = ask(scene)
    expect(addresses(await lan.settled(resolver.resolve('www.test', 'A')))).toEqual(['10.0.0.7'])
    expect(addresses(await lan.settled(resolver.resolve('bank.test', 'A')))).toContain('10.0.0.7')
    expect(server.asked.length, 'bank.test was asked for').toBe(2)
  })

  suite.test('R-DNS-01 a flood of wrong answers: the question goes by TCP, where nobody guesses', async (scene) => {
    const server = new ScriptedNameServer(scene.b, ({ id, overTcp }) =>
      overTcp
        ? { answers: [a(7)] }
        : Array.from({ length: 80 }, (_, guess) => ({ id: id ^ (guess + 1), answers: [a(66)] })),
    )
    const resolver = ask(scene)
    expect(addresses(await scene.lan.settled(resolver.resolve('www.test', 'A')))).toEqual(['10.0.0.7'])
    expect(server.asked.map(({ overTcp }) => overTcp)).toEqual([false, true])
  })

  suite.test('R-DNS-01 an answer from another address or port is not heard', async (scene) => {
    const { lan, a: host, b } = scene
    const other = await lan.join({ ...suite.peer(), name: 'c' })
    new ScriptedNameServer(b, ({ id, port }) => {
      const forged = craftDns({ id, question, answers: [evil] })
      for (const [from, source] of [
        [other, 53],
        [b, 54],
      ] as const) {
        const socket = from.stack.openUdp(4)
        socket.bind(from.address, source)
        socket.send(forged, 0, forged.length, host.address, port)
      }
      return null
    })
    await expectRejection(lan.settled(ask(scene, { tries: 1, timeoutMs: 500 }).resolve('www.test', 'A')), 'ETIMEOUT')
  })

  suite.property(
    'H-38 P-14 arbitrary and damaged answers: an answer, or an error of node:dns, and no exception beside',
    fc.record({
      isOverTcp: fc.boolean(),
      tail: fc.uint8Array({ maxLength: 200 }),
      flips: fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 6 }),
      counts: fc.tuple(fc.nat(3), fc.nat(6), fc.nat(6), fc.nat(6)),
    }),
    ({ isOverTcp, tail, flips, counts }, seed) =>
      suite.withScene('H-38', { seed }, async (scene) => {
        new ScriptedNameServer(scene.b, ({ id, overTcp, question: asked }) => {
          if (isOverTcp && !overTcp) return { flags: 0x8380 }
          const answer = craftDns({
            id,
            question: asked,
            counts: flips.length % 2 === 0 ? [1, counts[1], counts[2], counts[3]] : counts,
            answers: [alias('www.test', 'x.test'), a(7), Array.from(tail)],
          })
          for (const [place, value] of flips) if (place >= 2 && place < answer.length) answer[place] = value
          return answer
        })
        const resolver = ask(scene, { tries: 1, timeoutMs: 200 })
        for (const type of ['A', 'ANY', 'TXT'] as const) {
          try {
            await scene.lan.settled(resolver.resolve('www.test', type))
          } catch (error) {
            const isForeseen = [
              'ETIMEOUT',
              'EBADRESP',
              'ENODATA',
              'ENOTFOUND',
              'ESERVFAIL',
              'EFORMERR',
              'ENOTIMP',
              'EREFUSED',
            ]
            expect(
              isForeseen.some((code) => hasCode(error, code)),
              String(error),
            ).toBe(true)
          }
        }
      }),
  )
}

/** How much each value tells of the next one: 0 nothing, 1 everything. */
function correlation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  let both = 0
  let own = 0
  for (const [index, value] of values.entries()) {
    own += (value - mean) ** 2
    if (index > 0) both += (value - mean) * ((values[index - 1] as number) - mean)
  }
  return Math.abs(both / own)
}
