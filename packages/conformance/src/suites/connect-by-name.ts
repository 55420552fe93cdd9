/**
 * Connections by name: which of several addresses is tried, when the next one is, and what becomes of the others (R-HE-01).
 *
 * @module
 */
import { Connection, type Interface, type IpAddress, listen, parseIpAddress } from '@ioth/core'
import { connectByName } from '@ioth/core/services'
import { expect } from 'vitest'
import { FrameChecker } from '../checker/frame-checker.ts'
import { DNS } from '../craft/dns.ts'
import { ScriptedNameServer } from '../lan/scripted-name-server.ts'
import type { Scene, Suite } from '../suite.ts'
import { expectRejection } from './expect-code.ts'
import { a, aaaa, alias } from './name-records.ts'

export function connectionsByName(suite: Suite): void {
  const serve = (where: Scene['a'], address: IpAddress = where.address): void => {
    void (async () => {
      for await (const connection of listen(where.stack, { port: 80, host: address })) {
        await connection.end('hello')
        await connection.close()
      }
    })().catch(() => undefined)
  }

  suite.test(
    'R-HE-01 connect by name: the first address that answers wins, the others are given up without a trace',
    async (scene) => {
      const { lan, a: host, b } = scene
      const far = await lan.join({ ...suite.peer(), name: 'far', address: '10.0.0.130/24' })
      serve(far)
      // Nobody has .91 and .92; they come first, for they have more in common with our own address.
      new ScriptedNameServer(b, ({ type }) => (type === DNS.a ? { answers: [a(91), a(92), a(130)] } : {}))
      host.stack.nameServers = [b.address]
      const since = lan.now
      const connection = await lan.settled(connectByName(host.stack, { host: 'www.test', port: 80 }))
      expect(connection).toBeInstanceOf(Connection)
      expect(`${connection.remoteAddress}`).toBe('10.0.0.130')
      // Two attempts before it, 250 ms each.
      expect((lan.now - since) / 1000).toBeGreaterThanOrEqual(500)
      // Nobody waited until an attempt had failed, which takes seconds.
      expect((lan.now - since) / 1000).toBeLessThan(suite.limit(700, 2500))
      expect([...host.stack.sockets()].length).toBe(1)
      await lan.settled(connection.close())
    },
  )

  suite.test('R-HE-01 an attempt that fails is not waited for', async (scene) => {
    const { lan, a: host, b } = scene
    const other = await lan.join({ ...suite.peer(), name: 'c' })
    if (!suite.capabilities.refusedVisible) return
    serve(b)
    new ScriptedNameServer(b, ({ type }) => (type === DNS.a ? { answers: [a(other.address.w3 & 255), a(2)] } : {}))
    host.stack.nameServers = [b.address]
    const since = lan.now
    const connection = await lan.settled(
      connectByName(host.stack, { host: 'www.test', port: 80, attemptDelayMs: 2000 }),
    )
    expect(`${connection.remoteAddress}`).toBe('10.0.0.2')
    expect((lan.now - since) / 1000).toBeLessThan(suite.limit(100, 2000))
    await lan.settled(connection.close())
  })

  suite.test('R-HE-01 an attempt has its time also when an older one fails', async ({ lan, a: host, b }) => {
    const far = await lan.join({ ...suite.peer(), name: 'far', address: '10.0.0.130/24' })
    serve(far)
    // Nobody has the first two: of the first that is found out after three seconds, when the second has had one of its two.
    new ScriptedNameServer(b, ({ type }) => (type === DNS.a ? { answers: [a(91), a(92), a(130)] } : {}))
    host.stack.nameServers = [b.address]
    const since = lan.now
    const connection = await lan.settled(
      connectByName(host.stack, { host: 'www.test', port: 80, attemptDelayMs: 2000 }),
    )
    expect(`${connection.remoteAddress}`).toBe('10.0.0.130')
    expect((lan.now - since) / 1000).toBeGreaterThanOrEqual(4000)
    await lan.settled(connection.close())
  })

  suite.testIf(
    suite.capabilities.ipv6,
    'ipv6: false',
    'R-HE-01 an address that becomes known during an attempt does not cut that short',
    async (scene) => {
      const { lan, a: host, b } = scene
      await addIpv6(scene)
      // The IPv4 address is known only after one more question, while the SYN to the other is under way.
      new ScriptedNameServer(b, ({ name, type }) => {
        if (type !== DNS.a) return { answers: [aaaa(2)] }
        return { answers: [name === 'www.test' ? alias('www.test', 'real.test') : a(2)] }
      })
      for (const where of [b.address, parseIpAddress('2001:db8::2')]) serve(b, where)
      host.stack.nameServers = [b.address]
      b.impair({ delayMs: 40 })
      const connection = await lan.settled(
        connectByName(host.stack, { host: 'www.test', port: 80, attemptDelayMs: 2000 }),
      )
      expect(`${connection.remoteAddress}`).toBe('2001:db8::2')
      await lan.settled(connection.close())
      const checker = new FrameChecker()
      const asked = host.frames
        .filter(({ direction }) => direction === 'out')
        .flatMap(({ octets }) => {
          const { ip, tcp } = checker.check(octets)
          return tcp?.syn === true ? [ip?.family] : []
        })
      // On the host's clock a SYN may be repeated.
      expect(lan.virtual === null ? [...new Set(asked)] : asked).toEqual([6])
    },
  )

  suite.testIf(
    suite.capabilities.ipv6,
    'ipv6: false',
    'R-HE-01 both families: IPv6 first, IPv4 where that is dead, and 50 ms after its own answer where nothing is heard',
    async (scene) => {
      const { lan, a: host, b } = scene
      await addIpv6(scene)
      const server = new ScriptedNameServer(b, ({ name, type }) => {
        if (type === DNS.a) return { answers: [a(2)] }
        if (name === 'silent.test') return null
        return { answers: name === 'dead.test' ? [aaaa(77), aaaa(78)] : [aaaa(2)] }
      })
      for (const where of [b.address, parseIpAddress('2001:db8::2')]) serve(b, where)
      host.stack.nameServers = [b.address]
      const race = async (name: string): Promise<[address: string, milliseconds: number]> => {
        const since = lan.now
        const connection = await lan.settled(connectByName(host.stack, { host: name, port: 80 }))
        const milliseconds = (lan.now - since) / 1000
        await lan.settled(connection.close())
        return [`${connection.remoteAddress}`, milliseconds]
      }
      const [both] = await race('both.test')
      expect(both).toBe('2001:db8::2')
      expect(server.asked.map(({ type }) => type).sort((x, y) => x - y)).toEqual([DNS.a, DNS.aaaa])
      // The first IPv6 address has 250 ms; then it is the other family's turn.
      const [dead, deadMs] = await race('dead.test')
      expect(dead).toBe('10.0.0.2')
      expect(deadMs).toBeGreaterThanOrEqual(250)
      expect(deadMs).toBeLessThan(suite.limit(400, 2500))
      const [silent, silentMs] = await race('silent.test')
      expect(silent).toBe('10.0.0.2')
      expect(silentMs).toBeGreaterThanOrEqual(50)
      expect(silentMs).toBeLessThan(suite.limit(150, 2000))
      await lan.wait(1)
      expect([...host.stack.sockets()].filter(({ state }) => state !== 'TIME-WAIT')).toEqual([])
    },
  )

  suite.test('R-HE-01 nobody answers: the errors of all; too late: ETIMEDOUT; given up: AbortError', async (scene) => {
    const { lan, a: host, b } = scene
    new ScriptedNameServer(b, ({ name, type }) =>
      name === 'gone.test' ? { rcode: 3 } : type === DNS.a ? { answers: [a(2), a(1)] } : {},
    )
    host.stack.nameServers = [b.address]
    const refused = await expectRejection(
      lan.settled(connectByName(host.stack, { host: 'www.test', port: 80 })),
      'ECONNREFUSED',
    )
    expect((refused.cause as AggregateError).errors.length).toBe(2)
    await expectRejection(lan.settled(connectByName(host.stack, { host: 'gone.test', port: 80 })), 'ENOTFOUND')
    await expectRejection(
      lan.settled(connectByName(host.stack, { host: '10.0.0.77', port: 80, timeoutMs: 200 })),
      'ETIMEDOUT',
      { address: '10.0.0.77', port: 80 },
    )
    const controller = new AbortController()
    const waiting = connectByName(host.stack, { host: '10.0.0.77', port: 80, signal: controller.signal })
    await lan.wait(50)
    controller.abort()
    await expectRejection(lan.settled(waiting), 'ABORT_ERR')
    await lan.wait(10)
    expect([...host.stack.sockets()]).toEqual([])
    expect(`${host.stack.sourceFor(parseIpAddress('10.0.0.2'))}`).toBe('10.0.0.1')
  })
}

/** Both hosts have an address of IPv6, too. */
async function addIpv6({ lan, a, b }: Scene): Promise<void> {
  for (const [{ stack }, text] of [
    [a, '2001:db8::1'],
    [b, '2001:db8::2'],
  ] as const) {
    await lan.settled((stack.interfaces[0] as Interface).addAddress(parseIpAddress(text), 64))
  }
}
