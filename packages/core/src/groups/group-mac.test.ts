import { expect, test } from 'vitest'
import { parseIpAddress } from '../address/ip-address.ts'
import { groupMac } from './group-mac.ts'

test.each([
  ['224.129.2.3', '01005e010203'],
  ['255.255.255.255', 'ffffffffffff'],
  ['10.0.0.255', 'ffffffffffff'],
  ['ff02::1:ff00:9', '3333ff000009'],
])('%s is %s on Ethernet', (group, mac) => {
  expect(Buffer.from(groupMac(parseIpAddress(group))).toString('hex')).toBe(mac)
})
