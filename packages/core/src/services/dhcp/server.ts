/**
 * A DHCPv4 server (RFC 2131 4.3) on a UDP socket of any stack: leases from a range, with what a small network needs.
 *
 * Replies to clients without an address are broadcast, which RFC 2131 4.1 allows where a stack cannot send to an address that nobody
 * answers for yet.
 *
 * @module
 */
import { broadcastAddress, inPrefix, prefixToNetmask } from '../../address/cidr.ts'
import { ANY_V4, BROADCAST_V4, type IpAddress, toBytes } from '../../address/ip-address.ts'
import { type DatagramSocket, openDatagram } from '../../api/datagrams.ts'
import { addressOf } from '../../api/open-socket.ts'
import type { Interface, Stack } from '../../contract/stack.ts'
import { hasCode, NetError } from '../../errors/net-error.ts'
import { type Binding, LeaseTable } from './lease-table.ts'
import { BOOT_REPLY, BOOT_REQUEST, type DhcpMessage, parseDhcp, serializeDhcp } from './message.ts'
import {
  ACK,
  addressList,
  asciiText,
  DECLINE,
  DISCOVER,
  INFINITE,
  INFORM,
  NAK,
  nameList,
  OFFER,
  OPTION_BROADCAST,
  OPTION_CLIENT_ID,
  OPTION_DOMAIN_NAME,
  OPTION_DOMAIN_SEARCH,
  OPTION_HOST_NAME,
  OPTION_LEASE_TIME,
  OPTION_MESSAGE,
  OPTION_NAME_SERVER,
  OPTION_REBINDING_TIME,
  OPTION_RENEWAL_TIME,
  OPTION_REQUESTED_ADDRESS,
  OPTION_ROUTER,
  OPTION_SERVER_ID,
  OPTION_SUBNET_MASK,
  RELEASE,
  REQUEST,
  readAddress,
  readText,
  uint32,
} from './options.ts'
import { CLIENT_PORT, SERVER_PORT } from './packet.ts'

type Address = string | IpAddress

export interface DhcpServerOptions {
  /** First and last address to lend; both in the network of the interface. */
  readonly range: readonly [first: Address, last: Address]
  /** Default router. @default none */
  readonly gateway?: Address
  /** Name servers. @default none */
  readonly dns?: readonly Address[]
  /** Domains for names without dots; the first one is the clients' own. @default none */
  readonly search?: readonly string[]
  /** @default 3600; `Infinity`: for ever */
  readonly leaseSeconds?: number
  /** Whether an address that was never lent is pinged before it is offered (RFC 2131 4.3.1). @default true, where the stack can ping */
  readonly probe?: boolean
  /** Whose network is served. @default the stack's first one with an IPv4 address */
  readonly interface?: Interface
}

/** One lease of a server. */
export interface ServedLease {
  readonly address: IpAddress
  /** Hardware address, or the client's own identifier in hexadecimal. */
  readonly client: string
  /** What the client calls itself; nothing where it does not say. */
  readonly name: string
}

/** What came, and what became of it. */
export interface DhcpServerCounters {
  received: number
  dropped: number
  offered: number
  granted: number
  refused: number
  declined: number
  released: number
}

const PROBE_MS = 300
/** A range of more would take long to search. */
const LARGEST_RANGE = 65536
const LONGEST_IDENTIFIER = 64

/**
 * Serves DHCP on a stack that has an address in the network. Port 67 is taken until {@link DhcpServer.close}.
 *
 * ```ts
 * await using server = serveDhcp(stack, { range: ['10.0.0.100', '10.0.0.199'], gateway: '10.0.0.1', dns: ['10.0.0.1'] })
 * ```
 * @throws NetError EINVAL (a range outside of the network), EADDRINUSE, ERR_IOTH_NOT_IMPLEMENTED (no UDP, or no broadcast).
 */
export function serveDhcp(stack: Stack, options: DhcpServerOptions): DhcpServer {
  return new DhcpServer(stack, options)
}

export class DhcpServer implements AsyncDisposable {
  readonly counters: DhcpServerCounters = {
    received: 0,
    dropped: 0,
    offered: 0,
    granted: 0,
    refused: 0,
    declined: 0,
    released: 0,
  }
  private readonly stack: Stack
  private readonly address: IpAddress
  private readonly prefixLength: number
  private readonly seconds: number
  private readonly probes: boolean
  private readonly table: LeaseTable
  private readonly socket: DatagramSocket
  private readonly given: ReadonlyMap<number, Uint8Array>
  private readonly probing = new Set<number>()
  private readonly serving: Promise<void>
  private readonly closing = new AbortController()

  /** Use {@link serveDhcp}. */
  constructor(stack: Stack, options: DhcpServerOptions) {
    const { leaseSeconds = 3600, probe = stack.capabilities.ping } = options
    const own = ownAddress(stack, options.interface)
    this.stack = stack
    this.address = own.address
    this.prefixLength = own.prefixLength
    if (!(leaseSeconds >= 1)) throw invalid(`leaseSeconds: ${leaseSeconds} is less than a second`)
    this.seconds = Math.min(Math.floor(leaseSeconds), INFINITE)
    this.probes = probe
    this.table = new LeaseTable(stack.scheduler.clock, this.rangeOf(options.range))
    this.given = givenOptions(own.address, own.prefixLength, options)
    this.socket = openDatagram(stack, { port: SERVER_PORT, family: 4 })
    try {
      this.socket.socket.setOption('broadcast', 1)
    } catch (error) {
      void this.socket.close()
      throw error
    }
    this.serving = this.serve()
  }

  /** The leases in force. */
  get leases(): readonly ServedLease[] {
    return Array.from(this.table.list(), ({ address, client, name }: Readonly<Binding>) => ({
      address,
      client: client as string,
      name,
    }))
  }

  /** Stops serving; leases that were granted go on at the clients. Idempotent. */
  async close(): Promise<void> {
    this.closing.abort()
    await this.socket.close()
    await this.serving
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async serve(): Promise<void> {
    try {
      for await (const { data } of this.socket) {
        this.counters.received++
        const message = parseDhcp(data)
        if (typeof message === 'string' || message.op !== BOOT_REQUEST) this.counters.dropped++
        else this.answer(message)
      }
    } catch {
      // The stack is closed, and the socket with it.
    }
  }

  private answer(message: DhcpMessage): void {
    const client = clientOf(message)
    const wanted = readAddress(message.options, OPTION_REQUESTED_ADDRESS)
    const server = readAddress(message.options, OPTION_SERVER_ID)
    const isForUs = server === null || server.equals(this.address)
    if (message.type === DISCOVER) this.discovered(message, client, wanted)
    else if (message.type === REQUEST && isForUs) this.requested(message, client, wanted, server !== null)
    else if (message.type === REQUEST) this.forget(client)
    else if (message.type === DECLINE && isForUs) this.declined(client, wanted)
    else if (message.type === RELEASE && isForUs) this.released(client, message.ciaddr)
    else if (message.type === INFORM) this.reply(message, ACK, null)
    else this.drop()
  }

  private declined(client: string, address: IpAddress | null): void {
    if (address === null || this.table.of(client)?.address.equals(address) !== true) {
      this.drop()
      return
    }
    this.counters.declined++
    this.table.rest(address)
  }

  private released(client: string, address: IpAddress): void {
    this.counters.released++
    this.table.release(client, address)
  }

  private discovered(message: DhcpMessage, client: string, wanted: IpAddress | null): void {
    const address = this.table.choose(client, wanted, (candidate) => this.isExcluded(candidate))
    if (address === null) this.drop()
    else if (!this.probes || this.table.isKnown(address)) this.offer(message, client, address)
    else void this.offerWhenSilent(message, client, address)
  }

  private offer(message: DhcpMessage, client: string, address: IpAddress): void {
    this.table.offer(client, address)
    this.counters.offered++
    this.reply(message, OFFER, address)
  }

  /** RFC 2131 4.3.1: an address that answers is somebody's. */
  private async offerWhenSilent(message: DhcpMessage, client: string, address: IpAddress): Promise<void> {
    const word = address.w3
    this.probing.add(word)
    try {
      await this.stack.ping(address, { timeoutMs: PROBE_MS, signal: this.closing.signal })
      this.table.rest(address)
      if (!this.closing.signal.aborted) this.discovered(message, client, null)
    } catch (error) {
      if (this.closing.signal.aborted || hasCode(error, 'ENETDOWN')) return
      if (this.table.isFree(address)) this.offer(message, client, address)
    } finally {
      this.probing.delete(word)
    }
  }

  /** RFC 2131 4.3.2, table 4. */
  private requested(message: DhcpMessage, client: string, wanted: IpAddress | null, isSelecting: boolean): void {
    const address = message.ciaddr.isUnspecified ? wanted : message.ciaddr
    if (address === null) {
      this.drop()
      return
    }
    const own = this.table.of(client)
    const isOwn = own?.address.equals(address) === true
    // A client from before a restart of ours keeps its address, if it is one of ours and nobody else's.
    const isFromBefore = !isSelecting && own === null && this.table.isFree(address)
    if ((isOwn || isFromBefore) && this.isServable(address)) {
      this.grant(message, client, address)
      return
    }
    this.counters.refused++
    this.reply(message, NAK, null)
  }

  private grant(message: DhcpMessage, client: string, address: IpAddress): void {
    const seconds = this.seconds === INFINITE ? Number.POSITIVE_INFINITY : this.seconds
    this.table.grant(client, address, seconds, readText(message.options, OPTION_HOST_NAME) ?? '')
    this.counters.granted++
    this.reply(message, ACK, address)
  }

  /** It chose another server: what we offered is free again. */
  private forget(client: string): void {
    const own = this.table.of(client)
    if (own !== null && !own.isGranted) this.table.release(client, own.address)
  }

  private isServable(address: IpAddress): boolean {
    return this.table.isInRange(address) && !address.equals(this.address)
  }

  private isExcluded(address: IpAddress): boolean {
    return address.equals(this.address) || this.probing.has(address.w3)
  }

  private reply(message: DhcpMessage, type: number, yiaddr: IpAddress | null): void {
    const options = new Map<number, Uint8Array>([[OPTION_SERVER_ID, toBytes(this.address)]])
    if (type === NAK) options.set(OPTION_MESSAGE, asciiText('this address is not for you'))
    else for (const [code, value] of this.given) options.set(code, value)
    if (yiaddr !== null) {
      options.set(OPTION_LEASE_TIME, uint32(this.seconds))
      if (this.seconds !== INFINITE) {
        options.set(OPTION_RENEWAL_TIME, uint32(Math.floor(this.seconds / 2)))
        options.set(OPTION_REBINDING_TIME, uint32(Math.floor(this.seconds * 0.875)))
      }
    }
    const { xid, mac, giaddr, ciaddr, broadcast } = message
    const octets = serializeDhcp({
      op: BOOT_REPLY,
      type,
      xid,
      mac,
      giaddr,
      broadcast,
      ciaddr: type === NAK ? ANY_V4 : ciaddr,
      yiaddr: yiaddr ?? ANY_V4,
      options,
    })
    // RFC 2131 4.1: to the relay; else, but for a NAK, to the address the client has; else to all.
    const [host, port] = !giaddr.isUnspecified
      ? [giaddr, SERVER_PORT]
      : ciaddr.isUnspecified || type === NAK
        ? [BROADCAST_V4, CLIENT_PORT]
        : [ciaddr, CLIENT_PORT]
    // A reply that cannot be sent is one that was lost: the client asks again.
    this.socket.send(octets, { host, port }).catch(() => this.drop())
  }

  private drop(): void {
    this.counters.dropped++
  }

  private rangeOf([first, last]: DhcpServerOptions['range']): { first: IpAddress; last: IpAddress } {
    const range = { first: addressOf(first, 'range'), last: addressOf(last, 'range') }
    const { address, prefixLength } = this
    const isInside = inPrefix(range.first, address, prefixLength) && inPrefix(range.last, address, prefixLength)
    const size = (range.last.w3 >>> 0) - (range.first.w3 >>> 0) + 1
    if (!isInside || size < 1) {
      throw invalid(`range: ${first} to ${last} is no range in the network of ${address}/${prefixLength}`)
    }
    if (size > LARGEST_RANGE) throw invalid(`range: ${size} addresses are more than ${LARGEST_RANGE}`)
    return range
  }
}

/** RFC 2131 4.2: the identifier that the client sends, else its hardware address. */
function clientOf({ options, mac }: DhcpMessage): string {
  const identifier = options.get(OPTION_CLIENT_ID)
  if (identifier === undefined || identifier.length < 2 || identifier.length > LONGEST_IDENTIFIER) return mac
  const digits = Array.from(identifier, (octet) => octet.toString(16).padStart(2, '0'))
  // Hardware type 1 and the hardware address: what most clients send.
  return digits[0] === '01' && digits.slice(1).join(':') === mac ? mac : digits.join('')
}

function givenOptions(
  address: IpAddress,
  prefixLength: number,
  { gateway, dns = [], search = [] }: DhcpServerOptions,
): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>([[OPTION_SUBNET_MASK, toBytes(prefixToNetmask(prefixLength))]])
  const broadcast = broadcastAddress(address, prefixLength)
  if (broadcast !== null) options.set(OPTION_BROADCAST, toBytes(broadcast))
  if (gateway !== undefined) options.set(OPTION_ROUTER, toBytes(addressOf(gateway, 'gateway')))
  if (dns.length > 0) options.set(OPTION_NAME_SERVER, addressList(dns.map((each) => addressOf(each, 'dns'))))
  if (search[0] !== undefined) options.set(OPTION_DOMAIN_NAME, asciiText(search[0]))
  if (search.length > 0) options.set(OPTION_DOMAIN_SEARCH, nameList(search))
  return options
}

function ownAddress(stack: Stack, on: Interface | undefined): { address: IpAddress; prefixLength: number } {
  const interfaces = on === undefined ? stack.interfaces : [on]
  for (const { addresses } of interfaces) {
    const own = addresses.find(({ address }) => address.family === 4)
    if (own !== undefined) return own
  }
  throw new NetError('EADDRNOTAVAIL', 'dhcp', { message: 'a DHCP server needs an IPv4 address of its own' })
}

function invalid(message: string): NetError {
  return new NetError('EINVAL', 'serveDhcp', { message })
}
