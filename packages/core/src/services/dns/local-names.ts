/**
 * Names that need no question: addresses, `localhost` (RFC 6761 6.3), `invalid` (6.4), the stack's own name, and a table of hosts.
 *
 * @module
 */
import { type IpAddress, LOOPBACK_V4, LOOPBACK_V6, toBytes, tryParseIpAddress } from '../../address/ip-address.ts'
import { addressOf } from '../../api/open-socket.ts'
import type { Stack } from '../../contract/stack.ts'
import { withoutFinalDot } from '../domain-name.ts'

/** Addresses by name, as in a hosts file. */
export type HostsTable = Readonly<Record<string, string | IpAddress | readonly (string | IpAddress)[]>>

/** Names with their addresses, ready to be looked up. @throws NetError EINVAL for what is no address. */
export function readHosts(table: HostsTable): ReadonlyMap<string, readonly IpAddress[]> {
  const hosts = new Map<string, readonly IpAddress[]>()
  for (const [name, given] of Object.entries(table)) {
    const list = Array.isArray(given) ? (given as readonly (string | IpAddress)[]) : [given as string | IpAddress]
    hosts.set(
      canonical(name),
      list.map((each) => addressOf(each, `hosts.${name}`)),
    )
  }
  return hosts
}

/** The addresses of such a name, an empty list for one that has none by definition, null for a name that has to be asked for. */
export function localAddresses(
  stack: Stack,
  hosts: ReadonlyMap<string, readonly IpAddress[]>,
  name: string,
): readonly IpAddress[] | null {
  const literal = tryParseIpAddress(name)
  if (literal !== null) return [literal]
  const key = canonical(name)
  const listed = hosts.get(key)
  if (listed !== undefined) return listed
  if (key === 'localhost' || key.endsWith('.localhost')) {
    return stack.capabilities.ipv6 ? [LOOPBACK_V6, LOOPBACK_V4] : [LOOPBACK_V4]
  }
  if (key === 'invalid' || key.endsWith('.invalid')) return []
  if (key !== '' && key === canonical(stack.name)) {
    const own = stack.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address))
    if (own.length > 0) return own
  }
  return null
}

/** The name under which the names of an address are found (RFC 1035 3.5, RFC 3596 2.5). */
export function reverseName(address: IpAddress): string {
  const octets = Array.from(toBytes(address.unmapped())).reverse()
  if (octets.length === 4) return `${octets.join('.')}.in-addr.arpa`
  const nibbles = octets.flatMap((octet) => [octet & 15, octet >>> 4])
  return `${nibbles.map((nibble) => nibble.toString(16)).join('.')}.ip6.arpa`
}

function canonical(name: string): string {
  return withoutFinalDot(name).toLowerCase()
}
