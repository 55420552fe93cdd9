import { parseIpAddress } from '@ioth/core'
import { expect, test } from 'vitest'
import { fullName, Names } from './names.ts'

const ip = parseIpAddress

test.each([
  ['shop', 'shop.lan'],
  ['Shop.mjs', 'shop.lan'],
  ['app.js', 'app.lan'],
  ['web0.example.org', 'web0.example.org'],
  ['my program', null],
  ['', null],
  ['-', null],
  ['a..b', null],
])('%j is called %j', (name, expected) => {
  expect(fullName(name, 'lan')).toBe(expected)
})

test('names of ports, of leases, and of the gateway', async () => {
  const port = { port: 1, pid: 1, backend: 'ts', listening: [], mtu: 1500, macs: 1, upMs: 0, queued: 0, counters: {} }
  const address = (text: string) => ({ address: text, mac: '02:00:00:00:00:01', claimed: true })
  const names = new Names({
    domain: 'lan',
    fixed: [{ name: 'gateway', address: ip('10.0.0.1') }],
    ports: async () => [
      { ...port, name: 'web.mjs', addresses: [address('10.0.0.2'), address('fe80::1'), address('fc00::2')] },
      { ...port, name: 'web.mjs', addresses: [address('10.0.0.3')] },
    ],
    leases: () => [{ name: 'phone', address: ip('10.0.0.100') }],
  })
  expect((await names.find('WEB.lan'))?.map(String)).toEqual(['10.0.0.2', 'fc00::2', '10.0.0.3'])
  expect(await names.find('web')).toBeNull()
  expect((await names.find('gateway.lan'))?.map(String)).toEqual(['10.0.0.1'])
  expect(await names.nameOf(ip('10.0.0.100'))).toBe('phone.lan')
  expect([names.isOurs('x.lan'), names.isOurs('lan'), names.isOurs('xlan')]).toEqual([true, true, false])
})
