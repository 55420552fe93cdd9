/**
 * What a DHCP server grants, read from its message and checked.
 *
 * @module
 */
import { broadcastAddress, netmaskToPrefix, networkAddress } from '../../address/cidr.ts'
import type { IpAddress } from '../../address/ip-address.ts'
import { isDomainName, withoutFinalDot } from '../domain-name.ts'
import type { DhcpMessage } from './message.ts'
import {
  INFINITE,
  type LeasedRoute,
  OPTION_CLASSLESS_ROUTES,
  OPTION_DOMAIN_NAME,
  OPTION_DOMAIN_SEARCH,
  OPTION_LEASE_TIME,
  OPTION_NAME_SERVER,
  OPTION_REBINDING_TIME,
  OPTION_RENEWAL_TIME,
  OPTION_ROUTER,
  OPTION_SERVER_ID,
  OPTION_SUBNET_MASK,
  readAddress,
  readAddresses,
  readNames,
  readRoutes,
  readText,
  readUint32,
} from './options.ts'

/** An address lent by a DHCP server, and what came with it. */
export interface DhcpLease {
  readonly address: IpAddress
  readonly prefixLength: number
  /** The server that granted it. */
  readonly server: IpAddress
  /** Infinity for a lease that never ends. */
  readonly seconds: number
  /** When to ask the server for more time (T1), in seconds from the grant. */
  readonly renewAfter: number
  /** When to ask any server (T2). */
  readonly rebindAfter: number
  /** Default routers that lie in the network of the address. Empty where the server gives {@link routes} (RFC 3442). */
  readonly routers: readonly IpAddress[]
  /** Classless static routes (RFC 3442), a default route perhaps among them. */
  readonly routes: readonly LeasedRoute[]
  readonly nameServers: readonly IpAddress[]
  /** The domain, then the search list. */
  readonly searchDomains: readonly string[]
}

/** A shorter lease, and an earlier T1, would have the client renew all the time. */
const SHORTEST_LEASE = 30
const EARLIEST_RENEWAL = 15
const MOST_ADDRESSES = 16
const MOST_NAMES = 16
const MOST_ROUTES = 64

/** @returns the lease of an OFFER or ACK, or why it is none. */
export function readLease(message: DhcpMessage): DhcpLease | string {
  const { options, yiaddr: address } = message
  const server = readAddress(options, OPTION_SERVER_ID)
  if (server === null || !isHost(server)) return 'server'
  if (!isHost(address)) return 'address'
  const prefixLength = prefixOf(message)
  if (prefixLength === null) return 'netmask'
  if (prefixLength < 31 && networkAddress(address, prefixLength).equals(address)) return 'address'
  if (broadcastAddress(address, prefixLength)?.equals(address) === true) return 'address'
  const granted = readUint32(options, OPTION_LEASE_TIME)
  if (granted === null || granted === 0) return 'lease-time'
  const seconds = granted === INFINITE ? Number.POSITIVE_INFINITY : Math.max(granted, SHORTEST_LEASE)
  const routes = readRoutes(options, OPTION_CLASSLESS_ROUTES, MOST_ROUTES)
  const routers = options.has(OPTION_CLASSLESS_ROUTES) ? [] : readAddresses(options, OPTION_ROUTER, MOST_ADDRESSES)
  return {
    address,
    prefixLength,
    server,
    seconds,
    ...times(seconds, readUint32(options, OPTION_RENEWAL_TIME), readUint32(options, OPTION_REBINDING_TIME)),
    routers: routers.filter(isHost),
    routes,
    nameServers: readAddresses(options, OPTION_NAME_SERVER, MOST_ADDRESSES).filter(isHost),
    searchDomains: domains(message),
  }
}

/** RFC 2131 4.4.5: T1 is before T2, T2 before the end; 0.5 and 0.875 of the lease where the server says nothing, or nonsense. */
function times(seconds: number, t1: number | null, t2: number | null): Pick<DhcpLease, 'renewAfter' | 'rebindAfter'> {
  const rebindAfter = t2 !== null && t2 > EARLIEST_RENEWAL && t2 < seconds ? t2 : seconds * 0.875
  const renewAfter =
    t1 !== null && t1 >= EARLIEST_RENEWAL && t1 < rebindAfter ? t1 : Math.min(seconds * 0.5, rebindAfter)
  return { renewAfter, rebindAfter }
}

function domains(message: DhcpMessage): string[] {
  const domain = readText(message.options, OPTION_DOMAIN_NAME)
  const names = readNames(message.options, OPTION_DOMAIN_SEARCH, MOST_NAMES)
  // Some servers put several names into the one domain.
  const all = [...(domain?.split(/\s+/) ?? []), ...names].map(withoutFinalDot).filter(isDomainName)
  return [...new Set(all)].slice(0, MOST_NAMES)
}

/** The server's netmask; that of the address's class (RFC 950) where there is none; null when its ones are not contiguous. */
function prefixOf({ options, yiaddr }: DhcpMessage): number | null {
  if (!options.has(OPTION_SUBNET_MASK)) return yiaddr.w3 >= 0 ? 8 : yiaddr.w3 >>> 30 === 2 ? 16 : 24
  const mask = readAddress(options, OPTION_SUBNET_MASK)
  if (mask === null) return null
  try {
    const prefixLength = netmaskToPrefix(mask)
    return prefixLength === 0 ? null : prefixLength
  } catch {
    return null
  }
}

/** Whether one host may have this address. */
export function isHost(address: IpAddress): boolean {
  const first = address.w3 >>> 24
  return first !== 0 && first !== 127 && first < 224
}
