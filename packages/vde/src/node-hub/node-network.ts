/**
 * What a node knows of its network: addresses, routes, name servers. The hub's stack learns of changes (a lease, an advertisement); the
 * other stacks of the node follow it.
 *
 * @module
 */
import { formatCidr, type Interface, parseCidr, parseIpAddress, type Route, type Stack } from '@ioth/core'

/** A route through a router, as members are told it. */
export interface NodeRoute {
  /** CIDR notation. */
  readonly to: string
  readonly via: string
}

/** As JSON, in the membership and in messages of the hub. */
export interface NodeNetwork {
  /** CIDR notation; without the link-local ones of IPv6, which everybody has. */
  readonly addresses: readonly string[]
  readonly routes: readonly NodeRoute[]
  readonly nameServers: readonly string[]
  readonly searchDomains: readonly string[]
}

/** What a stack knows now. */
export function networkOf(stack: Stack): NodeNetwork {
  const [plug] = stack.interfaces as [Interface]
  const routes = [...stack.routes.list()].sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0))
  return {
    addresses: plug.addresses.filter(({ address }) => address.family === 4 || !address.isLinkLocal).map(formatCidr),
    routes: routes.flatMap(({ destination, prefixLength, via }) =>
      via === null ? [] : [{ to: formatCidr({ address: destination, prefixLength }), via: via.toString() }],
    ),
    nameServers: stack.nameServers.map(String),
    searchDomains: [...stack.searchDomains],
  }
}

/** Keeps a stack of a member as the hub says. What the program itself added to it stays. */
export class NetworkFollower {
  private readonly stack: Stack
  private known: NodeNetwork
  private changing: Promise<void> = Promise.resolve()

  /** @param known what the stack has of the hub already. */
  constructor(stack: Stack, known: NodeNetwork) {
    this.stack = stack
    this.known = known
  }

  /** One change after the other. */
  follow(next: NodeNetwork): void {
    this.changing = this.changing.then(() => this.change(next))
  }

  private async change(next: NodeNetwork): Promise<void> {
    const { known, stack } = this
    const plug = stack.interfaces[0]
    // The member is gone.
    if (plug === undefined) return
    this.known = next
    for (const route of without(known.routes, next.routes)) ignoring(() => stack.routes.remove(routeOf(route, plug)))
    for (const text of without(known.addresses, next.addresses)) {
      ignoring(() => plug.removeAddress(parseCidr(text).address))
    }
    await Promise.allSettled(
      without(next.addresses, known.addresses).map((text) => {
        const { address, prefixLength } = parseCidr(text)
        return plug.addAddress(address, prefixLength)
      }),
    )
    for (const [metric, route] of next.routes.entries()) {
      ignoring(() => stack.routes.add({ ...routeOf(route, plug), metric }))
    }
    if (`${known.nameServers}` !== `${next.nameServers}`) stack.nameServers = next.nameServers.map(parseIpAddress)
    if (`${known.searchDomains}` !== `${next.searchDomains}`) stack.searchDomains = next.searchDomains
  }
}

function without<Entry>(all: readonly Entry[], others: readonly Entry[]): Entry[] {
  const texts = new Set(others.map((each) => JSON.stringify(each)))
  return all.filter((each) => !texts.has(JSON.stringify(each)))
}

function routeOf({ to, via }: NodeRoute, plug: Interface): Route {
  const { address, prefixLength } = parseCidr(to)
  return { destination: address, prefixLength, via: parseIpAddress(via), interface: plug }
}

/** The stack has done it by itself already, or its program has. */
function ignoring(call: () => void): void {
  try {
    call()
  } catch {
    // EEXIST, ESRCH, EADDRNOTAVAIL: as it is to be.
  }
}
