/**
 * The names of those on a network: what its switch knows of them, what they told the DHCP server, and the gateway itself.
 *
 * @module
 */
import { type IpAddress, tryParseIpAddress } from '@ioth/core'
import type { PortInfo } from '../stream/control.ts'

/** Somebody with a name. */
export interface NamedHost {
  readonly name: string
  readonly address: IpAddress
}

export interface NamesOptions {
  readonly domain: string
  /** Those who are always there. */
  readonly fixed: readonly NamedHost[]
  /** Who is on the network now. */
  readonly ports: () => Promise<readonly PortInfo[]>
  /** Who told the DHCP server a name. */
  readonly leases: () => readonly NamedHost[]
}

/** For so long the switch is not asked again, in milliseconds. */
const FRESH_MS = 500

export class Names {
  readonly domain: string
  private readonly options: NamesOptions
  private askedAt = Number.NEGATIVE_INFINITY
  private hosts: Promise<readonly NamedHost[]> = Promise.resolve([])

  constructor(options: NamesOptions) {
    this.options = options
    this.domain = options.domain
  }

  /** Whether a name is ours to know: nobody outside is asked about it. */
  isOurs(name: string): boolean {
    return name === this.domain || name.endsWith(`.${this.domain}`)
  }

  /** @returns the addresses of a name; null: nobody has it. */
  async find(name: string): Promise<IpAddress[] | null> {
    const wanted = name.toLowerCase()
    const found = (await this.all()).filter((host) => host.name === wanted)
    return found.length === 0 ? null : found.map(({ address }) => address)
  }

  async nameOf(address: IpAddress): Promise<string | null> {
    return (await this.all()).find((host) => host.address.equals(address))?.name ?? null
  }

  private all(): Promise<readonly NamedHost[]> {
    const now = performance.now()
    if (now - this.askedAt > FRESH_MS) {
      this.askedAt = now
      this.hosts = this.collect()
    }
    return this.hosts
  }

  private async collect(): Promise<readonly NamedHost[]> {
    const { fixed, leases, ports, domain } = this.options
    const hosts: NamedHost[] = [...fixed]
    for (const { name, addresses } of await ports().catch(() => [])) {
      for (const { address } of addresses) {
        const parsed = tryParseIpAddress(address)
        if (parsed !== null && !parsed.isLinkLocal) hosts.push({ name, address: parsed })
      }
    }
    hosts.push(...leases())
    const named = new Map<string, NamedHost>()
    for (const { name, address } of hosts) {
      const full = fullName(name, domain)
      if (full !== null) named.set(`${full} ${address}`, { name: full, address })
    }
    return [...named.values()]
  }
}

/** `shop` and the program `shop.mjs` are `shop.DOMAIN`; a name with dots stands for itself. Null: it can be no name. */
export function fullName(name: string, domain: string): string | null {
  const bare = name.toLowerCase().replace(/\.[cm]?[jt]s$/, '')
  if (!/^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)*$/.test(bare)) return null
  return bare.includes('.') ? bare : `${bare}.${domain}`
}
