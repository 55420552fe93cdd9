import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type IpAddress, parseIpAddress } from '../address/ip-address.ts'
import { type FilterChange, type Group, Memberships } from './memberships.ts'

const ip = parseIpAddress

/** What a router on the link believes, from the changes it is told (RFC 3376 6.4). */
class Router {
  readonly any = new Set<string>()
  readonly sources = new Map<string, Set<string>>()

  changed(group: Group, change: FilterChange, source: IpAddress | null): void {
    const name = group.address.toString()
    const known = this.sources.get(name) ?? new Set()
    this.sources.set(name, known)
    if (change === 'to-exclude') this.any.add(name)
    else if (change === 'to-include') {
      this.any.delete(name)
      this.sources.set(name, new Set(group.sources.map(({ address }) => address.toString())))
    } else if (change === 'allow') known.add(`${source}`)
    else known.delete(`${source}`)
  }
}

test('what the network is told is what the users want, whoever comes and goes', () => {
  const groups = ['224.1.1.1', '225.1.1.1', 'ff02::e001:101'].map(ip)
  const sources = [null, ip('10.0.0.9'), ip('10.0.0.8')]
  const step = fc.record({ join: fc.boolean(), group: fc.nat(2), source: fc.nat(2) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const router = new Router()
      const table = new Memberships(router)
      const users = new Map<string, number>()
      for (const { join, group, source } of steps) {
        const key = `${group} ${source}`
        const count = users.get(key) ?? 0
        if (join) {
          table.join(groups[group]!, sources[source]!)
          users.set(key, count + 1)
        } else {
          table.leave(groups[group]!, sources[source]!)
          users.set(key, Math.max(0, count - 1))
        }
      }
      for (const [index, address] of groups.entries()) {
        const wanted = [1, 2]
          .filter((source) => (users.get(`${index} ${source}`) ?? 0) > 0)
          .map((source) => `${sources[source]}`)
        const any = (users.get(`${index} 0`) ?? 0) > 0
        const group = table.find(address.w0, address.w1, address.w2, address.w3)
        expect(group !== null).toBe(any || wanted.length > 0)
        expect(group?.any ?? false).toBe(any)
        expect(router.any.has(`${address}`)).toBe(any)
        if (!any) expect([...(router.sources.get(`${address}`) ?? [])].sort()).toEqual(wanted.sort())
      }
      expect([...table.list()].length).toBe(table.size)
    }),
  )
})

test('H-41 groups and sources are bounded', () => {
  const table = new Memberships({ changed: () => {} })
  for (let i = 0; i < 1024; i++) table.join(ip(`225.0.${i >> 8}.${i & 255}`), null)
  expect(() => table.join(ip('226.0.0.1'), null)).toThrow('ENOBUFS')
  const group = ip('225.0.0.1')
  for (let i = 1; i <= 64; i++) table.join(group, ip(`10.0.0.${i}`))
  expect(() => table.join(group, ip('10.0.1.1'))).toThrow('ENOBUFS')
  expect(table.size).toBe(1024)
})
