/**
 * The rules by which chosen destinations of a node use the host's network (`--host RULE`, `IOTH_HOST`).
 *
 * | rule | what uses the host |
 * |---|---|
 * | `192.0.2.7`, `fd00::7` | an address |
 * | `192.0.2.0/24`, `fd00::/8` | a network |
 * | `db.example.org`, `*.example.org` | a name, and the addresses that the host's resolver gives for it |
 * | `:5432` | a port of any address |
 * | `127.0.0.1:5432`, `[::1]:5432`, `192.0.2.0/24:80`, `db.example.org:5432` | the same, for one port only |
 * | `addon:NAME` | a native add-on, where `--strict` refuses them: its package or its file |
 * | `exec:NAME` | a program that is not Node, where `--strict` refuses them: its path or its last part |
 *
 * @module
 */
import {
  type IpAddress,
  inPrefix,
  LOOPBACK_V4,
  LOOPBACK_V6,
  NetError,
  networkAddress,
  parseCidr,
  tryParseIpAddress,
} from '@ioth/core'

/** Addresses that are remembered of names. The oldest is forgotten for one more. */
const MOST_GRANTS = 4096

interface NetworkRule {
  readonly text: string
  /** Null: any. */
  readonly network: IpAddress | null
  readonly prefixLength: number
  /** 0: all. */
  readonly port: number
}

interface NameRule {
  readonly text: string
  readonly name: string
  /** All names below it, as opposed to itself. */
  readonly below: boolean
  readonly port: number
}

interface Grant {
  readonly rule: NameRule
  readonly name: string
}

export class HostRules {
  readonly texts: readonly string[]
  private readonly networks: NetworkRule[] = []
  private readonly names: NameRule[] = []
  private readonly addons: string[] = []
  private readonly programs: string[] = []
  /** Addresses of names, by their text. */
  private readonly grants = new Map<string, Grant[]>()

  /** @throws NetError ERR_IOTH_CONFIG, which names the rule. */
  constructor(texts: readonly string[]) {
    this.texts = texts
    for (const text of texts) this.add(text)
  }

  /** The rule by which a destination uses the host; null when there is none. */
  match(address: IpAddress, port: number): string | null {
    if (this.networks.length === 0 && this.names.length === 0) return null
    const plain = address.unmapped().withScope(0)
    for (const { network, prefixLength, port: only, text } of this.networks) {
      if (only !== 0 && only !== port) continue
      if (network === null || inPrefix(plain, network, prefixLength)) return text
    }
    const grant = this.grants.get(plain.toString())?.find(({ rule }) => rule.port === 0 || rule.port === port)
    return grant === undefined ? null : grant.rule.text
  }

  /** Whether the host's resolver is to be asked for a name. */
  matchesName(name: string): boolean {
    return this.rulesOf(name).length > 0
  }

  /** What the host's resolver said: from now on these addresses use the host. */
  grant(name: string, addresses: readonly string[]): void {
    const rules = this.rulesOf(name)
    for (const text of addresses) {
      const address = tryParseIpAddress(text)?.unmapped().withScope(0).toString()
      if (address === undefined) continue
      const others = (this.grants.get(address) ?? []).filter(({ rule }) => !rules.includes(rule))
      this.grants.delete(address)
      this.grants.set(address, [...others, ...rules.map((rule) => ({ rule, name }))])
      if (this.grants.size > MOST_GRANTS) this.grants.delete(this.grants.keys().next().value as string)
    }
  }

  /** Whether a rule names an add-on, by its path. */
  allowsAddon(path: string): boolean {
    return this.addons.some((name) => isPartOf(path, name))
  }

  /** Whether a rule names a program, by its path. */
  allowsProgram(path: string): boolean {
    return this.programs.some((name) => isPartOf(path, name))
  }

  private rulesOf(name: string): NameRule[] {
    const lower = name.toLowerCase().replace(/\.$/, '')
    return this.names.filter(({ name: own, below }) => (below ? lower.endsWith(`.${own}`) : lower === own))
  }

  private add(text: string): void {
    const named = /^(addon|exec):(.+)$/.exec(text)
    if (named !== null) {
      const into = named[1] === 'addon' ? this.addons : this.programs
      into.push(named[2] as string)
      return
    }
    const { host, port } = split(text)
    if (host === '' || host === '*') {
      if (host === '' && port === 0) throw malformed(text)
      this.networks.push({ text, network: null, prefixLength: 0, port })
    } else if (tryParseIpAddress(host) !== null || host.includes('/')) {
      const { address, prefixLength } = network(text, host)
      this.networks.push({ text, network: networkAddress(address, prefixLength), prefixLength, port })
    } else {
      const [, below, name] = /^(\*\.)?([a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_-]+)*)\.?$/i.exec(host) ?? []
      // A number is no top-level domain: it is an address that is written wrongly.
      if (name === undefined || /(^|\.)\d+$/.test(name)) throw malformed(text)
      this.names.push({ text, name: name.toLowerCase(), below: below !== undefined, port })
      // Whose addresses nobody has to ask for.
      if (name.toLowerCase() === 'localhost') {
        this.networks.push({ text, network: LOOPBACK_V4, prefixLength: 32, port })
        this.networks.push({ text, network: LOOPBACK_V6, prefixLength: 128, port })
      }
    }
  }
}

function split(text: string): { host: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^[\]]*?))(?::(\d+))?$/.exec(text) ?? []
  // An IPv6 address without brackets has no port.
  if (plain?.includes(':')) return { host: text, port: 0 }
  const host = bracketed ?? plain
  const port = digits === undefined ? 0 : Number(digits)
  if (host === undefined || port > 65535 || (digits !== undefined && port === 0)) throw malformed(text)
  return { host, port }
}

function network(text: string, host: string): { address: IpAddress; prefixLength: number } {
  try {
    return parseCidr(host, { v4: 32, v6: 128 })
  } catch (cause) {
    throw malformed(text, cause)
  }
}

function malformed(text: string, cause?: unknown): NetError {
  return new NetError('ERR_IOTH_CONFIG', 'host', {
    message:
      `"${text}" is no rule of --host. Write an address (192.0.2.7), a network (192.0.2.0/24), a name (db.example.org, *.example.org), ` +
      'a port (:5432), one of the former with a port (127.0.0.1:5432, [::1]:5432), addon:NAME or exec:NAME.',
    cause,
  })
}

/** `NAME` as one or several whole parts of a path, with or without the ending of the last. */
function isPartOf(path: string, name: string): boolean {
  const parts = `/${path.replaceAll('\\', '/')}/`
  return parts.includes(`/${name}/`) || parts.replace(/\.[a-z]+\/$/, '/').includes(`/${name}/`)
}
