/**
 * An address for a program that names none: the first that is free on the network, beginning at a place that depends on the program's
 * name, so that it usually gets the same one again.
 *
 * @module
 */
import {
  broadcastAddress,
  formatCidr,
  hasCode,
  IpAddress,
  type Link,
  NetError,
  networkAddress,
  parseCidr,
} from '@ioth/core'

export interface ChooseAddressOptions {
  /** The MAC address of the interface that will have it. */
  readonly mac: string
  /** The program's name. */
  readonly name?: string
  /** Where to look: a network, or an address in it, which itself is not chosen. @default '10.40.0.0/24', what `-a 10.40.0.x` means */
  readonly network?: string
}

const DEFAULT_NETWORK = '10.40.0.0/24'
/** The first addresses of a network are for gateways, and for people who choose their own. */
const FIRST_HOST = 64

/**
 * Claims the first free address of a network and returns it in CIDR notation. Where the network keeps no register the address is a
 * proposal, and the stack's own detection of duplicates decides.
 * @throws NetError EADDRNOTAVAIL when all are taken; else as {@link Link.claim}.
 */
export async function chooseAddress(link: Link, options: ChooseAddressOptions): Promise<string> {
  const { mac, name = '', network = DEFAULT_NETWORK } = options
  const { address, prefixLength } = parseCidr(network)
  const base = networkAddress(address, prefixLength).w3
  const broadcast = broadcastAddress(address, prefixLength)
  if (broadcast === null)
    throw new NetError('EINVAL', 'address', { message: `${network} is no IPv4 network with room for hosts` })
  const hosts = (broadcast.w3 - base - 1) >>> 0
  const first = hosts > FIRST_HOST * 2 ? FIRST_HOST : 1
  const count = hosts - first + 1
  const start = hash(name) % count
  for (let step = 0; step < count; step++) {
    const candidate = IpAddress.v4(base + first + ((start + step) % count))
    if (candidate.equals(address)) continue
    try {
      await link.claim?.(candidate, mac)
      return formatCidr({ address: candidate, prefixLength })
    } catch (error) {
      if (!hasCode(error, 'EADDRINUSE')) throw error
    }
  }
  throw new NetError('EADDRNOTAVAIL', 'claim', {
    message: `all addresses of ${network} are taken. Choose one of another network: -a 10.41.0.1/24`,
  })
}

/** FNV-1a. */
function hash(text: string): number {
  let sum = 0x811c9dc5
  for (const octet of Buffer.from(text)) sum = Math.imul(sum ^ octet, 0x01000193)
  return sum >>> 0
}
