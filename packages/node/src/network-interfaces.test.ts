import os from 'node:os'
import { type Interface, parseCidr, type Stack } from '@ioth/core'
import { expect, test } from 'vitest'
import { Choices } from './choices.ts'
import { showInterfaces } from './network-interfaces.ts'

test('interfaces are described in Node’s words', () => {
  const own = ['10.40.0.32/20', 'fd00:1::32/64', 'fd00:2::1/128', 'fd00:3::1/20'].map((text) => parseCidr(text))
  const eth0 = { name: 'eth0', mac: '02:00:00:00:00:01', addresses: own } as unknown as Interface
  const choices = new Choices()
  choices.processChoice = { capabilities: { ipv6: true }, interfaces: [eth0] } as unknown as Stack
  showInterfaces(choices)
  const { lo, eth0: shown } = os.networkInterfaces()
  expect(lo?.map(({ address }) => address)).toEqual(['127.0.0.1', '::1'])
  expect(shown?.map(({ address, netmask, family, cidr }) => ({ address, netmask, family, cidr }))).toEqual([
    { address: '10.40.0.32', netmask: '255.255.240.0', family: 'IPv4', cidr: '10.40.0.32/20' },
    { address: 'fd00:1::32', netmask: 'ffff:ffff:ffff:ffff::', family: 'IPv6', cidr: 'fd00:1::32/64' },
    {
      address: 'fd00:2::1',
      netmask: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      family: 'IPv6',
      cidr: 'fd00:2::1/128',
    },
    { address: 'fd00:3::1', netmask: 'ffff:f000::', family: 'IPv6', cidr: 'fd00:3::1/20' },
  ])
  expect(shown?.[0]).toMatchObject({ mac: '02:00:00:00:00:01', internal: false })
  expect(shown?.[1]).toMatchObject({ scopeid: 0 })
})
