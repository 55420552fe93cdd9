/**
 * A DHCPv4 client (RFC 2131 4.4) without input and output of its own: packets and time go in, packets and the lease come out. The same
 * machine serves a stack that has it built in, and a library beside whose link it stands.
 *
 * ```
 *   INIT -> SELECTING -> REQUESTING -> CHECKING -> BOUND -> RENEWING -> REBINDING
 *    ^___________|____________|___________|___________________|____________|      no answer, NAK, conflict, or the lease is over
 * ```
 *
 * Departures: the first DISCOVER leaves at once instead of after 1 to 10 s, the first acceptable offer is taken, and the address from
 * before is not asked for again (INIT-REBOOT).
 *
 * @module
 */
import { ANY_V4, BROADCAST_V4, type IpAddress, toBytes } from '../../address/ip-address.ts'
import { formatMac } from '../../address/mac.ts'
import { Timer } from '../../contract/clock.ts'
import type { Scheduler } from '../../contract/scheduler.ts'
import { hasCode } from '../../errors/net-error.ts'
import { uniform, uniformInteger } from '../../time/random.ts'
import { type DhcpLease, readLease } from './lease.ts'
import { BOOT_REPLY, BOOT_REQUEST, type DhcpMessage, parseDhcp, serializeDhcp } from './message.ts'
import {
  ACK,
  asciiText,
  DECLINE,
  DISCOVER,
  NAK,
  OFFER,
  OPTION_CLASSLESS_ROUTES,
  OPTION_CLIENT_ID,
  OPTION_DOMAIN_NAME,
  OPTION_DOMAIN_SEARCH,
  OPTION_HOST_NAME,
  OPTION_LEASE_TIME,
  OPTION_MAX_MESSAGE,
  OPTION_NAME_SERVER,
  OPTION_PARAMETERS,
  OPTION_REBINDING_TIME,
  OPTION_RENEWAL_TIME,
  OPTION_REQUESTED_ADDRESS,
  OPTION_ROUTER,
  OPTION_SERVER_ID,
  OPTION_SUBNET_MASK,
  RELEASE,
  REQUEST,
  readAddress,
} from './options.ts'
import { buildDhcpPacket, readDhcpPacket } from './packet.ts'

/** The states of RFC 2131 4.4, INIT-REBOOT and REBOOTING aside; CHECKING: the address is ours unless someone else answers for it. */
export type DhcpState =
  | 'STOPPED'
  | 'INIT'
  | 'SELECTING'
  | 'REQUESTING'
  | 'CHECKING'
  | 'BOUND'
  | 'RENEWING'
  | 'REBINDING'

/** The interface that the client works for. */
export interface DhcpClientHost {
  readonly scheduler: Pick<Scheduler, 'clock' | 'random'>
  /** Six octets. */
  readonly hardware: Uint8Array
  /** Told to the server as the host's name; `''`: nothing is told. */
  readonly hostName: string
  /** Sends an IPv4 packet to a station; six octets of 0xff: to all. */
  transmit(packet: Uint8Array, station: Uint8Array): void
  /** Makes the address ours. @throws NetError EADDRINUSE when someone else has it. */
  acquire(lease: DhcpLease): Promise<void>
  /** The lease is in force: the first one of its address, or the same address with new times and perhaps other routers and servers. */
  obtained(lease: DhcpLease, isRenewal: boolean): void
  /** The lease is over, or was taken back: the address must not be used any more. Not called for an address that {@link acquire} refused. */
  lost(lease: DhcpLease): void
  /** A packet was dropped; the reason as in `drop.dhcp.reason`. */
  dropped(reason: string): void
}

const SECOND = 1_000_000
// RFC 2131 4.1: 4 s, doubled up to 64 s, each with a random second more or less.
const FIRST_RETRY = 4
const LAST_RETRY = 64
/** RFC 2131 4.4.1 lets a client ask about four times before it begins anew. */
const REQUESTS = 4
/** RFC 2131 3.1.5: at least ten seconds after a DECLINE. */
const AFTER_DECLINE = 10
/** After a NAK; doubled with each one that follows, so that a server that refuses everything is not asked all the time. */
const AFTER_NAK = 1
/** RFC 2131 4.4.5: not oftener than once a minute while renewing. */
const LEAST_RENEWAL = 60
/** The host's largest DHCP message: what fits an Ethernet frame. */
const LARGEST_MESSAGE = 1472
const EVERYBODY = Uint8Array.of(255, 255, 255, 255, 255, 255)
const WANTED = Uint8Array.of(
  OPTION_SUBNET_MASK,
  OPTION_CLASSLESS_ROUTES,
  OPTION_ROUTER,
  OPTION_NAME_SERVER,
  OPTION_DOMAIN_NAME,
  OPTION_DOMAIN_SEARCH,
  OPTION_LEASE_TIME,
  OPTION_RENEWAL_TIME,
  OPTION_REBINDING_TIME,
)

export class DhcpClient extends Timer {
  state: DhcpState = 'STOPPED'
  /** The lease in force; null before the first one and after the last. */
  lease: DhcpLease | null = null
  private readonly host: DhcpClientHost
  private readonly mac: string
  private xid = 0
  private startedAt = 0
  /** RFC 2131 4.4.1: a REQUEST says the same as the DISCOVER before it. */
  private secs = 0
  private retry = FIRST_RETRY
  private sent = 0
  private refusals = 0
  private offer: DhcpLease | null = null
  /** When the request left that the server granted (RFC 2131 4.4.1: the lease counts from then). */
  private requestedAt = 0
  private grantedAt = 0
  private serverStation: Uint8Array = EVERYBODY
  /** Told apart from one that began before a stop. */
  private attempt = 0

  constructor(host: DhcpClientHost) {
    super()
    this.host = host
    this.mac = formatMac(host.hardware)
  }

  start(): void {
    if (this.state === 'STOPPED') this.init(0)
  }

  /** Gives the address back to the server, if there is one, and does nothing more. {@link DhcpClientHost.lost} is not called. */
  stop(): void {
    const { lease } = this
    if (lease !== null) this.tellServer(RELEASE, lease)
    this.leave()
  }

  /** Does nothing more, and leaves the lease to somebody else of the same hardware address. {@link DhcpClientHost.lost} is not called. */
  leave(): void {
    this.host.scheduler.clock.disarm(this)
    this.state = 'STOPPED'
    this.lease = null
    this.offer = null
    this.attempt++
  }

  /** Somebody else uses our address, and the stack has given it up. */
  conflict(): void {
    const { lease } = this
    if (lease === null) return
    this.lease = null
    this.tellServer(DECLINE, lease)
    this.host.lost(lease)
    this.init(AFTER_DECLINE)
  }

  /**
   * Takes an IPv4 packet that may be for a DHCP client.
   * @param station six octets: who sent the frame.
   * @param trusted its checksums are known to be right, or left out.
   */
  take(packet: Uint8Array, station: Uint8Array, trusted: boolean): void {
    const read = readDhcpPacket(packet, trusted)
    const message = typeof read === 'string' ? read : parseDhcp(read.message)
    const reason = typeof message === 'string' ? message : this.consider(message, station)
    if (reason !== null) this.host.dropped(reason)
  }

  override fire(): void {
    const { lease } = this
    const { now } = this.host.scheduler.clock
    if (lease !== null) {
      if (now >= this.moment(lease.seconds)) this.expire(lease)
      else this.renew(lease)
    } else if (this.state === 'INIT') {
      this.discover()
    } else if (this.state === 'SELECTING') {
      this.sendDiscover()
    } else if (this.state === 'REQUESTING') {
      if (this.sent >= REQUESTS) this.init(0)
      else this.sendRequest()
    }
  }

  // ---------- input ----------

  /** @returns why the message is dropped, or null. */
  private consider(message: DhcpMessage, station: Uint8Array): string | null {
    if (message.op !== BOOT_REPLY) return 'op'
    if (message.mac !== this.mac) return 'chaddr'
    if (message.xid !== this.xid || this.state === 'STOPPED' || this.state === 'INIT') return 'xid'
    const server = readAddress(message.options, OPTION_SERVER_ID)
    if (server === null) return 'server'
    switch (message.type) {
      case OFFER:
        return this.state === 'SELECTING' ? this.offered(message) : 'state'
      case ACK:
        return this.acknowledged(message, station)
      case NAK:
        return this.refused(server)
      default:
        return 'type'
    }
  }

  private offered(message: DhcpMessage): string | null {
    const offer = readLease(message)
    if (typeof offer === 'string') return offer
    this.offer = offer
    this.state = 'REQUESTING'
    this.sent = 0
    this.retry = FIRST_RETRY
    this.sendRequest()
    return null
  }

  private acknowledged(message: DhcpMessage, station: Uint8Array): string | null {
    const asked = this.state === 'REQUESTING' ? this.offer : this.lease
    if (asked === null || !['REQUESTING', 'RENEWING', 'REBINDING'].includes(this.state)) return 'state'
    const lease = readLease(message)
    if (typeof lease === 'string') return lease
    if (!lease.address.equals(asked.address)) return 'address'
    // While rebinding, any server may answer.
    if (this.state !== 'REBINDING' && !lease.server.equals(asked.server)) return 'server'
    this.serverStation = station.slice()
    this.grantedAt = this.requestedAt
    if (this.state === 'REQUESTING') void this.check(lease)
    else this.bind(lease)
    return null
  }

  /** RFC 2131 3.1.4, 4.4.5: begin anew. */
  private refused(server: IpAddress): string | null {
    const asked = this.state === 'REQUESTING' ? this.offer : this.lease
    if (asked === null || !['REQUESTING', 'RENEWING', 'REBINDING'].includes(this.state)) return 'state'
    if (this.state !== 'REBINDING' && !server.equals(asked.server)) return 'server'
    const { lease } = this
    this.lease = null
    if (lease !== null) this.host.lost(lease)
    this.init(Math.min(AFTER_NAK * 2 ** this.refusals++, LAST_RETRY))
    return null
  }

  // ---------- the way to a lease ----------

  /** Begins anew after so many seconds. */
  private init(after: number): void {
    const { clock } = this.host.scheduler
    this.state = 'INIT'
    this.offer = null
    if (after === 0) this.discover()
    else clock.arm(this, clock.now + after * SECOND)
  }

  private discover(): void {
    const { clock, random } = this.host.scheduler
    this.state = 'SELECTING'
    this.xid = random.int32() >>> 0
    this.startedAt = clock.now
    this.sent = 0
    this.retry = FIRST_RETRY
    this.sendDiscover()
  }

  private sendDiscover(): void {
    this.secs = this.elapsed()
    this.broadcast(DISCOVER, ANY_V4, [])
    this.again()
  }

  private sendRequest(): void {
    const { address, server } = this.offer as DhcpLease
    this.requestedAt = this.host.scheduler.clock.now
    this.broadcast(REQUEST, ANY_V4, [
      [OPTION_REQUESTED_ADDRESS, toBytes(address)],
      [OPTION_SERVER_ID, toBytes(server)],
    ])
    this.again()
  }

  /** Arms the timer for the next try. */
  private again(): void {
    const { clock, random } = this.host.scheduler
    this.sent++
    const jitter = 2 * uniform(random) - 1
    clock.arm(this, clock.now + Math.round((this.retry + jitter) * SECOND))
    this.retry = Math.min(2 * this.retry, LAST_RETRY)
  }

  /** RFC 2131 4.4.1: the client should probe the address before it uses it. */
  private async check(lease: DhcpLease): Promise<void> {
    const attempt = ++this.attempt
    this.state = 'CHECKING'
    this.host.scheduler.clock.disarm(this)
    try {
      await this.host.acquire(lease)
    } catch (error) {
      if (attempt !== this.attempt) return
      if (hasCode(error, 'EADDRINUSE')) this.tellServer(DECLINE, lease)
      this.init(AFTER_DECLINE)
      return
    }
    if (attempt !== this.attempt) return
    this.refusals = 0
    this.bind(lease)
  }

  private bind(lease: DhcpLease): void {
    const isRenewal = this.lease !== null
    this.lease = lease
    this.offer = null
    this.state = 'BOUND'
    this.host.obtained(lease, isRenewal)
    const { clock } = this.host.scheduler
    if (lease.seconds === Number.POSITIVE_INFINITY) clock.disarm(this)
    // RFC 2131 4.4.5: some randomness keeps clients that began together from renewing together.
    else clock.arm(this, this.moment(lease.renewAfter) - uniformInteger(this.host.scheduler.random, SECOND))
  }

  // ---------- keeping it ----------

  private renew(lease: DhcpLease): void {
    const { clock } = this.host.scheduler
    const isRebinding = clock.now >= this.moment(lease.rebindAfter)
    if (this.state === 'BOUND') {
      this.xid = this.host.scheduler.random.int32() >>> 0
      this.startedAt = clock.now
    }
    this.state = isRebinding ? 'REBINDING' : 'RENEWING'
    this.requestedAt = clock.now
    this.secs = this.elapsed()
    // RFC 2131 4.3.2: neither server nor requested address; the address stands in ciaddr.
    if (isRebinding) this.broadcast(REQUEST, lease.address, [])
    else this.unicast(REQUEST, lease, [])
    // RFC 2131 4.4.5: half of the time that is left until the next step, at least a minute.
    const until = this.moment(isRebinding ? lease.seconds : lease.rebindAfter)
    const pause = Math.max((until - clock.now) / 2, LEAST_RENEWAL * SECOND)
    clock.arm(this, Math.ceil(Math.min(clock.now + pause, until)))
  }

  private expire(lease: DhcpLease): void {
    this.lease = null
    this.host.lost(lease)
    this.init(0)
  }

  private elapsed(): number {
    return Math.min(Math.floor((this.host.scheduler.clock.now - this.startedAt) / SECOND), 0xffff)
  }

  /** A moment of the lease on the clock. */
  private moment(seconds: number): number {
    return this.grantedAt + seconds * SECOND
  }

  // ---------- output ----------

  /** DECLINE and RELEASE: nobody answers them. */
  private tellServer(type: typeof DECLINE | typeof RELEASE, lease: DhcpLease): void {
    this.xid = this.host.scheduler.random.int32() >>> 0
    const server: Option = [OPTION_SERVER_ID, toBytes(lease.server)]
    if (type === RELEASE) this.unicast(RELEASE, lease, [server])
    else this.broadcast(DECLINE, ANY_V4, [[OPTION_REQUESTED_ADDRESS, toBytes(lease.address)], server])
  }

  private broadcast(type: number, ciaddr: IpAddress, options: readonly Option[]): void {
    this.host.transmit(buildDhcpPacket(ciaddr, BROADCAST_V4, this.message(type, ciaddr, options)), EVERYBODY)
  }

  private unicast(type: number, { address, server }: DhcpLease, options: readonly Option[]): void {
    this.host.transmit(buildDhcpPacket(address, server, this.message(type, address, options)), this.serverStation)
  }

  private message(type: number, ciaddr: IpAddress, options: readonly Option[]): Uint8Array {
    const asks = type === DISCOVER || type === REQUEST
    const all = new Map<number, Uint8Array>([[OPTION_CLIENT_ID, Uint8Array.of(1, ...this.host.hardware)], ...options])
    if (asks) {
      all.set(OPTION_PARAMETERS, WANTED)
      all.set(OPTION_MAX_MESSAGE, Uint8Array.of(LARGEST_MESSAGE >> 8, LARGEST_MESSAGE & 255))
      const name = this.host.hostName.split('.', 1)[0] as string
      if (name !== '') all.set(OPTION_HOST_NAME, asciiText(name.slice(0, 63)))
    }
    const secs = asks ? this.secs : 0
    return serializeDhcp({ op: BOOT_REQUEST, type, xid: this.xid, secs, ciaddr, mac: this.mac, options: all })
  }
}

type Option = [code: number, value: Uint8Array]
