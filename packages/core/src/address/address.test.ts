import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasCode } from '../errors/index.ts'
import { createSeededRandom } from '../time/index.ts'
import {
  broadcastAddress,
  formatCidr,
  formatMac,
  fromBytes,
  IpAddress,
  inPrefix,
  netmaskToPrefix,
  networkAddress,
  parseCidr,
  parseIpAddress,
  parseMac,
  prefixToNetmask,
  randomMac,
  toBytes,
  tryParseIpAddress,
} from './index.ts'

const v4 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }).map((word) => IpAddress.v4(word))
const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((octets) => fromBytes(octets))
const addresses = fc.oneof(v4, v6)

const refused = (call: () => unknown): void => {
  try {
    call()
  } catch (error) {
    expect(hasCode(error, 'EINVAL')).toBe(true)
    return
  }
  expect.unreachable()
}

describe('IP addresses', () => {
  it('are the same after printing and parsing, and after octets', () => {
    fc.assert(
      fc.property(addresses, (address) => {
        expect(parseIpAddress(address.toString()).equals(address)).toBe(true)
        expect(fromBytes(toBytes(address)).equals(address)).toBe(true)
      }),
    )
  })

  it('keep the interface of a link-local address, by index or by name', () => {
    const byIndex = parseIpAddress('fe80::1%2')
    expect([byIndex.scope, byIndex.zone, byIndex.toString()]).toEqual([2, '', 'fe80::1%2'])
    const byName = parseIpAddress('fe80::1%eth0')
    expect([byName.scope, byName.zone, byName.toString()]).toEqual([0, 'eth0', 'fe80::1%eth0'])
    expect(byName.withScope(3).toString()).toBe('fe80::1%3')
    expect(byIndex.withScope(2)).toBe(byIndex)
    for (const text of ['fe80::1%', 'fe80::1%a%b', '10.0.0.1%eth0']) expect(tryParseIpAddress(text)).toBeNull()
  })

  it('are one object in their other family', () => {
    const address = parseIpAddress('10.0.0.1')
    expect(address.mapped().toString()).toBe('::ffff:10.0.0.1')
    expect(address.mapped()).toBe(address.mapped())
    expect(address.mapped().unmapped().equals(address)).toBe(true)
  })

  it('print as RFC 5952 has it', () => {
    for (const [text, printed] of [
      ['2001:0DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['::', '::'],
      ['::1', '::1'],
      ['fe80:0:0:0:0:0:0:1', 'fe80::1'],
      ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['10.0.0.1', '10.0.0.1'],
    ] as const) {
      expect(parseIpAddress(text).toString()).toBe(printed)
    }
  })

  it.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '0x7f.0.0.1',
    '1.2.3.4.5',
    ' 10.0.0.1',
    '::1::',
    'g::',
    '1:2:3:4:5:6:7:8:9',
    'localhost',
  ])('refuse %j', (text) => {
    expect(tryParseIpAddress(text)).toBeNull()
    refused(() => parseIpAddress(text))
  })

  it('know their kind', () => {
    const kind = (text: string): string[] => {
      const address = parseIpAddress(text)
      return (['isUnspecified', 'isLoopback', 'isMulticast', 'isLinkLocal', 'isV4Mapped'] as const).filter(
        (is) => address[is],
      )
    }
    expect(kind('0.0.0.0')).toEqual(['isUnspecified'])
    expect(kind('::')).toEqual(['isUnspecified'])
    expect(kind('127.9.9.9')).toEqual(['isLoopback'])
    expect(kind('::1')).toEqual(['isLoopback'])
    expect(kind('224.0.0.1')).toEqual(['isMulticast'])
    expect(kind('ff02::1')).toEqual(['isMulticast'])
    expect(kind('169.254.1.1')).toEqual(['isLinkLocal'])
    expect(kind('fe80::1')).toEqual(['isLinkLocal'])
    expect(kind('febf::1')).toEqual(['isLinkLocal'])
    expect(kind('fec0::1')).toEqual([])
    expect(kind('::ffff:1.2.3.4')).toEqual(['isV4Mapped'])
    expect(kind('10.0.0.1')).toEqual([])
  })

  it('are the same words in both families', () => {
    fc.assert(
      fc.property(v4, (address) => {
        const mapped = address.mapped()
        expect(mapped.family).toBe(6)
        expect(mapped.equals(address)).toBe(false)
        expect(mapped.unmapped().equals(address)).toBe(true)
        expect(mapped.toString()).toBe(`::ffff:${address}`)
      }),
    )
  })
})

describe('CIDR notation', () => {
  const cidrs = addresses.chain((address) =>
    fc.record({ address: fc.constant(address), prefixLength: fc.nat(address.family === 4 ? 32 : 128) }),
  )
  /** The first bits of an address as text: the plain way to compare prefixes. */
  const bits = (address: IpAddress, count: number): string =>
    Array.from(toBytes(address), (octet) => octet.toString(2).padStart(8, '0'))
      .join('')
      .slice(0, count)

  it('is the same after printing and parsing', () => {
    fc.assert(
      fc.property(cidrs, (cidr) => {
        const again = parseCidr(formatCidr(cidr))
        expect(again.address.equals(cidr.address)).toBe(true)
        expect(again.prefixLength).toBe(cidr.prefixLength)
      }),
    )
  })

  it('takes an address alone with a default', () => {
    expect(parseCidr('10.40.0.32').prefixLength).toBe(24)
    expect(parseCidr('fc00::1').prefixLength).toBe(64)
    expect(parseCidr('10.40.0.32', { v4: 32, v6: 128 }).prefixLength).toBe(32)
  })

  it.each([
    '10.0.0.1/33',
    '10.0.0.1/',
    '10.0.0.1/-1',
    '10.0.0.1/ 8',
    '10.0.0.1/8/8',
    'fc00::1/129',
    '/24',
    '10.0.0/24',
    '10.0.0.1/1e1',
    '10.0.0.1/255.255.255.0',
  ])('refuses %j', (text) => refused(() => parseCidr(text)))

  it('tells who is in a network', () => {
    const pairs = fc.tuple(cidrs, addresses, fc.nat(127), fc.boolean())
    fc.assert(
      fc.property(pairs, ([{ address, prefixLength }, other, bit, near]) => {
        // Neighbours that differ in one bit are the interesting ones.
        const octets = toBytes(address)
        const at = bit % (octets.length * 8)
        octets[at >> 3] = (octets[at >> 3] as number) ^ (0x80 >> (at & 7))
        const candidate = near ? fromBytes(octets) : other
        const same =
          candidate.family === address.family && bits(candidate, prefixLength) === bits(address, prefixLength)
        expect(inPrefix(candidate, address, prefixLength)).toBe(same)
      }),
    )
  })

  it('has a first and a last address', () => {
    fc.assert(
      fc.property(cidrs, ({ address, prefixLength }) => {
        const network = networkAddress(address, prefixLength)
        expect(inPrefix(network, address, prefixLength)).toBe(true)
        expect(bits(network, 128).slice(prefixLength)).not.toContain('1')
        const broadcast = broadcastAddress(address, prefixLength)
        expect(broadcast === null).toBe(address.family === 6 || prefixLength > 30)
        if (broadcast !== null) {
          expect(inPrefix(broadcast, address, prefixLength)).toBe(true)
          expect(bits(broadcast, 32).slice(prefixLength)).not.toContain('0')
        }
      }),
    )
  })

  it('and netmasks are the same thing', () => {
    for (let prefixLength = 0; prefixLength <= 32; prefixLength++) {
      expect(netmaskToPrefix(prefixToNetmask(prefixLength))).toBe(prefixLength)
    }
    expect(prefixToNetmask(24).toString()).toBe('255.255.255.0')
    const inIpv6 = [0, 10, 64, 127, 128].map((prefixLength) => prefixToNetmask(prefixLength, 6).toString())
    const last = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff'
    expect(inIpv6).toEqual(['::', 'ffc0::', 'ffff:ffff:ffff:ffff::', `${last}:fffe`, `${last}:ffff`])
    for (const text of ['255.0.255.0', '0.0.0.1', '::']) refused(() => netmaskToPrefix(parseIpAddress(text)))
  })
})

describe('MAC addresses', () => {
  it('are the same after printing and parsing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (octets) => {
        expect(parseMac(formatMac(octets))).toEqual(octets)
        expect(parseMac(formatMac(octets).toUpperCase().replaceAll(':', '-'))).toEqual(octets)
      }),
    )
  })

  it.each(['', '02:00:00:00:00', '02:00:00:00:00:00:00', '02:00:00-00:00:00', '2:0:0:0:0:0', 'gg:00:00:00:00:00'])(
    'refuse %j',
    (text) => refused(() => parseMac(text)),
  )

  it('are random ones of the locally administered unicast kind', () => {
    const random = createSeededRandom(1)
    const macs = Array.from({ length: 100 }, () => randomMac(random))
    expect(new Set(macs).size).toBe(100)
    for (const mac of macs) expect((parseMac(mac)[0] as number) & 3).toBe(2)
  })
})
