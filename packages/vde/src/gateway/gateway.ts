/**
 * A gateway between a network and the world, without root: a stack that answers for every address, and sockets of the host that carry on what
 * nodes begin. With it come addresses (DHCP, router advertisements) and names (DNS).
 *
 * @module
 */
import { getServers } from 'node:dns'
import {
  type Cidr,
  defaultPool,
  defaultScheduler,
  type FramePool,
  formatCidr,
  type Interface,
  type InterfaceAddress,
  IpAddress,
  inPrefix,
  NetError,
  networkAddress,
  PROTO_ICMP,
  PROTO_ICMP6,
  PROTO_TCP,
  PROTO_UDP,
  parseCidr,
  parseIpAddress,
  parseMac,
  type Scheduler,
  type Stack,
} from '@ioth/core'
import { type DhcpServer, serveDhcp } from '@ioth/core/services'
import { createStack } from '@ioth/stack-ts'
import { listPorts, openVnl } from '../vnl/open-vnl.ts'
import { icmpError, reset, type Trouble } from './answers.ts'
import { DnsForwarder } from './dns-forwarder.ts'
import { EchoFlows } from './echo-flows.ts'
import { type Doorkeeper, FrontLink, type Verdict } from './front-link.ts'
import { openHostPing } from './host-ping.ts'
import { Names } from './names.ts'
import { ECHO_REQUEST, ECHO6_REQUEST, type Packet, ROUTER_SOLICITATION } from './packet.ts'
import { hostHasIpv6, RouterAdvertiser, uniqueLocalAddress } from './router-advertiser.ts'
import { type Rule, Rules } from './rules.ts'
import { TcpFlows } from './tcp-flows.ts'
import { UdpFlows } from './udp-flows.ts'
import { parseServer, type UpstreamServer } from './upstream.ts'

export interface GatewayOptions {
  /** The network's locator. @default the user's default network */
  readonly vnl?: string
  /** The gateway's own IPv4 address and network. @default '10.40.0.1/24' */
  readonly address?: string
  /** Its own IPv6 address and prefix, a /64; false: no IPv6. @default a unique local one that depends on user and network */
  readonly address6?: string | false
  /** First and last address that DHCP lends; false: no DHCP. @default a hundred of the network's addresses */
  readonly range?: readonly [string, string] | false
  /** Domain of the names of nodes. @default 'ioth.internal' */
  readonly domain?: string
  /** Name servers of the host to ask: `192.0.2.53`, `127.0.0.1:5353`, `[::1]:53`. @default those of the host's configuration */
  readonly dns?: readonly string[]
  /** What may be reached; the last rule that fits decides. @default everything but the host's own */
  readonly rules?: readonly Rule[]
  /** @default the thread's own */
  readonly scheduler?: Scheduler
  /** @default the thread's own */
  readonly pool?: FramePool
}

/** A gateway that runs. */
export interface Gateway extends AsyncDisposable {
  /** Its own addresses. */
  readonly addresses: readonly Cidr[]
  /** First and last address that DHCP lends; null: none. */
  readonly range: readonly [IpAddress, IpAddress] | null
  readonly domain: string
  /** The host's name servers that are asked. */
  readonly upstream: readonly UpstreamServer[]
  /** How pings go out; null: this host lets its user send none. */
  readonly pingWay: string | null
  /** Whether it leads to the IPv6 of the world: the host has some. */
  readonly hasIpv6: boolean
  readonly stack: Stack
  /** What went through, and what did not. */
  counters(): Readonly<Record<string, number>>
  /** Takes itself back from the network. Idempotent. */
  close(): Promise<void>
}

const DEFAULT_ADDRESS = '10.40.0.1/24'
const DEFAULT_DOMAIN = 'ioth.internal'
/** What nodes reach by the gateway's own address, when a rule opens it. */
const HOST_LOOPBACK = { 4: parseIpAddress('127.0.0.1'), 6: parseIpAddress('::1') } as const
/** Ports of the gateway's own address that are its services'. */
const SERVICE_PORTS: ReadonlySet<number> = new Set([53, 67])
/** Errors that a gateway tells in a second at most (RFC 1812 4.3.2.8). */
const ERRORS_PER_SECOND = 200
const SMALLEST_RANGE_PREFIX = 30

/**
 * Starts a gateway.
 * @throws NetError as `openVnl`; EADDRINUSE when somebody has its address; ERR_IOTH_CONFIG.
 */
export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const { vnl = '', domain = DEFAULT_DOMAIN, scheduler = defaultScheduler(), pool = defaultPool() } = options
  const own4 = parseCidr(options.address ?? DEFAULT_ADDRESS)
  const own6 = options.address6 === false ? null : parseCidr(options.address6 ?? uniqueLocalAddress(vnl))
  if (own4.address.family !== 4 || (own6 !== null && own6.address.family !== 6)) {
    throw configError('a gateway has one IPv4 address, and may have one IPv6 address')
  }
  if (own6 !== null && own6.prefixLength !== 64) {
    throw configError(`${formatCidr(own6)}: nodes make their addresses in a /64, and in no other prefix`)
  }
  const upstream = (options.dns ?? getServers()).map((text) => {
    const server = parseServer(text)
    if (server === null) throw configError(`"${text}" is no address of a name server, such as 192.0.2.53`)
    return server
  })
  const range = options.range === false ? null : rangeOf(own4, options.range)
  const link = await openVnl(vnl, { name: 'gateway', scheduler, pool })
  const front = new FrontLink(link, { scheduler, pool })
  const addresses = own6 === null ? [own4] : [own4, own6]
  let stack: Stack
  try {
    stack = await createStack({
      scheduler,
      pool,
      name: 'gateway',
      interfaces: [{ link: front, addresses: addresses.map(formatCidr) }],
      settings: { anyAddress: true },
    })
  } catch (error) {
    await front.close()
    throw error
  }
  const running = new RunningGateway({
    stack,
    front,
    addresses,
    own6,
    range,
    domain,
    upstream,
    vnl,
    rules: options.rules ?? [],
  })
  await running.start()
  return running
}

interface Parts {
  readonly stack: Stack
  readonly front: FrontLink
  readonly addresses: readonly Cidr[]
  readonly own6: Cidr | null
  readonly range: readonly [IpAddress, IpAddress] | null
  readonly domain: string
  readonly upstream: readonly UpstreamServer[]
  readonly vnl: string
  readonly rules: readonly Rule[]
}

class RunningGateway implements Gateway, Doorkeeper {
  readonly addresses: readonly Cidr[]
  readonly range: Parts['range']
  readonly domain: string
  readonly upstream: readonly UpstreamServer[]
  readonly stack: Stack
  pingWay: string | null = null
  private readonly parts: Parts
  private readonly plug: Interface
  private readonly mac: Uint8Array
  private readonly rules: Rules
  private readonly tcp: TcpFlows
  private readonly udp: UdpFlows
  private readonly seen = { denied: 0, expired: 0, dropped: 0 }
  private echo: EchoFlows | null = null
  private dhcp: DhcpServer | null = null
  private dns: DnsForwarder | null = null
  private advertiser: RouterAdvertiser | null = null
  private errors = 0
  private errorsSince = 0
  private closing: Promise<void> | null = null

  constructor(parts: Parts) {
    const { stack, front } = parts
    this.parts = parts
    this.addresses = parts.addresses
    this.range = parts.range
    this.domain = parts.domain
    this.upstream = parts.upstream
    this.stack = stack
    this.plug = stack.interfaces[0] as Interface
    this.mac = parseMac(this.plug.mac)
    this.rules = new Rules(parts.rules)
    this.tcp = new TcpFlows({
      stack,
      admit: (syn) => front.admit(syn),
      refuse: (syn, error) => this.refuse(syn, error),
    })
    this.udp = new UdpFlows(stack)
  }

  get hasIpv6(): boolean {
    return this.parts.own6 !== null && hostHasIpv6()
  }

  /** Everything that the network asks of it. */
  async start(): Promise<void> {
    const { stack, front, range, own6, vnl, domain } = this.parts
    const own = this.addresses.map(({ address }) => address)
    try {
      const ping = await openHostPing()
      if (ping !== null) {
        this.pingWay = ping.way
        this.echo = new EchoFlows({ ping, mac: this.mac, say: (frame) => front.say(frame) })
      }
      const [own4] = own as [IpAddress]
      if (range !== null) this.dhcp = serveDhcp(stack, { range, gateway: own4, dns: [own4], search: [domain] })
      const names = new Names({
        domain,
        fixed: own.flatMap((address) => [
          { name: 'gateway', address },
          { name: 'host', address },
        ]),
        ports: () => listPorts(vnl),
        leases: () =>
          (this.dhcp?.leases ?? []).flatMap(({ name, address }) => (name === '' ? [] : [{ name, address }])),
      })
      this.dns = new DnsForwarder({ stack, addresses: own, names, upstream: () => this.upstream })
      if (own6 !== null) {
        const linkLocal = this.plug.addresses.find(({ address }: InterfaceAddress) => address.isLinkLocal)
        if (linkLocal === undefined) throw configError('the gateway has no link-local address')
        this.advertiser = new RouterAdvertiser({
          mac: this.mac,
          linkLocal: linkLocal.address,
          address: own6.address,
          domain,
          mtu: this.plug.mtu,
          isDefaultRouter: () => this.hasIpv6,
          say: (frame) => front.say(frame),
        })
      }
      front.open(this)
      // Not from the port table: there every flow through the gateway listens, too.
      front.introduce?.({
        backend: stack.backend,
        listening: ['53/tcp', '53/udp', ...(range === null ? [] : ['67/udp'])],
      })
    } catch (error) {
      await this.close()
      throw error
    }
  }

  counters(): Readonly<Record<string, number>> {
    const parts: Readonly<Record<string, Readonly<Record<string, number>> | undefined>> = {
      tcp: { ...this.tcp.counters, open: this.tcp.open },
      udp: { ...this.udp.counters, open: this.udp.open },
      echo: this.echo?.counters,
      dns: this.dns?.counters,
      dhcp: this.dhcp === null ? undefined : { ...this.dhcp.counters },
      advertisements: this.advertiser?.counters,
      packets: this.seen,
    }
    return Object.fromEntries(
      Object.entries(parts).flatMap(([part, counters]) =>
        Object.entries(counters ?? {}).map(([name, count]) => [`${part}.${name}`, count]),
      ),
    )
  }

  close(): Promise<void> {
    this.closing ??= this.end()
    return this.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async end(): Promise<void> {
    this.advertiser?.close()
    // A turn for the last advertisement.
    await new Promise((settle) => setImmediate(settle))
    this.tcp.close()
    this.udp.close()
    this.echo?.close()
    await this.dns?.close()
    await this.dhcp?.close()
    await this.stack.close()
  }

  // ---- what arrives ----

  arrives(packet: Packet, whole: () => Packet | null): Verdict {
    const { destination } = packet
    if (packet.protocol === PROTO_ICMP6 && packet.icmpType === ROUTER_SOLICITATION) this.advertiser?.solicited()
    if (isForMany(destination) || destination.isLinkLocal || isBroadcast(destination, this.addresses)) return 'pass'
    if (this.addresses.some(({ address }) => address.equals(destination))) return this.toUs(packet)
    // Somebody else on the network: whoever sends it this way is mistaken.
    if (this.addresses.some(({ address, prefixLength }) => inPrefix(destination, address, prefixLength)))
      return this.drop()
    if (destination.isLoopback || destination.isUnspecified) return 'pass'
    if (packet.ttl <= 1) return this.expired(packet, whole)
    return this.forward(packet, whole, destination)
  }

  /** The gateway's own address is also the host's loopback, as far as rules open it. */
  private toUs(packet: Packet): Verdict {
    const { protocol, destinationPort, family } = packet
    if ((protocol !== PROTO_TCP && protocol !== PROTO_UDP) || SERVICE_PORTS.has(destinationPort)) return 'pass'
    const loopback = HOST_LOOPBACK[family]
    if (!this.rules.allows(loopback, destinationPort)) return 'pass'
    return this.forward(packet, () => null, loopback)
  }

  /** @param to where the host sends it. */
  private forward(packet: Packet, whole: () => Packet | null, to: IpAddress): Verdict {
    const { protocol, destinationPort, icmpType } = packet
    if (protocol === PROTO_TCP) return this.forwardTcp(packet, to)
    if (protocol === PROTO_UDP) {
      if (this.udp.has(packet)) return 'pass'
      if (!this.rules.allows(to, destinationPort)) return this.deny(packet)
      return this.udp.dial(packet, to, () => this.tell(packet, 'port-unreachable')) ? 'pass' : this.drop()
    }
    const isEcho = protocol === PROTO_ICMP ? icmpType === ECHO_REQUEST : icmpType === ECHO6_REQUEST
    if (!isEcho || (protocol !== PROTO_ICMP && protocol !== PROTO_ICMP6)) return 'pass'
    if (!this.rules.allows(to, 0)) return this.deny(packet)
    // What comes in pieces is for the stack to join, which then says nothing in another's name: such pings are lost.
    const request = packet.isFragment || this.echo === null ? null : whole()
    if (request === null) return this.drop()
    this.echo?.ask(request, to)
    return 'drop'
  }

  private forwardTcp(packet: Packet, to: IpAddress): Verdict {
    if (!isOpening(packet)) return 'pass'
    const known = this.tcp.has(packet)
    if (known !== 'no') return known === 'waiting' ? 'drop' : 'pass'
    if (!this.rules.allows(to, packet.destinationPort)) return this.deny(packet)
    return this.tcp.dial(packet, () => this.parts.front.hold(), to) ? 'hold' : this.drop()
  }

  // ---- what is said about it ----

  private refuse(syn: Packet, { code }: NodeJS.ErrnoException): void {
    if (code === 'ENETUNREACH') this.tell(syn, 'network-unreachable')
    else if (code === 'EHOSTUNREACH' || code === 'ETIMEDOUT') this.tell(syn, 'host-unreachable')
    // Some stacks go on trying whatever they are told: a reset ends it for all.
    this.say(reset(syn, this.mac))
  }

  private deny(packet: Packet): Verdict {
    this.seen.denied++
    this.tell(packet, 'prohibited')
    if (packet.protocol === PROTO_TCP) this.say(reset(packet, this.mac))
    return 'drop'
  }

  private expired(packet: Packet, whole: () => Packet | null): Verdict {
    this.seen.expired++
    this.tell(whole() ?? packet, 'time-exceeded')
    return 'drop'
  }

  private drop(): Verdict {
    this.seen.dropped++
    return 'drop'
  }

  private tell(packet: Packet, trouble: Trouble): void {
    const own = this.addresses.find(({ address }) => address.family === packet.family)
    // RFC 1122 3.2.2: no error about an error.
    const isError =
      packet.family === 4
        ? packet.icmpType !== 0 && packet.icmpType !== ECHO_REQUEST
        : packet.icmpType > 0 && packet.icmpType < 128
    if (own === undefined || isError) return
    this.say(icmpError(packet, this.mac, own.address, trouble))
  }

  private say(frame: Uint8Array): void {
    const { now } = this.stack.scheduler.clock
    if (now - this.errorsSince > 1_000_000) {
      this.errorsSince = now
      this.errors = 0
    }
    if (this.errors++ < ERRORS_PER_SECOND) this.parts.front.say(frame)
  }
}

const TCP_FLAGS_AT = 13
const SYN = 0x02
const ACK = 0x10

function isOpening({ frame, transportAt }: Packet): boolean {
  return ((frame[transportAt + TCP_FLAGS_AT] as number) & (SYN | ACK)) === SYN
}

function isForMany(address: IpAddress): boolean {
  return address.isMulticast || (address.family === 4 && address.w3 === -1)
}

function isBroadcast(address: IpAddress, networks: readonly Cidr[]): boolean {
  return networks.some(
    ({ address: own, prefixLength }) =>
      own.family === 4 && inPrefix(address, own, prefixLength) && (address.w3 | (-1 << (32 - prefixLength))) === -1,
  )
}

/** A hundred addresses from the network's hundredth on, or its upper half where there are fewer. */
function rangeOf(own: Cidr, given: readonly [string, string] | undefined): readonly [IpAddress, IpAddress] {
  if (given !== undefined) return [parseIpAddress(given[0]), parseIpAddress(given[1])]
  if (own.prefixLength > SMALLEST_RANGE_PREFIX) {
    throw configError(`${formatCidr(own)} has no room for DHCP. Choose a larger network, or none: --no-dhcp`)
  }
  const base = networkAddress(own.address, own.prefixLength).w3
  const hosts = 2 ** (32 - own.prefixLength) - 2
  const first = hosts > 200 ? 100 : Math.ceil(hosts / 2)
  const last = Math.min(first + 99, hosts)
  return [IpAddress.v4(base + first), IpAddress.v4(base + last)]
}

function configError(message: string): NetError {
  return new NetError('ERR_IOTH_CONFIG', 'gateway', { message })
}
