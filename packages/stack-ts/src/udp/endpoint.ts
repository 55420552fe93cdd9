/**
 * One end of UDP: a port, perhaps an address, perhaps a fixed peer, and the datagrams nobody has read yet. They are kept by reference to
 * the frames they came in, in a ring that is made with the first one.
 *
 * @module
 */
import type { DatagramSink, FramePool, IpAddress } from '@ioth/core'
import type { Network, Unreachable } from '../ip/network.ts'
import type { Packet } from '../ip/packet.ts'

/** Who uses an endpoint: a socket. */
export interface EndpointUser {
  readable(): void
  writable(): void
  reported(code: Unreachable): void
  /** Whether a datagram to a group is wanted from its source: a membership may name sources. */
  wants(packet: Packet): boolean
}

const AT = 0
const LENGTH = 1
const SOURCE_PORT = 2
const COLUMNS = 3
const FIRST_CAPACITY = 8
/** What a datagram costs beside its octets. */
const OVERHEAD = 128

/** Which families an endpoint takes datagrams of. */
export interface Families {
  readonly v4: boolean
  readonly v6: boolean
}

export class UdpEndpoint {
  families: Families
  port: number
  /** Null: all of ours, groups among them. */
  address: IpAddress | null = null
  private addressKey = 0
  /** Octets that wait at most, with {@link OVERHEAD} for each datagram. */
  limit: number
  remote: IpAddress | null = null
  remotePort = 0
  private remoteKey = 0
  count = 0
  private readonly pool: FramePool
  private readonly user: EndpointUser
  private ring = new Int32Array(0)
  /** Beside the ring: the addresses of each. */
  private sources: IpAddress[] = []
  private destinations: IpAddress[] = []
  private capacity = 0
  private first = 0
  private charged = 0

  constructor(families: Families, pool: FramePool, port: number, limit: number, user: EndpointUser) {
    this.families = families
    this.pool = pool
    this.port = port
    this.limit = limit
    this.user = user
  }

  /** How well a packet fits: -1 not at all, more for a fixed peer than for a fixed address. */
  score(packet: Packet, sourcePort: number): number {
    const { address, remote, families } = this
    const { network } = packet
    if (!(network.family === 4 ? families.v4 : families.v6)) return -1
    let score = 0
    if (remote !== null) {
      if (this.remotePort !== sourcePort || this.remoteKey !== packet.source) return -1
      if (network.family === 6 && !network.sourceOf(packet).equals(remote)) return -1
      score += 2
    }
    if (address !== null) {
      if (this.addressKey !== packet.destination) return -1
      score += 1
    }
    return packet.group && !this.user.wants(packet) ? -1 : score
  }

  isConnection(local: IpAddress, remote: IpAddress, remotePort: number): boolean {
    const { address } = this
    if (this.remote === null || this.remotePort !== remotePort || !this.remote.equals(remote)) return false
    return address === null || address.equals(local)
  }

  /** Keeps a datagram; false when the queue is full. */
  deliver(at: number, length: number, source: IpAddress, destination: IpAddress, sourcePort: number): boolean {
    if (this.count > 0 && this.charged + length + OVERHEAD > this.limit) return false
    if (this.count === this.capacity) this.enlarge()
    const index = (this.first + this.count) & (this.capacity - 1)
    const place = index * COLUMNS
    this.ring[place + AT] = at
    this.ring[place + LENGTH] = length
    this.sources[index] = source
    this.destinations[index] = destination
    this.ring[place + SOURCE_PORT] = sourcePort
    this.pool.retain(at)
    this.charged += length + OVERHEAD
    this.count++
    this.user.readable()
    return true
  }

  /** Shows datagrams, each consumed before the sink sees it. @returns how many. */
  take(max: number, sink: DatagramSink): number {
    const { pool } = this
    let shown = 0
    while (shown < max && this.count > 0) {
      const place = this.first * COLUMNS
      const at = this.ring[place + AT]!
      const length = this.ring[place + LENGTH]!
      const from = this.sources[this.first] as IpAddress
      const to = this.destinations[this.first] as IpAddress
      const port = this.ring[place + SOURCE_PORT]!
      this.first = (this.first + 1) & (this.capacity - 1)
      this.count--
      this.charged -= length + OVERHEAD
      shown++
      let goOn = false
      try {
        goOn = sink.datagram(pool.bytes, at, length, from, port, to)
      } finally {
        pool.release(at)
      }
      if (!goOn) break
    }
    return shown
  }

  /** Another port, while it receives nothing; what arrived at the old one is kept. */
  move(families: Families, port: number): void {
    this.families = families
    this.port = port
  }

  /** Takes what is sent to one address, or to all of ours (null). @param network of the address. */
  settle(address: IpAddress | null, network: Network): void {
    this.address = address
    this.addressKey = address === null ? 0 : network.keyOf(address)
  }

  /** Fixes the peer, or frees it (null). @param network of the peer. */
  fix(remote: IpAddress | null, remotePort: number, network: Network | null): void {
    this.remote = remote
    this.remotePort = remotePort
    this.remoteKey = network === null || remote === null ? 0 : network.keyOf(remote)
  }

  report(code: Unreachable): void {
    this.user.reported(code)
  }

  writable(): void {
    this.user.writable()
  }

  clear(): void {
    while (this.count > 0) {
      this.pool.release(this.ring[this.first * COLUMNS + AT]!)
      this.first = (this.first + 1) & (this.capacity - 1)
      this.count--
    }
    this.charged = 0
  }

  private enlarge(): void {
    const capacity = Math.max(FIRST_CAPACITY, this.capacity * 2)
    const ring = new Int32Array(capacity * COLUMNS)
    const tail = this.ring.subarray(this.first * COLUMNS)
    ring.set(tail)
    ring.set(this.ring.subarray(0, this.first * COLUMNS), tail.length)
    this.ring = ring
    this.sources = [...this.sources.slice(this.first), ...this.sources.slice(0, this.first)]
    this.destinations = [...this.destinations.slice(this.first), ...this.destinations.slice(0, this.first)]
    this.capacity = capacity
    this.first = 0
  }
}
