/**
 * The options that place a program on a network: one table for the flags, the environment variables `IOTH_*`, and the variables of
 * pycotcp that are read as aliases. A flag beats the environment, `IOTH_*` beats `PYCOTCP_*`, and anything beats the default.
 *
 * @module
 */
import { type Command, Option } from 'commander'
import { EXIT, Failure } from '../failure.ts'

/** How an option is written and where else its value may come from. */
interface OptionRow {
  readonly name: keyof NetworkSettings
  readonly short?: string
  readonly long: string
  /** What stands for the value in the help text; absent: a switch that is on or off. */
  readonly value?: string
  /** The value may be left out, and is this then. */
  readonly implied?: string
  /** May be given several times; in the environment the values are separated by commas or spaces. */
  readonly repeat?: boolean
  /** Has a value, and a `--no-` form all the same; in the environment `no`. */
  readonly negatable?: boolean
  /** Ours before the script only: programs have options of this name. */
  readonly onlyBefore?: true
  readonly text: string
  readonly env: string
  readonly alias?: string
}

/** What the command line and the environment say together. Nothing is checked or filled in yet. */
export interface NetworkSettings {
  readonly address: readonly string[]
  readonly netmask?: string
  readonly device?: string
  readonly devtype?: string
  readonly filename?: string
  readonly library?: string
  readonly create: boolean
  readonly gateway: readonly string[]
  readonly dns: readonly string[]
  readonly takeOver: boolean
  /** Address of the host's own interface; false: no interface of the host. */
  readonly tap?: string | false
  readonly dhcp: boolean
  readonly slaac: boolean
  readonly name?: string
  readonly mac?: string
  readonly pcap?: string
  readonly host: readonly string[]
  readonly strict: boolean
  readonly report?: string
  readonly quiet: boolean
  /** What the processes and threads are that the program starts. */
  readonly children: 'share' | 'new' | 'host'
  /** For each option that has a value, where it came from, as it should be named to the user: `-a`, `IOTH_ADDRESS`, … */
  readonly sources: Readonly<Partial<Record<string, string>>>
}

export const NETWORK_OPTIONS: readonly OptionRow[] = [
  {
    name: 'address',
    short: '-a',
    long: '--address',
    value: 'address[/prefix]',
    repeat: true,
    text: 'IPv4 or IPv6 address, may be repeated; without a prefix length /24 and /64 are meant; hash://fc00::/64 is the address of --name there',
    env: 'IOTH_ADDRESS',
    alias: 'PYCOTCP_ADDRESS',
  },
  {
    name: 'netmask',
    short: '-n',
    long: '--netmask',
    value: 'mask',
    text: 'netmask for the addresses that have no prefix length, such as 255.255.255.0',
    env: 'IOTH_NETMASK',
    alias: 'PYCOTCP_NETMASK',
  },
  {
    name: 'filename',
    short: '-f',
    long: '--filename',
    value: 'network',
    text: "directory of a switch, or a VNL such as vde:///tmp/vde.ctl; without it the user's own default network",
    env: 'IOTH_FILENAME',
    alias: 'PYCOTCP_FILENAME',
  },
  {
    name: 'device',
    short: '-d',
    long: '--device',
    value: 'name',
    text: 'name of the interface; without -f, NAME also means the switch /tmp/NAME.ctl if there is one',
    env: 'IOTH_DEVICE',
    alias: 'PYCOTCP_DEVICE',
  },
  {
    name: 'devtype',
    short: '-t',
    long: '--devtype',
    value: 'type',
    text: 'kind of device: vde, tun or tap',
    env: 'IOTH_DEVTYPE',
    alias: 'PYCOTCP_DEVTYPE',
  },
  {
    name: 'library',
    short: '-l',
    long: '--library',
    value: 'backend',
    text: 'the TCP/IP stack, by name, package or path (see: ioth backends)',
    env: 'IOTH_LIBRARY',
    alias: 'PYCOTCP_CONTEXT',
  },
  {
    name: 'create',
    short: '-c',
    long: '--create',
    text: 'create the switch if it is not there',
    env: 'IOTH_CREATE',
  },
  {
    name: 'gateway',
    long: '--gateway',
    value: 'address',
    repeat: true,
    text: 'default gateway, one for each family',
    env: 'IOTH_GATEWAY',
  },
  {
    name: 'dns',
    long: '--dns',
    value: 'address',
    repeat: true,
    text: 'name server, may be repeated',
    env: 'IOTH_DNS',
  },
  {
    name: 'takeOver',
    long: '--take-over',
    text: 'take the address from whoever has it, for a service that moves',
    env: 'IOTH_TAKE_OVER',
  },
  {
    name: 'tap',
    long: '--tap',
    value: 'address/prefix',
    negatable: true,
    text: "address of the host's own interface, which -c with -d makes as root; --no-tap: none",
    env: 'IOTH_TAP',
  },
  { name: 'dhcp', long: '--dhcp', text: 'get an IPv4 address by DHCP', env: 'IOTH_DHCP' },
  { name: 'slaac', long: '--slaac', text: 'get an IPv6 address from the router', env: 'IOTH_SLAAC' },
  { name: 'name', long: '--name', value: 'name', text: 'host name of this node', env: 'IOTH_NAME' },
  {
    name: 'mac',
    long: '--mac',
    value: 'address',
    text: 'hardware address, such as 02:00:00:00:00:01',
    env: 'IOTH_MAC',
  },
  {
    name: 'pcap',
    long: '--pcap',
    value: 'file',
    text: 'write every frame to a file that Wireshark opens',
    env: 'IOTH_PCAP',
  },
  {
    name: 'host',
    long: '--host',
    value: 'rule',
    repeat: true,
    text: "what uses the host's network: an address, a network, a name, each with or without :port, or :port alone; may be repeated",
    onlyBefore: true,
    env: 'IOTH_HOST',
  },
  {
    name: 'strict',
    long: '--strict',
    text: "what would use the host's network without a rule fails: add-ons, descriptors, programs other than Node",
    onlyBefore: true,
    env: 'IOTH_STRICT',
  },
  {
    name: 'report',
    long: '--report',
    value: 'form',
    implied: 'text',
    text: 'at exit, what was spoken to: a table (text), --report=json, or --report=FILE for a line of JSON at its end',
    onlyBefore: true,
    env: 'IOTH_REPORT',
  },
  {
    name: 'children',
    long: '--children',
    value: 'how',
    text: 'what child processes and threads are: share this node, a new node of their own, or on the host',
    env: 'IOTH_CHILDREN',
  },
  { name: 'quiet', short: '-q', long: '--quiet', text: 'no messages of our own', env: 'IOTH_QUIET' },
]

/** Options that are the program's when they stand after the script. */
export const ONLY_BEFORE_SCRIPT: ReadonlySet<string> = new Set(
  NETWORK_OPTIONS.filter(({ onlyBefore }) => onlyBefore === true).flatMap(({ long }) => [
    long,
    long.replace('--', '--no-'),
  ]),
)

/**
 * Adds the options to a command. Every switch also has its `--no-` form, so that a flag can beat the environment.
 * @param names only these; all without it.
 * @param letters only these letters are ours in this command; all without it.
 */
export function addNetworkOptions(
  command: Command,
  names?: readonly (keyof NetworkSettings)[],
  letters?: readonly string[],
): Command {
  for (const row of NETWORK_OPTIONS) {
    if (names !== undefined && !names.includes(row.name)) continue
    const short = letters === undefined || letters.includes(row.short ?? '') ? row.short : undefined
    const flags = `${short === undefined ? '' : `${short}, `}${row.long}${placeholder(row)}`
    const option = new Option(flags, row.text)
    if (row.implied !== undefined) option.preset(row.implied)
    if (row.repeat === true) option.argParser((value: string, before: string[] = []) => [...before, value])
    command.addOption(option)
    if (row.value === undefined || row.negatable === true)
      command.addOption(new Option(row.long.replace('--', '--no-')).hideHelp())
  }
  return command
}

function placeholder({ value, implied }: OptionRow): string {
  if (value === undefined) return ''
  return implied === undefined ? ` <${value}>` : ` [${value}]`
}

/** Joins what the flags say (as commander gives them) with the environment. */
export function resolveNetworkSettings(
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): NetworkSettings {
  const settings: Record<string, unknown> = {}
  const sources: Record<string, string> = {}
  for (const row of NETWORK_OPTIONS) {
    const [value, source] = resolve(row, flags, environment)
    settings[row.name] = value ?? (row.repeat === true ? [] : row.value === undefined ? false : undefined)
    if (source !== undefined) sources[row.name] = source
  }
  settings.children = childrenOf(settings.children, sources.children)
  return { ...settings, sources } as unknown as NetworkSettings
}

function resolve(
  row: OptionRow,
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): [value: unknown, source: string | undefined] {
  if (flags[row.name] !== undefined) return [flags[row.name], row.short ?? row.long]
  for (const variable of [row.env, row.alias]) {
    const text = variable === undefined ? '' : (environment[variable]?.trim() ?? '')
    if (text === '') continue
    if (row.repeat === true) return [text.split(/[\s,]+/), variable]
    const isNo = /^(0|no|false|off)$/i.test(text)
    if (row.negatable === true && isNo) return [false, variable]
    return [row.value === undefined ? !isNo : text, variable]
  }
  return [undefined, undefined]
}

const CHILDREN: readonly unknown[] = ['share', 'new', 'host']

function childrenOf(said: unknown, source: string | undefined): unknown {
  if (said === undefined) return 'share'
  if (CHILDREN.includes(said)) return said
  throw new Failure(EXIT.usage, `${source} is share, new or host, not "${String(said)}". See: ioth run --help`)
}
