/**
 * In which order the addresses of a name are tried, and which families are of use (RFC 6724, RFC 8305 4).
 *
 * @module
 */
import type { IpAddress } from '../../address/ip-address.ts'
import type { Stack } from '../../contract/stack.ts'

/** Families in which the stack has an address that reaches beyond its link; IPv4 when it has none at all. */
export function usableFamilies(stack: Stack): readonly (4 | 6)[] {
  const own = stack.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address))
  const families = ([6, 4] as const).filter((family) =>
    own.some((address) => address.family === family && !(family === 6 && address.isLinkLocal)),
  )
  return families.length === 0 ? [4] : families
}

/** Those that can be reached first, IPv6 before IPv4, and then the families in turn. */
export function orderDestinations(stack: Stack, addresses: readonly IpAddress[]): IpAddress[] {
  const isReachable = (address: IpAddress): boolean => stack.sourceFor(address) !== null
  return [
    ...interleaved(addresses.filter(isReachable)),
    ...interleaved(addresses.filter((address) => !isReachable(address))),
  ]
}

function interleaved(addresses: readonly IpAddress[]): IpAddress[] {
  const v6 = addresses.filter(({ family }) => family === 6)
  const v4 = addresses.filter(({ family }) => family === 4)
  const order: IpAddress[] = []
  for (let index = 0; index < Math.max(v6.length, v4.length); index++) {
    for (const address of [v6[index], v4[index]]) if (address !== undefined) order.push(address)
  }
  return order
}
