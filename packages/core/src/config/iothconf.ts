/**
 * The configuration of a stack as one string, in the grammar of the IoTh library iothconf:
 * `stack=ts,vnl=/tmp/vde.ctl,ip=10.0.0.1/24,gw=10.0.0.254,dns=10.0.0.253,fqdn=web0.example.org`.
 *
 * | option | what |
 * |---|---|
 * | `stack=NAME` | the backend; default `ts` |
 * | `vnl=NETWORK` | switch directory or VNL; one with commas or blanks is put in quotes |
 * | `type=vde`, `tun`, `tap` | kind of device |
 * | `iface=NAME` | name of the interface |
 * | `mac=ADDRESS`, `macaddr=` | hardware address |
 * | `mtu=OCTETS` | largest IP packet |
 * | `ip=ADDRESS/BITS` | an address; may be repeated; /24 and /64 without `/BITS`; `ip=hash://fc00::/64` is the address of the `fqdn` there |
 * | `gw=ADDRESS`, `dns=ADDRESS` | default gateway, name server; may be repeated |
 * | `domain=NAME` | a domain in which names without dots are looked up; may be repeated |
 * | `fqdn=NAME` | host name |
 * | `dhcp`, `dhcp4`, `dhcpv4` | IPv4 address by DHCP |
 * | `slaac` | IPv6 addresses from router advertisements; `rd` may stand beside it |
 * | `auto4`, `auto6`, `auto` | `dhcp`, `slaac`, both |
 * | `eth` | may stand there: an interface is always up |
 * | `create` | make the switch when it is not there |
 * | `set.NAME=VALUE` | a setting of the backend: a number, `true`, `false`, or text (in quotes where it looks like one of the others); `set.tcp.minRtoMs=200` is `minRtoMs` of the group `tcp` |
 *
 * Names are read without regard to case. Lexical rules: `option-string.ts`.
 *
 * @module
 */
import type { NetError } from '../errors/net-error.ts'
import { configError, unknownKey } from './config-error.ts'
import { formatOption, type Option, parseOptions } from './option-string.ts'
import { type CanonicalConfig, canonicalConfig, isSettings, type Settings, type StackConfig } from './stack-config.ts'

type Key = keyof StackConfig
type Draft = { -readonly [K in Key]?: unknown }

/** Options with a value, and the key of the object each one fills; the first spelling of a key is the one we write. */
const VALUES: Readonly<Record<string, Key>> = {
  stack: 'stack',
  vnl: 'vnl',
  type: 'type',
  iface: 'device',
  mac: 'mac',
  macaddr: 'mac',
  mtu: 'mtu',
  ip: 'addresses',
  gw: 'gateways',
  dns: 'nameServers',
  domain: 'searchDomains',
  fqdn: 'name',
}
const LISTS: readonly Key[] = ['addresses', 'gateways', 'nameServers', 'searchDomains']

/** Options without a value, and the keys each one sets. */
const FLAGS: Readonly<Record<string, readonly Key[]>> = {
  dhcp: ['dhcp'],
  dhcp4: ['dhcp'],
  dhcpv4: ['dhcp'],
  slaac: ['slaac'],
  auto: ['dhcp', 'slaac'],
  auto4: ['dhcp'],
  autov4: ['dhcp'],
  auto6: ['slaac'],
  autov6: ['slaac'],
  create: ['create'],
  eth: [],
  rd: [],
  rd6: [],
}

/** What iothconf has and we have not, with what to write instead. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  dhcp6: 'DHCPv6 is not supported; use slaac',
  dhcpv6: 'DHCPv6 is not supported; use slaac',
  ifindex: 'an interface is chosen by its name; use iface=NAME',
  debug: 'there is nothing to show here; leave it out, and see: ioth ps',
}

const SETTING = 'set.'
const SETTING_NAME = /^[a-z_][\w-]*$/i

const KNOWN = [...Object.keys(VALUES), ...Object.keys(FLAGS), `${SETTING}NAME`]

const SYNONYMS: Readonly<Record<string, string>> = {
  address: 'ip',
  addresses: 'ip',
  backend: 'stack',
  device: 'iface',
  gateway: 'gw',
  hostname: 'fqdn',
  library: 'stack',
  name: 'fqdn',
  nameserver: 'dns',
  nameservers: 'dns',
  network: 'vnl',
  path: 'vnl',
  search: 'domain',
  switch: 'vnl',
}

/** Reads a configuration string. @throws NetError ERR_IOTH_CONFIG, naming the option and what to write instead. */
export function parseIothconf(text: string): CanonicalConfig {
  const draft: Draft = {}
  const spellings = new Map<Key, string>()
  const settings: Settings = {}
  let routerDiscovery: string | null = null
  for (const option of parseOptions(text)) {
    const name = option.name.toLowerCase()
    if (Object.hasOwn(VALUES, name)) {
      const key = VALUES[name] as Key
      spellings.set(key, option.name)
      addValue(draft, key, option)
    } else if (Object.hasOwn(FLAGS, name)) {
      if (option.value !== null) throw configError(`"${option.name}" takes no value`, `write ${option.name} alone`)
      for (const key of FLAGS[name] as readonly Key[]) draft[key] = true
      if (name.startsWith('rd')) routerDiscovery = option.name
    } else if (name.startsWith(SETTING)) {
      addSetting(settings, option)
    } else if (Object.hasOwn(UNSUPPORTED, name)) {
      throw configError(`"${option.name}"`, UNSUPPORTED[name] as string)
    } else {
      throw unknownKey(option.name, KNOWN, SYNONYMS)
    }
  }
  if (routerDiscovery !== null && draft.slaac !== true) {
    throw configError(`"${routerDiscovery}" alone is not supported`, 'add slaac')
  }
  draft.settings = settings
  return canonicalConfig(draft as StackConfig, (key) => spellings.get(key) ?? key)
}

/**
 * Writes a configuration string: {@link parseIothconf} reads it back to the same canonical configuration.
 * @throws NetError ERR_IOTH_CONFIG for settings that are neither text, number nor boolean.
 */
export function formatIothconf(config: StackConfig): string {
  const canonical = canonicalConfig(config)
  const options: string[] = []
  const written = new Set<Key>()
  for (const [name, key] of Object.entries(VALUES)) {
    if (written.has(key)) continue
    written.add(key)
    const value = canonical[key]
    if (value === undefined || (key === 'type' && value === 'vde')) continue
    for (const item of Array.isArray(value) ? value : [value]) options.push(formatOption(name, String(item)))
  }
  for (const key of ['dhcp', 'slaac', 'create'] as const) if (canonical[key]) options.push(formatOption(key))
  formatSettings(SETTING, canonical.settings, options)
  return options.join(',')
}

function addValue(draft: Draft, key: Key, { name, value }: Option): void {
  if (value === null) throw configError(`"${name}" has no value`, `write ${name}=VALUE`)
  if (LISTS.includes(key)) draft[key] = [...((draft[key] as string[] | undefined) ?? []), value]
  else if (draft[key] !== undefined) throw configError(`"${name}" is given twice`, 'keep one of the two')
  else draft[key] = key === 'mtu' && /^\d+$/.test(value) ? Number(value) : value
}

function addSetting(settings: Settings, { name, value, quoted }: Option): void {
  const path = name.slice(SETTING.length).split('.')
  if (!path.every((part) => SETTING_NAME.test(part))) {
    throw configError(`"${name}" does not name a setting`, `write ${SETTING}NAME=VALUE`)
  }
  if (value === null) throw configError(`"${name}" has no value`, `write ${name}=VALUE`)
  let group = settings
  for (const part of path.slice(0, -1)) {
    group[part] ??= {}
    if (!isSettings(group[part])) throw configError(`"${name}": "${part}" is given a value too`, 'keep one of the two')
    group = group[part]
  }
  const last = path.at(-1) as string
  if (Object.hasOwn(group, last)) throw configError(`"${name}" is given twice`, 'keep one of the two')
  group[last] = quoted ? value : scalar(value)
}

/** An unquoted value that is written as we write numbers and booleans is one; anything else is text. */
function scalar(value: string): string | number | boolean {
  if (value === 'true' || value === 'false') return value === 'true'
  const number = Number(value)
  return value !== '' && String(number) === value ? number : value
}

function formatSettings(prefix: string, settings: Settings, options: string[]): void {
  for (const [name, value] of Object.entries(settings)) {
    const full = prefix + name
    if (!SETTING_NAME.test(name)) throw unwritable(full)
    if (isSettings(value)) formatSettings(`${full}.`, value, options)
    else if (typeof value === 'string') options.push(formatOption(full, value, scalar(value) !== value))
    else if (typeof value === 'number' || typeof value === 'boolean') options.push(formatOption(full, String(value)))
    else throw unwritable(full)
  }
}

function unwritable(name: string): NetError {
  return configError(
    `"${name}" cannot be written in a string, which takes text, numbers and booleans by plain names`,
    'give it in an options object',
  )
}
