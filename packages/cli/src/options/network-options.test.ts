import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { addNetworkOptions, NETWORK_OPTIONS, resolveNetworkSettings } from './network-options.ts'

/** A value for each option by each way, and what the option then is. Switches have `on` and `off` instead. */
const values: Record<string, { flag: string[]; env: string; alias?: string; plain: unknown }> = {
  address: { flag: ['10.0.0.1/8', 'fc00::1'], env: '10.0.0.2,10.0.0.3', alias: '10.0.0.4', plain: [] },
  netmask: { flag: ['255.0.0.0'], env: '255.255.0.0', alias: '255.255.255.0', plain: undefined },
  filename: { flag: ['/tmp/flag'], env: '/tmp/ioth', alias: '/tmp/pycotcp', plain: undefined },
  device: { flag: ['flag0'], env: 'ioth0', alias: 'pycotcp0', plain: undefined },
  devtype: { flag: ['vde'], env: 'tap', alias: 'tun', plain: undefined },
  library: { flag: ['ts'], env: 'picotcp', alias: 'lwipv6', plain: undefined },
  create: { flag: [], env: '1', plain: false },
  gateway: { flag: ['10.0.0.254'], env: '10.0.0.253', plain: [] },
  dns: { flag: ['10.0.0.53', '10.0.0.54'], env: '10.0.0.55 10.0.0.56', plain: [] },
  takeOver: { flag: [], env: '1', plain: false },
  tap: { flag: ['10.0.0.1/24'], env: '10.0.0.2/24', plain: undefined },
  dhcp: { flag: [], env: 'yes', plain: false },
  slaac: { flag: [], env: 'true', plain: false },
  name: { flag: ['flag.example'], env: 'ioth.example', plain: undefined },
  mac: { flag: ['02:00:00:00:00:01'], env: '02:00:00:00:00:02', plain: undefined },
  pcap: { flag: ['flag.pcap'], env: 'ioth.pcap', plain: undefined },
  host: { flag: ['192.0.2.1:80', 'db.example'], env: '192.0.2.2,:5432', plain: [] },
  strict: { flag: [], env: '1', plain: false },
  report: { flag: ['json'], env: 'report.json', plain: undefined },
  children: { flag: ['new'], env: 'host', plain: 'share' },
  quiet: { flag: [], env: 'on', plain: false },
}

function resolve(words: string[], environment: Record<string, string>) {
  const command = addNetworkOptions(new Command()).exitOverride()
  command.parse(words, { from: 'user' })
  return resolveNetworkSettings(command.opts(), environment)
}

describe.each(NETWORK_OPTIONS)('$long', (row) => {
  const { flag, env, alias, plain } = values[row.name] as (typeof values)[string]
  const isSwitch = row.value === undefined
  const spelt = (long: string) => (isSwitch ? [long] : flag.flatMap((value) => [long, value]))
  const fromFlag = isSwitch ? true : row.repeat ? flag : flag[0]
  const fromEnv = isSwitch ? true : row.repeat ? env.split(/[ ,]/) : env
  const fromAlias = row.repeat && alias !== undefined ? [alias] : alias
  const iothSet = { [row.env]: env }
  const pycotcpSet = row.alias === undefined ? {} : { [row.alias]: alias as string }

  const cases: [what: string, words: string[], environment: Record<string, string>, value: unknown, source?: string][] =
    [
      ['nothing', [], {}, plain],
      ['an empty variable', [], { [row.env]: '' }, plain],
      ['flag', spelt(row.long), {}, fromFlag, row.short ?? row.long],
      ['IOTH_*', [], iothSet, fromEnv, row.env],
      ['flag and IOTH_*', spelt(row.long), iothSet, fromFlag, row.short ?? row.long],
    ]
  if (row.short !== undefined) cases.push(['letter', spelt(row.short), {}, fromFlag, row.short])
  if (row.alias !== undefined) {
    cases.push(['PYCOTCP_*', [], pycotcpSet, fromAlias, row.alias])
    cases.push(['flag and PYCOTCP_*', spelt(row.long), pycotcpSet, fromFlag, row.short ?? row.long])
    cases.push(['IOTH_* and PYCOTCP_*', [], { ...iothSet, ...pycotcpSet }, fromEnv, row.env])
    cases.push(['all three', spelt(row.long), { ...iothSet, ...pycotcpSet }, fromFlag, row.short ?? row.long])
  }
  if (isSwitch) {
    cases.push(['IOTH_*=0', [], { [row.env]: '0' }, false, row.env])
    cases.push(['--no- and IOTH_*', [row.long.replace('--', '--no-')], iothSet, false, row.short ?? row.long])
  }

  test.each(cases)('%s', (_what, words, environment, value, source) => {
    const settings = resolve(words, environment)
    expect(settings[row.name]).toEqual(value)
    expect(settings.sources[row.name]).toBe(source)
  })
})

test('the classic letters together', () => {
  const settings = resolve(['-a', '10.40.0.32', '-d', 'web0', '-f', '/tmp/web0.ctl', '-l', 'ts', '-c'], {})
  expect(settings).toMatchObject({
    address: ['10.40.0.32'],
    device: 'web0',
    filename: '/tmp/web0.ctl',
    library: 'ts',
    create: true,
  })
})

test('a report without a form is text', () => {
  expect(resolve(['--report', '-q'], {})).toMatchObject({ report: 'text', quiet: true })
  expect(resolve(['--report=json'], { IOTH_REPORT: 'text' })).toMatchObject({ report: 'json' })
})
