import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatCidr } from '../address/cidr.ts'
import { fromBytes } from '../address/ip-address.ts'
import { formatMac } from '../address/mac.ts'
import { hasCode } from '../errors/index.ts'
import { type DeviceFields, DeviceInfo, withNetmask } from './device-info.ts'
import { formatIothconf, parseIothconf } from './iothconf.ts'
import { networkOf } from './network.ts'
import { normaliseConfig } from './normalise.ts'
import { DEVICE_TYPES, type StackConfig } from './stack-config.ts'

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const address = fc.oneof(octets(4), octets(16)).map((bytes) => fromBytes(bytes))
const cidr = fc
  .tuple(address, fc.nat(128))
  .map(([address, bits]) => formatCidr({ address, prefixLength: address.family === 4 ? bits % 33 : bits }))
const text = fc.string({
  minLength: 1,
  unit: fc.oneof(fc.constantFrom(...',;=\'"\\# \n'), fc.string({ minLength: 1 })),
})
const device = fc.stringMatching(/^[a-z]{1,8}[0-9]{0,3}$/)

const setting = fc.oneof(
  text,
  fc.constantFrom('', '1', '1.5', 'true', '-0', undefined),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true }).filter((number) => !Object.is(number, -0)),
)
const settings = (value: fc.Arbitrary<unknown>) =>
  fc.dictionary(fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9-]{0,8}$/), value, { noNullPrototype: true })

const configs: fc.Arbitrary<StackConfig> = fc.record(
  {
    stack: text,
    vnl: text,
    type: fc.constantFrom(...DEVICE_TYPES),
    device,
    addresses: fc.array(cidr, { maxLength: 3 }),
    gateways: fc.array(address.map(String), { maxLength: 2 }),
    nameServers: fc.array(address.map(String), { maxLength: 2 }),
    name: fc.stringMatching(/^[a-z]{1,8}(\.[a-z]{1,8}){0,2}$/),
    dhcp: fc.boolean(),
    slaac: fc.boolean(),
    mac: octets(6).map((bytes) => formatMac([(bytes[0] as number) & 0xfe, ...bytes.slice(1)])),
    mtu: fc.integer({ min: 68, max: 65535 }),
    create: fc.boolean(),
    settings: settings(fc.oneof(setting, settings(fc.oneof(setting, settings(setting))))),
  },
  { requiredKeys: [] },
)

describe('one configuration in three spellings', () => {
  test('object and string: parse ∘ format is the canonical form', () => {
    fc.assert(
      fc.property(configs, (config) => {
        expect(parseIothconf(formatIothconf(config))).toEqual(normaliseConfig(config))
      }),
      { examples: [[{ settings: { a: '1', b: 1, c: 'true', d: true, e: '' } }]] },
    )
  })

  test('builder, set field by field or in a chain, object and string', () => {
    const fields = fc.record(
      {
        type: fc.constantFrom(...DEVICE_TYPES),
        name: device,
        path: text,
        address: cidr,
        create: fc.boolean(),
        gateway: fc.constant('10.0.0.254'),
        dns: fc.constantFrom('10.0.0.53', ['10.0.0.53', '10.0.0.54']),
        fqdn: fc.constant('web0.example.org'),
        dhcp: fc.boolean(),
        slaac: fc.boolean(),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fields, (fields) => {
        const { type, name, path, address, create, gateway, dns, fqdn, dhcp, slaac } = fields
        const object = normaliseConfig({
          ...(type && { type }),
          ...(name && { device: name }),
          ...(path && { vnl: path }),
          ...(address && { addresses: [address] }),
          ...(create && { create }),
          ...(gateway && { gateways: [gateway] }),
          ...(dns && { nameServers: [dns].flat() }),
          ...(fqdn && { name: fqdn }),
          ...(dhcp && { dhcp }),
          ...(slaac && { slaac }),
        })
        const assigned = new DeviceInfo()
        for (const [key, value] of Object.entries(fields)) assigned[key as 'name'] = value as string
        const chained = new DeviceInfo()
        if (type !== undefined) chained.setType(type)
        if (name !== undefined) chained.setName(name)
        if (path !== undefined) chained.setPath(path)
        if (address !== undefined) chained.setAddress(address)
        if (create !== undefined) chained.setCreate(create)
        if (gateway !== undefined) chained.setGateway(gateway)
        if (dns !== undefined) chained.setDns(dns)
        if (fqdn !== undefined) chained.setFqdn(fqdn)
        if (dhcp !== undefined) chained.setDhcp(dhcp)
        if (slaac !== undefined) chained.setSlaac(slaac)
        for (const device of [new DeviceInfo(fields as DeviceFields), assigned, chained]) {
          expect(normaliseConfig(device)).toEqual(object)
        }
        expect(normaliseConfig(formatIothconf(object))).toEqual(object)
      }),
    )
  })

  test('the example of the documentation', () => {
    expect(
      parseIothconf(
        'stack=ts,vnl=/tmp/a,ip=10.0.0.1,ip=fc00::1,gw=10.0.0.254,dns=10.0.0.2,domain=lan.test,fqdn=web0,dhcp,slaac',
      ),
    ).toEqual({
      stack: 'ts',
      vnl: '/tmp/a',
      type: 'vde',
      addresses: ['10.0.0.1/24', 'fc00::1/64'],
      gateways: ['10.0.0.254'],
      nameServers: ['10.0.0.2'],
      searchDomains: ['lan.test'],
      name: 'web0',
      dhcp: true,
      slaac: true,
      create: false,
      settings: {},
    })
  })

  test('an address by the host name, in every spelling', () => {
    const expected = { addresses: ['fc00::f4b7:a5a9:259b:fb70/64'], name: 'hash.test.local' }
    expect(parseIothconf('ip=hash://fc00::,fqdn=hash.test.local')).toMatchObject(expected)
    expect(normaliseConfig({ addresses: ['hash://fc00::/64'], name: 'hash.test.local' })).toMatchObject(expected)
    expect(() => parseIothconf('ip=hash://fc00::/64')).toThrow(/"ip".*host name/)
    expect(() => parseIothconf('ip=hash://10.0.0.0/8,fqdn=a')).toThrow(/IPv6 network/)
    expect(() => parseIothconf('ip=hash://web0,fqdn=a')).toThrow(/hash:\/\/fc00::\/64/)
  })

  test('the examples of the guide', () => {
    const guide = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8')
    const [, block = ''] = /```iothconf\n(.*?)```/s.exec(guide) ?? []
    const [first, second, third] = block.split('\n').map((line) => (line === '' ? null : parseIothconf(line)))
    expect(first).toMatchObject({ addresses: ['10.40.0.32/24', 'fc00::32/64'], name: 'web0.example.org' })
    expect(second).toMatchObject({ vnl: 'cmd://ssh host vde_plug', device: 'web0', dhcp: true, slaac: false })
    expect(third).toMatchObject({ vnl: 'vxvde://239.1.2.3', settings: { tcp: { minRtoMs: 100 }, label: '7' } })
    expect(formatIothconf({ addresses: ['10.40.0.32'] })).toBe('stack=ts,ip=10.40.0.32/24')
  })

  test.each([
    ['auto', { dhcp: true, slaac: true }],
    ['auto4', { dhcp: true, slaac: false }],
    ['eth,AUTOV6', { dhcp: false, slaac: true }],
    ['rd,slaac', { slaac: true }],
    ['macaddr=02-00-00-00-00-0A', { mac: '02:00:00:00:00:0a' }],
    ['set.tcp.minRtoMs=200,set.tcp.congestion=reno', { settings: { tcp: { minRtoMs: 200, congestion: 'reno' } } }],
    [
      'set.minRtoMs=200,set.probe=rfc,set.nagle=false,set.label="7"',
      { settings: { minRtoMs: 200, probe: 'rfc', nagle: false, label: '7' } },
    ],
  ])('iothconf %s', (string, expected) => {
    expect(parseIothconf(string)).toMatchObject(expected)
  })
})

describe('addresses and netmasks', () => {
  test.each([
    ['10.40.0.32', undefined, '10.40.0.32/24'],
    ['fc00::0:1', undefined, 'fc00::1/64'],
    ['10.40.0.32', '255.255.0.0', '10.40.0.32/16'],
    ['10.40.0.32/16', '255.255.0.0', '10.40.0.32/16'],
  ])('%s with netmask %s is %s', (address, netmask, expected) => {
    expect(normaliseConfig(new DeviceInfo().setAddress(address, netmask)).addresses).toEqual([expected])
  })

  test('an IPv6 address has no netmask', () => {
    expect(withNetmask('fc00::1', '255.255.255.0')).toBe('fc00::1')
  })
})

describe('which network is meant', () => {
  const there = (path: string) => path === '/tmp/web0.ctl'
  test.each([
    [{}, null],
    [{ vnl: 'vxvde://239.0.0.1', device: 'web0' }, 'vxvde://239.0.0.1'],
    [{ device: 'web0' }, '/tmp/web0.ctl'],
    [{ device: 'web1' }, null],
    [{ type: 'tap', device: 'web0' }, 'tap://web0'],
  ] as const)('%j: %s', (config, expected) => {
    expect(networkOf(config, there)).toBe(expected)
  })
})

describe('what is refused, and what the message says', () => {
  const object = (config: unknown) => () => normaliseConfig(config as StackConfig)
  const string = (config: string) => () => parseIothconf(config)
  const device = (fields: object) => () => new DeviceInfo(fields as DeviceFields).toConfig()
  test.each([
    [object({ adresses: [] }), /no key "adresses"; did you mean "addresses"\?/],
    [object({ ip: '10.0.0.1' }), /no key "ip"; did you mean "addresses"\?/],
    [object({ quark: 1 }), /no key "quark"; the keys are stack, vnl/],
    [object({ addresses: '10.0.0.1/24' }), /"addresses" is "10.0.0.1\/24", not a list/],
    [object({ addresses: ['10.0.0'] }), /"addresses": "10.0.0" is not an IP address.*for example 10.0.0.1\/24/],
    [object({ stack: 7 }), /"stack" is 7, not text.*stack: 'ts'/],
    [object({ vnl: '' }), /"vnl" is empty.*\/tmp\/vde.ctl/],
    [object({ type: 'eth' }), /"type" is "eth".*vde, tun or tap/],
    [object({ device: 'a/b' }), /"device" is "a\/b"/],
    [object({ mac: 'ff:ff:ff:ff:ff:ff' }), /"mac" is ff:ff:ff:ff:ff:ff, a group address/],
    [object({ mtu: 20 }), /"mtu" is 20.*68 to 65535/],
    [object({ dhcp: 'yes' }), /"dhcp" is "yes".*true or false/],
    [object({ name: '-x' }), /"name" is "-x", not a host name/],
    [object({ settings: null }), /"settings" is null, not a plain object/],
    [string('ipp=10.0.0.1'), /no key "ipp"; did you mean "ip"\?/],
    [string('address=10.0.0.1'), /no key "address"; did you mean "ip"\?/],
    [string('ip'), /"ip" has no value; write ip=VALUE/],
    [string('gw=10.0.0.300'), /"gw": "10.0.0.300" is not an IP address/],
    [string('ip=10.0.0.1/33'), /"ip": "10.0.0.1\/33": the prefix length/],
    [string('mtu=big'), /"mtu" is "big"/],
    [string('stack=ts,stack=ts'), /"stack" is given twice/],
    [string('dhcp=1'), /"dhcp" takes no value/],
    [string('rd'), /"rd" alone is not supported; add slaac/],
    [string('dhcp6'), /"dhcp6"; DHCPv6 is not supported; use slaac/],
    [string('set.=1'), /"set\." does not name a setting/],
    [string('set.a=1,set.a=2'), /"set.a" is given twice/],
    [string('set.a=1,set.a.b=2'), /"set.a.b": "a" is given a value too/],
    [device({ filename: '/tmp' }), /no key "filename"; did you mean "path"\?/],
    [device({ address: 'nowhere' }), /"address": "nowhere" is not/],
    [device({ netmask: '255.0.0.0' }), /"netmask" is given without an address/],
    [device({ address: '10.0.0.1', netmask: '255.0.255.0' }), /"netmask": "255.0.255.0" is not a netmask/],
    [device({ address: '10.0.0.1/24', netmask: '255.0.0.0' }), /contradicts the prefix length of 10.0.0.1\/24/],
    [() => formatIothconf({ settings: { log: () => {} } }), /"set.log" cannot be written in a string/],
  ])('%#', (attempt, message) => {
    let error: unknown
    try {
      attempt()
    } catch (thrown) {
      error = thrown
    }
    expect(hasCode(error, 'ERR_IOTH_CONFIG')).toBe(true)
    expect((error as Error).message).toMatch(message)
  })
})
