/**
 * Router advertisements (RFC 4861 6.2) of a gateway: a unique local prefix (RFC 4193), the name server (RFC 8106), and itself as the default
 * router while the host has IPv6.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { formatCidr, IpAddress, inPrefix, networkAddress, parseIpAddress, toBytes } from '@ioth/core'
import { neighbourMessage } from './answers.ts'

export interface RouterAdvertiserOptions {
  /** Hardware and link-local address of the gateway. */
  readonly mac: Uint8Array
  readonly linkLocal: IpAddress
  /** The gateway's own address in the prefix, whose network is advertised. */
  readonly address: IpAddress
  readonly domain: string
  readonly mtu: number
  /** Whether the gateway leads to the IPv6 of the world now. */
  readonly isDefaultRouter: () => boolean
  readonly say: (frame: Uint8Array) => void
}

const ADVERTISEMENT = 134
const HOP_LIMIT = 64
const PREFIX_LENGTH = 64
/** Seconds. RFC 4861 6.2.1 has longer ones; those who renumber a network of their own do not want to wait for days. */
const VALID_SECONDS = 7200
const PREFERRED_SECONDS = 3600
const ROUTER_SECONDS = 1800
/** RFC 4861 6.2.4, 10: a few at the beginning, then seldom. */
const FIRST_MS = 4_000
const FIRST_COUNT = 3
const INTERVAL_MS = 120_000
const ALL_NODES = parseIpAddress('ff02::1')
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1)

export class RouterAdvertiser {
  readonly counters = { sent: 0 }
  private readonly options: RouterAdvertiserOptions
  private timer: NodeJS.Timeout | null = null
  private sent = 0

  constructor(options: RouterAdvertiserOptions) {
    this.options = options
    this.advertise()
  }

  /** Answers a solicitation. */
  solicited(): void {
    this.say(ROUTER_SECONDS)
  }

  /** The last one takes the router back (RFC 4861 6.2.5). */
  close(): void {
    clearTimeout(this.timer ?? undefined)
    this.say(0)
  }

  private advertise(): void {
    this.say(ROUTER_SECONDS)
    this.timer = setTimeout(() => this.advertise(), ++this.sent < FIRST_COUNT ? FIRST_MS : INTERVAL_MS)
    this.timer.unref()
  }

  private say(lifetime: number): void {
    const { mac, linkLocal, say } = this.options
    this.counters.sent++
    say(neighbourMessage(ALL_NODES_MAC, mac, linkLocal, ALL_NODES, this.message(lifetime)))
  }

  private message(lifetime: number): Uint8Array {
    const { mac, address, mtu, isDefaultRouter } = this.options
    const search = searchOption(this.options.domain)
    const octets = new Uint8Array(16 + 8 + 8 + 32 + 24 + search.length)
    const view = new DataView(octets.buffer)
    view.setUint8(0, ADVERTISEMENT)
    view.setUint8(4, HOP_LIMIT)
    view.setUint16(6, isDefaultRouter() ? lifetime : 0)
    // Source link-layer address
    octets.set([1, 1, ...mac], 16)
    // MTU
    octets.set([5, 1], 24)
    view.setUint32(28, mtu)
    // Prefix: on link, and for addresses
    octets.set([3, 4, PREFIX_LENGTH, 0xc0], 32)
    view.setUint32(36, VALID_SECONDS)
    view.setUint32(40, PREFERRED_SECONDS)
    octets.set(toBytes(networkAddress(address, PREFIX_LENGTH)), 48)
    // Name server
    octets.set([25, 3], 64)
    view.setUint32(68, VALID_SECONDS)
    octets.set(toBytes(address), 72)
    octets.set(search, 88)
    return octets
  }
}

/** RFC 8106 5.2. */
function searchOption(domain: string): Uint8Array {
  const labels = domain.split('.').flatMap((label) => [label.length, ...Buffer.from(label)])
  const octets = new Uint8Array(8 + Math.ceil((labels.length + 1) / 8) * 8)
  octets.set([31, octets.length / 8])
  new DataView(octets.buffer).setUint32(4, VALID_SECONDS)
  octets.set(labels, 8)
  return octets
}

const UNIQUE_LOCAL = parseIpAddress('fc00::')

/** Whether the host has an IPv6 address that is neither link-local nor unique local: then it most likely reaches the world. */
export function hostHasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    (addresses ?? []).some(({ family, internal, address }) => {
      if (internal || family !== 'IPv6') return false
      const parsed = parseIpAddress(address.split('%', 1)[0] as string)
      return !parsed.isLinkLocal && !parsed.isLoopback && !inPrefix(parsed, UNIQUE_LOCAL, 7)
    }),
  )
}

/** A unique local /64 (RFC 4193 3.2) that is the same whenever the same user serves the same network: `fdxx:xxxx:xxxx::1/64`. */
export function uniqueLocalAddress(network: string): string {
  const digest = createHash('sha256')
    .update(`ioth gateway ${process.getuid?.() ?? ''} ${network}`)
    .digest()
  digest[0] = 0xfd
  const address = new IpAddress(6, digest.readInt32BE(0), digest.readUInt16BE(4) << 16, 0, 1)
  return formatCidr({ address, prefixLength: PREFIX_LENGTH })
}
