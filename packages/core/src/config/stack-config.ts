/**
 * The configuration of a stack with one interface, as an object: what may be said, and its canonical form.
 *
 * @module
 */
import { formatCidr, parseCidr } from '../address/cidr.ts'
import { hashAddress } from '../address/hash-address.ts'
import { parseIpAddress } from '../address/ip-address.ts'
import { formatMac, parseMac } from '../address/mac.ts'
import { configError, orList, unknownKey } from './config-error.ts'

/** What kind of device joins the network: a plug in a virtual Ethernet, or a device of the host's kernel. */
export type DeviceType = 'vde' | 'tun' | 'tap'

export const DEVICE_TYPES: readonly DeviceType[] = ['vde', 'tun', 'tap']

/** Everything that can be said about a stack; whatever is left out has its default. */
export interface StackConfig {
  /** The backend: its name (`ts`, `picotcp`…), package or path. @default `'ts'` */
  readonly stack?: string
  /** The network to join: a switch's directory, or a VNL such as `vde:///tmp/vde.ctl`. @default the user's own default network */
  readonly vnl?: string
  /** @default `'vde'` */
  readonly type?: DeviceType
  /** Name of the interface. With no `vnl`, `web0` also means the switch `/tmp/web0.ctl` if there is one. @default `'eth0'` */
  readonly device?: string
  /**
   * CIDR notation; without a prefix length /24 and /64 are meant. `hash://fc00::/64` is the address of the host name in that network, as the
   * tools of IoTh compute it (see {@link hashAddress}). @default none
   */
  readonly addresses?: readonly string[]
  /** Default gateways. @default none */
  readonly gateways?: readonly string[]
  /** @default none */
  readonly nameServers?: readonly string[]
  /** Domains in which names without dots are looked up. @default none, or what DHCP says */
  readonly searchDomains?: readonly string[]
  /** Host name, possibly fully qualified. @default none */
  readonly name?: string
  /** Whether to get an IPv4 address by DHCP. @default false */
  readonly dhcp?: boolean
  /** Whether to form IPv6 addresses from router advertisements (RFC 4862). @default false */
  readonly slaac?: boolean
  /** `aa:bb:cc:dd:ee:ff`. @default a random locally administered address */
  readonly mac?: string
  /** Largest IP packet, in octets. @default what the network says, else 1500 */
  readonly mtu?: number
  /** Whether to create the switch when it is not there. @default false */
  readonly create?: boolean
  /** The backend's own settings, possibly in groups. @default none */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** The canonical form: defaults filled in, addresses in standard text. Two configurations that mean the same have the same canonical form. */
export interface CanonicalConfig extends StackConfig {
  readonly stack: string
  readonly type: DeviceType
  readonly addresses: readonly string[]
  readonly gateways: readonly string[]
  readonly nameServers: readonly string[]
  readonly searchDomains: readonly string[]
  readonly dhcp: boolean
  readonly slaac: boolean
  readonly create: boolean
  readonly settings: Readonly<Record<string, unknown>>
}

/** Reads one value, which is not undefined; throws when it is not legal. The key is as the user wrote it, for the message. */
type Reader = (value: unknown, key: string) => unknown

/** The keys, in the order in which they are written. */
const READERS: Readonly<Record<keyof StackConfig, Reader>> = {
  stack: nonEmpty('ts'),
  vnl: nonEmpty('/tmp/vde.ctl'),
  type: deviceType,
  device: interfaceName,
  mac: macAddress,
  mtu: octets,
  addresses: list(cidr),
  gateways: list(ipAddress('10.0.0.254')),
  nameServers: list(ipAddress('10.0.0.253')),
  searchDomains: list(hostName),
  name: hostName,
  dhcp: flag,
  slaac: flag,
  create: flag,
  settings: settingsObject,
}

const KEYS = Object.keys(READERS) as readonly (keyof StackConfig)[]

const DEFAULTS: CanonicalConfig = Object.freeze({
  stack: 'ts',
  type: 'vde',
  addresses: [],
  gateways: [],
  nameServers: [],
  searchDomains: [],
  dhcp: false,
  slaac: false,
  create: false,
  settings: {},
})

/** Words other interfaces use, for the "did you mean". */
const SYNONYMS: Readonly<Record<string, string>> = {
  address: 'addresses',
  backend: 'stack',
  dns: 'nameServers',
  domain: 'searchDomains',
  search: 'searchDomains',
  fqdn: 'name',
  gateway: 'gateways',
  gw: 'gateways',
  hostname: 'name',
  iface: 'device',
  ip: 'addresses',
  library: 'stack',
  macaddr: 'mac',
  nameserver: 'nameServers',
  netmask: 'addresses',
  network: 'vnl',
  path: 'vnl',
  switch: 'vnl',
}

/**
 * Checks a configuration object and gives its canonical form.
 * @param spelling how the user wrote a key, where that differs from the object's, for messages.
 * @throws NetError ERR_IOTH_CONFIG, naming the key and what to write instead.
 */
export function canonicalConfig(
  config: StackConfig,
  spelling: (key: keyof StackConfig) => string = (key) => key,
): CanonicalConfig {
  const canonical: Record<string, unknown> = { ...DEFAULTS }
  for (const [key, value] of Object.entries(config)) {
    if (value === undefined) continue
    if (!Object.hasOwn(READERS, key)) throw unknownKey(key, KEYS, SYNONYMS)
    canonical[key] = READERS[key as keyof StackConfig](value, spelling(key as keyof StackConfig))
  }
  const name = canonical.name as string | undefined
  canonical.addresses = (canonical.addresses as string[]).map((address) =>
    address.startsWith(HASHED) ? ofName(address, name, spelling) : address,
  )
  return canonical as unknown as CanonicalConfig
}

/** An address that is yet to be computed from the host name. */
const HASHED = 'hash://'

function ofName(address: string, name: string | undefined, spelling: (key: keyof StackConfig) => string): string {
  if (name === undefined) {
    const where = `"${spelling('addresses')}" is ${address}, the address of a name, and there is none`
    throw configError(where, 'give the host name, too')
  }
  const { address: base, prefixLength } = parseCidr(address.slice(HASHED.length))
  return formatCidr({ address: hashAddress(base, name), prefixLength })
}

function text(value: unknown, key: string, example: string): string {
  if (typeof value === 'string') return value
  throw configError(`"${key}" is ${describe(value)}, not text`, `write it as ${key}: '${example}'`)
}

function nonEmpty(example: string): Reader {
  return (value, key) => {
    const word = text(value, key, example)
    if (word === '') throw configError(`"${key}" is empty`, `leave it out, or write for example ${example}`)
    return word
  }
}

function deviceType(value: unknown, key: string): DeviceType {
  if (DEVICE_TYPES.includes(value as DeviceType)) return value as DeviceType
  throw configError(`"${key}" is ${describe(value)}`, `it can be ${orList(DEVICE_TYPES)}`)
}

function interfaceName(value: unknown, key: string): string {
  const name = text(value, key, 'eth0')
  if (/^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..') return name
  throw configError(
    `"${key}" is "${name}", not a name for an interface`,
    'write 1 to 15 characters without blank, slash or colon, for example eth0',
  )
}

function macAddress(value: unknown, key: string): string {
  const octets = parsed(parseMac, text(value, key, '02:00:00:00:00:01'), key, '02:00:00:00:00:01')
  if (((octets[0] as number) & 1) === 0) return formatMac(octets)
  throw configError(
    `"${key}" is ${formatMac(octets)}, a group address`,
    'write one whose first octet is even, for example 02:00:00:00:00:01',
  )
}

/** RFC 791 3.2 gives the least, the length field the most. */
const LEAST_MTU = 68
const LARGEST_MTU = 65535

function octets(value: unknown, key: string): number {
  if (Number.isInteger(value) && (value as number) >= LEAST_MTU && (value as number) <= LARGEST_MTU)
    return value as number
  throw configError(
    `"${key}" is ${describe(value)}`,
    `write a number from ${LEAST_MTU} to ${LARGEST_MTU}, usually 1500`,
  )
}

function cidr(value: unknown, key: string): string {
  const said = text(value, key, '10.0.0.1/24')
  if (said.startsWith(HASHED)) {
    const base = parsed(parseCidr, said.slice(HASHED.length), key, `${HASHED}fc00::/64`)
    if (base.address.family === 6) return HASHED + formatCidr(base)
    throw configError(`"${key}" is ${said}`, `write an IPv6 network, for example ${HASHED}fc00::/64`)
  }
  return formatCidr(parsed(parseCidr, text(value, key, '10.0.0.1/24'), key, '10.0.0.1/24'))
}

function ipAddress(example: string): Reader {
  return (value, key) => parsed(parseIpAddress, text(value, key, example), key, example).toString()
}

function list(item: Reader): Reader {
  return (value, key) => {
    if (!Array.isArray(value))
      throw configError(`"${key}" is ${describe(value)}, not a list`, `write it as ${key}: […]`)
    return value.map((entry) => item(entry, key))
  }
}

/** RFC 1123 2.1. */
function hostName(value: unknown, key: string): string {
  const name = text(value, key, 'web0.example.org')
  const labels = name.split('.')
  if (name.length <= 253 && labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?$/i.test(label))) return name
  throw configError(
    `"${key}" is "${name}", not a host name`,
    'write letters, digits and hyphens with dots between them, for example web0.example.org',
  )
}

function flag(value: unknown, key: string): boolean {
  if (typeof value === 'boolean') return value
  throw configError(`"${key}" is ${describe(value)}`, 'write true or false')
}

/** Settings by name, or groups of them. */
export type Settings = Record<string, unknown>

export function isSettings(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function settingsObject(value: unknown, key: string): Settings {
  if (isSettings(value)) return withoutEmpty(value)
  throw configError(`"${key}" is ${describe(value)}, not a plain object`, `write it as ${key}: { name: value }`)
}

/** Without what says nothing: undefined values, and groups of nothing else. */
function withoutEmpty(settings: Settings): Settings {
  const kept: Settings = {}
  for (const [name, value] of Object.entries(settings)) {
    const said = isSettings(value) ? withoutEmpty(value) : value
    if (said !== undefined && !(isSettings(said) && Object.keys(said).length === 0)) kept[name] = said
  }
  return kept
}

/** Parses, and tells of a failure as one of the configuration. */
function parsed<T>(parse: (text: string) => T, value: string, key: string, example: string): T {
  try {
    return parse(value)
  } catch (error) {
    throw configError(`"${key}": ${(error as Error).message}`, `write it as for example ${example}`, error)
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`
  if (value === null || typeof value !== 'object') return String(value)
  return Array.isArray(value) ? 'a list' : 'an object'
}
