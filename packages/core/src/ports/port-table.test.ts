import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ANY_V4, ANY_V6, type IpAddress, parseIpAddress } from '../address/index.ts'
import type { PortBinding, PortTable, Transport } from '../contract/ports.ts'
import type { BindFlags } from '../contract/socket.ts'
import { hasCode } from '../errors/index.ts'
import { createRandom, createSeededRandom } from '../time/index.ts'
import { createPortTable } from './port-table.ts'

const TCP: Transport = 6
const UDP: Transport = 17
const a4 = parseIpAddress('10.0.0.1')
const b4 = parseIpAddress('10.0.0.2')
const a6 = parseIpAddress('fc00::1')
const remote = parseIpAddress('10.0.0.9')

const table = (options?: { first?: number; last?: number }): PortTable =>
  createPortTable(createSeededRandom(7), options)

/** The code of what a call throws, or 'ok'. */
function outcome(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    for (const code of ['EADDRINUSE', 'EADDRNOTAVAIL', 'EINVAL']) if (hasCode(error, code)) return code
    throw error
  }
  return 'ok'
}

describe('binding', () => {
  it.each([
    ['the same address', a4, a4, {}, 'EADDRINUSE'],
    ['another address', a4, b4, {}, 'ok'],
    ['the wildcard over an address', a4, ANY_V4, {}, 'EADDRINUSE'],
    ['an address under the wildcard', ANY_V4, a4, {}, 'EADDRINUSE'],
    ['two wildcards', ANY_V4, ANY_V4, {}, 'EADDRINUSE'],
    ['IPv6 beside IPv4', a4, a6, {}, 'ok'],
    ['the wildcard of IPv6 over IPv4', a4, ANY_V6, {}, 'EADDRINUSE'],
    ['IPv4 under the wildcard of IPv6', ANY_V6, a4, {}, 'EADDRINUSE'],
    ['both wildcards', ANY_V6, ANY_V4, {}, 'EADDRINUSE'],
    ['the wildcard of IPv6 only, over IPv4', a4, ANY_V6, { ipv6Only: true }, 'ok'],
    ['the wildcard of IPv6 only, over IPv6', a6, ANY_V6, { ipv6Only: true }, 'EADDRINUSE'],
    ['an IPv4-mapped address', a4, a4.mapped(), {}, 'EADDRINUSE'],
  ] as [string, IpAddress, IpAddress, BindFlags, string][])('%s', (_, held, wanted, flags, expected) => {
    const udp = table()
    udp.bind(UDP, held, 53)
    expect(outcome(() => udp.bind(UDP, wanted, 53, flags))).toBe(expected)
    const tcp = table()
    tcp.bind(TCP, held, 53).listen()
    expect(outcome(() => tcp.bind(TCP, wanted, 53, flags))).toBe(expected)
  })

  it('keeps transports and ports apart', () => {
    const ports = table()
    ports.bind(UDP, a4, 53)
    expect(outcome(() => ports.bind(TCP, a4, 53).listen())).toBe('ok')
    expect(outcome(() => ports.bind(UDP, a4, 54))).toBe('ok')
  })

  it('shares a UDP port only when all holders say so', () => {
    const ports = table()
    ports.bind(UDP, a4, 5353, { reuse: true })
    expect(outcome(() => ports.bind(UDP, a4, 5353))).toBe('EADDRINUSE')
    expect(outcome(() => ports.bind(UDP, ANY_V4, 5353, { reuse: true }))).toBe('ok')
  })

  it('lets two TCP sockets be bound and one listen', () => {
    const ports = table()
    const first = ports.bind(TCP, a4, 80)
    const second = ports.bind(TCP, ANY_V4, 80)
    first.listen()
    first.listen()
    expect(outcome(() => second.listen())).toBe('EADDRINUSE')
    first.release()
    expect(outcome(() => second.listen())).toBe('ok')
  })

  it('lets a listener come back beside the connections of its port', () => {
    const ports = table({ first: 80, last: 80 })
    ports.bindFor(TCP, a4, remote, 1, () => true)
    expect(outcome(() => ports.bind(TCP, ANY_V4, 80).listen())).toBe('ok')
  })

  it('refuses what is no port', () => {
    for (const port of [-1, 65536, 1.5, Number.NaN]) expect(outcome(() => table().bind(TCP, a4, port))).toBe('EINVAL')
    expect(outcome(() => table({ first: 5, last: 4 }))).toBe('EINVAL')
  })

  it('names address and port in its error', () => {
    const ports = table()
    ports.bind(TCP, a4, 80).listen()
    expect(() => ports.bind(TCP, a4, 80)).toThrow('bind EADDRINUSE 10.0.0.1:80')
  })
})

describe('ephemeral ports (RFC 6056)', () => {
  it('are of the range, and unpredictable', () => {
    const ports = createPortTable(createRandom())
    const chosen = Array.from({ length: 100 }, () => ports.bind(TCP, ANY_V4, 0).port)
    for (const port of chosen) expect(port >= 32768 && port <= 60999).toBe(true)
    expect(new Set(chosen).size).toBe(100)
    const steps = new Set(chosen.slice(1).map((port, i) => port - (chosen[i] as number)))
    expect(steps.size).toBeGreaterThan(50)
  })

  it('are exhausted with an error, each given once (P-26)', () => {
    for (const transport of [TCP, UDP]) {
      const ports = table({ first: 40000, last: 40099 })
      const held = Array.from({ length: 100 }, () => ports.bind(transport, a4, 0))
      expect(new Set(held.map(({ port }) => port)).size).toBe(100)
      expect(outcome(() => ports.bind(transport, a4, 0))).toBe('EADDRINUSE')
      expect(outcome(() => ports.bindFor(transport, a4, remote, 80, () => true))).toBe('EADDRNOTAVAIL')
      const [one] = held as [PortBinding]
      one.release()
      expect(ports.bind(transport, a4, 0).port).toBe(one.port)
    }
  })

  it('of a bind are those of connections when no other is left', () => {
    const ports = table({ first: 40000, last: 40009 })
    for (let i = 0; i < 10; i++) ports.bindFor(TCP, a4, remote, i, () => true)
    const free = new Set(Array.from({ length: 10 }, () => ports.bind(TCP, a4, 0).port))
    expect(free.size).toBe(10)
  })

  it('walk through the range for one destination', () => {
    const ports = table()
    const chosen = Array.from({ length: 50 }, () => ports.bindFor(TCP, a4, remote, 80, () => true).port)
    chosen.slice(1).forEach((port, i) => {
      expect((port - (chosen[i] as number) + 28232) % 28232).toBe(1)
    })
  })

  it('begin elsewhere for each destination and each secret', () => {
    const first = (secret: number, port: number): number =>
      createPortTable(createSeededRandom(secret)).bindFor(TCP, a4, remote, port, () => true).port
    const chosen = new Set<number>()
    for (let i = 1; i <= 20; i++) chosen.add(first(1, i)).add(first(i, 80))
    expect(chosen.size).toBeGreaterThan(35)
  })

  it('are shared between destinations, never between equal four-tuples (P-26)', () => {
    const command = fc.record({
      what: fc.constantFrom('connect' as const, 'connect' as const, 'release' as const, 'bind' as const),
      host: fc.nat(2),
      port: fc.constantFrom(80, 443),
      which: fc.nat(),
    })
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
        const ports = table({ first: 50000, last: 50004 })
        const live = new Map<string, PortBinding>()
        const bound = new Set<PortBinding>()
        for (const { what, host, port, which } of commands) {
          if (what === 'connect') {
            const to = parseIpAddress(`10.0.1.${host}`)
            const key = (local: number): string => `${local} ${to}:${port}`
            const free = (local: number): boolean => !live.has(key(local))
            const possible = [50000, 50001, 50002, 50003, 50004].some(
              (local) => free(local) && ![...bound].some((binding) => binding.port === local),
            )
            const result = outcome(() => {
              const binding = ports.bindFor(TCP, a4, to, port, free)
              expect(live.has(key(binding.port))).toBe(false)
              live.set(key(binding.port), binding)
            })
            expect(result).toBe(possible ? 'ok' : 'EADDRNOTAVAIL')
          } else if (what === 'bind') {
            if (outcome(() => bound.add(ports.bind(TCP, a4, 0))) !== 'ok') expect(bound.size).toBe(5)
          } else {
            const all = [...live.values(), ...bound]
            const binding = all[which % all.length]
            binding?.release()
            binding?.release()
            if (binding !== undefined) bound.delete(binding)
            for (const [key, value] of live) if (value === binding) live.delete(key)
          }
          expect(ports.size).toBe(live.size + bound.size)
        }
        for (const binding of [...live.values(), ...bound]) binding.release()
        expect(ports.size).toBe(0)
      }),
    )
  })
})
