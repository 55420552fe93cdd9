/** Which frames reach a library that believes all of them. */
import { type IpAddress, parseIpAddress, toBytes } from '@ioth/core'
import { expect, test } from 'vitest'
import { isStray } from './stray-frame.ts'

const OWN = Uint8Array.of(2, 0, 0, 0, 0, 1)
const OTHER = [2, 0, 0, 0, 0, 2]
const ALL = [255, 255, 255, 255, 255, 255]
const isBroadcast = (address: IpAddress): boolean => ['10.0.0.255', '255.255.255.255'].includes(`${address}`)

function frame(destination: readonly number[], source: readonly number[], from: string, to: string): Uint8Array {
  const octets = new Uint8Array(34)
  octets.set([...destination, ...source, 8, 0, 0x45])
  octets.set(toBytes(parseIpAddress(from)), 26)
  octets.set(toBytes(parseIpAddress(to)), 30)
  return octets
}

const looks = (octets: Uint8Array): boolean => isStray(octets, octets.length, OWN, isBroadcast)

test.each([
  ['to it', frame([...OWN], OTHER, '10.0.0.2', '10.0.0.1'), false],
  ['to all', frame(ALL, OTHER, '10.0.0.2', '10.0.0.255'), false],
  ['to a group', frame([1, 0, 0x5e, 0, 0, 1], OTHER, '10.0.0.2', '224.0.0.1'), false],
  ['from nobody, to all', frame(ALL, OTHER, '0.0.0.0', '255.255.255.255'), false],
  ['from all of its network', frame([...OWN], OTHER, '10.0.0.255', '10.0.0.1'), true],
  ['from its own hardware address', frame([...OWN], [...OWN], '10.0.0.2', '10.0.0.1'), true],
  ['from a hardware address of a group', frame([...OWN], [3, 0, 0, 0, 0, 1], '10.0.0.2', '10.0.0.1'), true],
  ['to many by its hardware address, to one by its IP', frame(ALL, OTHER, '10.0.0.2', '10.0.0.1'), true],
])('%s', (_, octets, expected) => {
  expect(looks(octets)).toBe(expected)
})

test('what is not IPv4, or not a whole header, is looked at no further', () => {
  const short = frame(ALL, OTHER, '10.0.0.255', '10.0.0.1').subarray(0, 33)
  expect(looks(short)).toBe(false)
  const arp = frame(ALL, OTHER, '10.0.0.255', '10.0.0.1')
  arp.set([8, 6], 12)
  expect(looks(arp)).toBe(false)
})
