/**
 * `ioth gateway`: the way from a network into the world, until it is stopped.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { formatCidr, networkOf, type StackConfig, tryParseIpAddress, withNetmask } from '@ioth/core'
import { formatEndpoint } from '@ioth/vde'
import { parseRule, type Rule, startGateway } from '@ioth/vde/gateway'
import { EXIT, Failure } from '../failure.ts'
import { explainNetwork } from '../network/network-failure.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { say } from '../output.ts'
import { untilStopped } from '../until-stopped.ts'

export interface GatewayCommandOptions {
  /** `--allow` and `--deny` in the order in which they were typed, each with its sign. */
  readonly allow?: readonly RuleText[]
  readonly deny?: readonly RuleText[]
  /** False: no DHCP. */
  readonly dhcp: boolean
  readonly range?: string
  readonly domain: string
  /** False: no IPv6. */
  readonly ipv6: boolean
}

/** A rule and its place on the command line. */
export interface RuleText {
  readonly text: string
  readonly place: number
}

export async function gateway(options: GatewayCommandOptions, settings: NetworkSettings): Promise<void> {
  try {
    const config: StackConfig = {
      ...(settings.filename === undefined ? {} : { vnl: settings.filename }),
      ...(settings.device === undefined ? {} : { device: settings.device }),
    }
    const own = ownAddresses(settings)
    const running = await startGateway({
      vnl: networkOf(config, existsSync) ?? '',
      ...(own.four === undefined ? {} : { address: own.four }),
      ...(options.ipv6 ? (own.six === undefined ? {} : { address6: own.six }) : { address6: false }),
      ...(options.dhcp ? (options.range === undefined ? {} : { range: rangeOf(options.range) }) : { range: false }),
      domain: options.domain,
      ...(settings.dns.length === 0 ? {} : { dns: settings.dns }),
      rules: rulesOf(options),
    })
    await using _running = running
    if (!settings.quiet) {
      const servers = running.upstream.map(({ host, port }) => (port === 53 ? host : formatEndpoint(host, port)))
      say(`gateway ${running.addresses.map(formatCidr).join(', ')}`)
      say(
        running.range === null ? 'no DHCP' : `DHCP lends ${running.range[0]} to ${running.range[1]}; join with --dhcp`,
      )
      say(
        `names end in .${running.domain}, others are asked from ${servers.join(', ') || 'nobody: this host has no name server. Give one with --dns'}`,
      )
      say(
        running.pingWay === null
          ? 'no ping leaves: this host lets you send none. Let root type: sysctl net.ipv4.ping_group_range="0 2147483647"'
          : `pings leave by ${running.pingWay}`,
      )
      if (options.ipv6) say(running.hasIpv6 ? 'IPv6 leads to the world' : 'IPv6 stays here: the host has none')
    }
    await untilStopped()
  } catch (error) {
    throw explainNetwork(error)
  }
}

function ownAddresses({ address, netmask }: NetworkSettings): { four?: string; six?: string } {
  const own: { four?: string; six?: string } = {}
  for (const text of address) {
    const family = tryParseIpAddress(text.split('/', 1)[0] as string)?.family
    const cidr = text.includes('/') ? text : withNetmask(text, netmask)
    if (family === 4 && own.four === undefined) own.four = cidr
    else if (family === 6 && own.six === undefined) own.six = cidr
    else throw new Failure(EXIT.usage, `-a ${text}: a gateway has one address of each family. See: ioth gateway --help`)
  }
  return own
}

function rangeOf(text: string): [string, string] {
  const [first, last, ...more] = text.split('-')
  if (
    first === undefined ||
    last === undefined ||
    more.length > 0 ||
    tryParseIpAddress(first) === null ||
    tryParseIpAddress(last) === null
  ) {
    throw new Failure(
      EXIT.usage,
      `"${text}" is no range. Type for example: ioth gateway --range 10.40.0.100-10.40.0.199`,
    )
  }
  return [first, last]
}

function rulesOf({ allow = [], deny = [] }: GatewayCommandOptions): Rule[] {
  return [
    ...allow.map((each) => ({ ...each, isAllowed: true })),
    ...deny.map((each) => ({ ...each, isAllowed: false })),
  ]
    .sort((a, b) => a.place - b.place)
    .map(({ text, isAllowed }) => parseRule(text, isAllowed))
}
