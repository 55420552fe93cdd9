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
const SOURCE = 2
const DESTINATION = 3
const SOURCE_PORT = 4
const COLUMNS = 5
const FIRST_CAPACITY = 8
/** What a datagram costs beside its octets. */
const OVERHEAD = 128

export class UdpEndpoint {
  readonly network: Network
  readonly port: number
  /** Null: all of ours, groups among them. */
  address: IpAddress | null
  /** Octets that wait at most, with {@link OVERHEAD} for each datagram. */
  limit: number
  remote: IpAddress | null = null
  remotePort = 0
  count = 0
  private readonly pool: FramePool
  private readonly user: EndpointUser
  private ring = new Int32Array(0)
  private capacity = 0
  private first = 0
  private charged = 0

  constructor(
    network: Network,
    pool: FramePool,
    address: IpAddress | null,
    port: number,
    limit: number,
    user: EndpointUser,
  ) {
    this.network = network
    this.pool = pool
    this.address = address
    this.port = port
    this.limit = limit
    this.user = user
  }

  /** How well a packet fits: -1 not at all, more for a fixed peer than for a fixed address. */
  score(packet: Packet, sourcePort: number): number {
    const { address, remote, network } = this
    if (network !== packet.network) return -1
    let score = 0
    if (remote !== null) {
      if (this.remotePort !== sourcePort || network.keyOf(remote) !== packet.source) return -1
      score += 2
    }
    if (address !== null) {
      if (network.keyOf(address) !== packet.destination) return -1
      score += 1
    }
    return packet.group && !this.user.wants(packet) ? -1 : score
  }

  isConnection(local: number, remote: number, remotePort: number): boolean {
    const { network, address } = this
    if (this.remote === null || this.remotePort !== remotePort || network.keyOf(this.remote) !== remote) return false
    return address === null || network.keyOf(address) === local
  }

  /** Keeps a datagram; false when the queue is full. */
  deliver(at: number, length: number, source: number, destination: number, sourcePort: number): boolean {
    if (this.count > 0 && this.charged + length + OVERHEAD > this.limit) return false
    if (this.count === this.capacity) this.enlarge()
    const place = ((this.first + this.count) & (this.capacity - 1)) * COLUMNS
    this.ring[place + AT] = at
    this.ring[place + LENGTH] = length
    this.ring[place + SOURCE] = source
    this.ring[place + DESTINATION] = destination
    this.ring[place + SOURCE_PORT] = sourcePort
    this.pool.retain(at)
    this.charged += length + OVERHEAD
    this.count++
    this.user.readable()
    return true
  }

  /** Shows datagrams, each consumed before the sink sees it. @returns how many. */
  take(max: number, sink: DatagramSink): number {
    const { pool, network } = this
    let shown = 0
    while (shown < max && this.count > 0) {
      const place = this.first * COLUMNS
      const at = this.ring[place + AT]!
      const length = this.ring[place + LENGTH]!
      const from = network.addressOf(this.ring[place + SOURCE]!)
      const to = network.addressOf(this.ring[place + DESTINATION]!)
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

  /** Fixes the peer, or frees it (null). */
  fix(remote: IpAddress | null, remotePort: number): void {
    this.remote = remote
    this.remotePort = remotePort
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
    this.capacity = capacity
    this.first = 0
  }
}
