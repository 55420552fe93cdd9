/**
 * The classic way to describe a device: `DeviceInfo` with type, name, path, address, netmask and create, as the Python system has it.
 *
 * @module
 */
import { netmaskToPrefix } from '../address/cidr.ts'
import { parseIpAddress } from '../address/ip-address.ts'
import { configError, unknownKey } from './config-error.ts'
import { type CanonicalConfig, canonicalConfig, type DeviceType, type StackConfig } from './stack-config.ts'

/** The fields of a {@link DeviceInfo}; whatever is left out has its default. */
export interface DeviceFields {
  /** @default `'vde'` */
  type?: DeviceType
  /** Name of the interface. Without a path, `web0` also means the switch `/tmp/web0.ctl` if there is one. */
  name?: string
  /** The network: a switch's directory, or a VNL. */
  path?: string
  /** `10.40.0.32`, or with its prefix length. */
  address?: string
  /** `255.255.255.0`, for an address without a prefix length. */
  netmask?: string
  /** Whether to create the switch when it is not there. @default false */
  create?: boolean
  /** Default gateway, or one for each family. */
  gateway?: string | readonly string[]
  /** Name server, or several. */
  dns?: string | readonly string[]
  /** Name of the host; `name` is that of the interface. */
  fqdn?: string
  /** Whether to get an IPv4 address by DHCP. @default false */
  dhcp?: boolean
  /** Whether to form IPv6 addresses from router advertisements. @default false */
  slaac?: boolean
}

const CLASSIC: readonly (keyof DeviceFields)[] = ['type', 'name', 'path', 'address', 'netmask', 'create']
const KEYS: readonly (keyof DeviceFields)[] = [...CLASSIC, 'gateway', 'dns', 'fqdn', 'dhcp', 'slaac']
const SYNONYMS: Readonly<Record<string, string>> = {
  device: 'name',
  filename: 'path',
  gw: 'gateway',
  hostname: 'fqdn',
  ip: 'address',
  nameserver: 'dns',
  vnl: 'path',
}

/**
 * A device, described field by field or in a chain:
 *
 * ```ts
 * const device = new DeviceInfo({ name: 'web0', path: '/tmp/web0.ctl' })
 * device.address = '10.40.0.32'
 *
 * const same = new DeviceInfo().setName('web0').setPath('/tmp/web0.ctl').setAddress('10.40.0.32')
 * await using stack = await createStack(same)
 * ```
 */
export class DeviceInfo implements DeviceFields {
  declare type?: DeviceType
  declare name?: string
  declare path?: string
  declare address?: string
  declare netmask?: string
  declare create?: boolean
  declare gateway?: string | readonly string[]
  declare dns?: string | readonly string[]
  declare fqdn?: string
  declare dhcp?: boolean
  declare slaac?: boolean

  /** @throws NetError ERR_IOTH_CONFIG for a field that does not exist. */
  constructor(fields: DeviceFields = {}) {
    for (const [key, value] of Object.entries(fields)) {
      if (!KEYS.includes(key as keyof DeviceFields)) throw unknownKey(key, KEYS, SYNONYMS)
      if (value !== undefined) Object.assign(this, { [key]: value })
    }
  }

  setType(type: DeviceType): this {
    this.type = type
    return this
  }

  setName(name: string): this {
    this.name = name
    return this
  }

  setPath(path: string): this {
    this.path = path
    return this
  }

  /** @param netmask for an address without a prefix length. */
  setAddress(address: string, netmask?: string): this {
    this.address = address
    return netmask === undefined ? this : this.setNetmask(netmask)
  }

  setNetmask(netmask: string): this {
    this.netmask = netmask
    return this
  }

  setCreate(create = true): this {
    this.create = create
    return this
  }

  setGateway(gateway: string | readonly string[]): this {
    this.gateway = gateway
    return this
  }

  setDns(dns: string | readonly string[]): this {
    this.dns = dns
    return this
  }

  setFqdn(fqdn: string): this {
    this.fqdn = fqdn
    return this
  }

  setDhcp(dhcp = true): this {
    this.dhcp = dhcp
    return this
  }

  setSlaac(slaac = true): this {
    this.slaac = slaac
    return this
  }

  /** The same as a configuration object. @throws NetError ERR_IOTH_CONFIG */
  toConfig(): CanonicalConfig {
    const { type, name, path, address, netmask, create, gateway, dns, fqdn, dhcp, slaac, ...others } = this
    for (const key of Object.keys(others)) throw unknownKey(key, KEYS, SYNONYMS)
    if (address === undefined && netmask !== undefined) {
      throw configError('"netmask" is given without an address', 'give address too, or leave it out')
    }
    const config = {
      type,
      device: name,
      vnl: path,
      addresses: address === undefined ? undefined : [withNetmask(address, netmask)],
      create,
      gateways: listOf(gateway),
      nameServers: listOf(dns),
      name: fqdn,
      dhcp,
      slaac,
    }
    return canonicalConfig(config as StackConfig, (key) => SPELLINGS[key] ?? key)
  }
}

/** How the classic fields call what the object calls otherwise. */
const SPELLINGS: Readonly<Partial<Record<keyof StackConfig, string>>> = {
  device: 'name',
  vnl: 'path',
  addresses: 'address',
  gateways: 'gateway',
  nameServers: 'dns',
  name: 'fqdn',
}

function listOf(given: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof given === 'string' ? [given] : given
}

/**
 * An IPv4 address with the prefix length of a netmask; an address that has a prefix length already, and an IPv6 address, stay as they are.
 * @throws NetError ERR_IOTH_CONFIG when the netmask is none, or says something else than the prefix length.
 */
export function withNetmask(address: string, netmask: string | undefined): string {
  if (netmask === undefined || address.includes(':')) return address
  let bits: number
  try {
    bits = netmaskToPrefix(parseIpAddress(netmask))
  } catch (error) {
    throw configError(`"netmask": ${(error as Error).message}`, 'write it as for example 255.255.255.0', error)
  }
  if (!address.includes('/')) return `${address}/${bits}`
  if (address.endsWith(`/${bits}`)) return address
  throw configError(`"netmask" ${netmask} contradicts the prefix length of ${address}`, 'leave the netmask out')
}
