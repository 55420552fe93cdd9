/**
 * In which order the addresses of a name are tried, and which families are of use (RFC 6724, RFC 8305 4).
 *
 * @module
 */
import type { IpAddress } from '../../address/ip-address.ts'
import { sortDestinations } from '../../address/selection.ts'
import type { Stack } from '../../contract/stack.ts'

/** Families in which the stack has an address that reaches beyond its link; IPv4 when it has none at all. */
export function usableFamilies(stack: Stack): readonly (4 | 6)[] {
  const own = stack.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address))
  const families = ([6, 4] as const).filter((family) =>
    own.some((address) => address.family === family && !(family === 6 && address.isLinkLocal)),
  )
  return families.length === 0 ? [4] : families
}

/** Sorted, those that can be reached first; then the families in turn, the better one first, so that a broken family costs one attempt. */
export function orderDestinations(stack: Stack, addresses: readonly IpAddress[]): IpAddress[] {
  const sorted = sortDestinations(addresses, (address) => stack.sourceFor(address))
  const isReachable = (address: IpAddress): boolean => stack.sourceFor(address) !== null
  return [...interleaved(sorted.filter(isReachable)), ...interleaved(sorted.filter((address) => !isReachable(address)))]
}

function interleaved(sorted: readonly IpAddress[]): IpAddress[] {
  const first = sorted.filter(({ family }) => family === sorted[0]?.family)
  const second = sorted.filter(({ family }) => family !== sorted[0]?.family)
  const order: IpAddress[] = []
  for (let index = 0; index < Math.max(first.length, second.length); index++) {
    for (const address of [first[index], second[index]]) if (address !== undefined) order.push(address)
  }
  return order
}
