/**
 * From four-tuple to what stands for it, in both families. IPv4 addresses are their own keys; the keys of IPv6 are hashes, so the whole
 * addresses are compared at the end. Two tuples of one key cannot stand in the table together: who comes second finds its place taken,
 * which happens once in four thousand million times.
 *
 * @module
 */
import type { IpAddress, Random } from '@ioth/core'
import type { Network } from '../ip/network.ts'
import type { Packet } from '../ip/packet.ts'
import { Demux } from './demux.ts'

export interface Tuple {
  readonly network: Network
  readonly local: IpAddress
  readonly localPort: number
  readonly remote: IpAddress
  readonly remotePort: number
}

export class TupleTable<Entry> {
  private readonly v4: Demux<Entry>
  private readonly v6: Demux<Entry>
  private readonly tupleOf: (entry: Entry) => Tuple

  constructor(random: Random, tupleOf: (entry: Entry) => Tuple) {
    this.v4 = new Demux(random)
    this.v6 = new Demux(random)
    this.tupleOf = tupleOf
  }

  get size(): number {
    return this.v4.size + this.v6.size
  }

  /** Whom the packet in hand belongs to. */
  find(packet: Packet, localPort: number, remotePort: number): Entry | null {
    const { network, source, destination } = packet
    if (network.family === 4) return this.v4.find(destination, localPort, source, remotePort)
    const entry = this.v6.find(destination, localPort, source, remotePort)
    if (entry === null) return null
    const { local, remote } = this.tupleOf(entry)
    return network.isBetween(packet, local, remote) ? entry : null
  }

  /** Who stands in the place of a tuple. */
  holder(network: Network, local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): Entry | null {
    return this.of(network).find(network.keyOf(local), localPort, network.keyOf(remote), remotePort)
  }

  /** @returns false when the place is taken. */
  insert(entry: Entry): boolean {
    const { network, local, localPort, remote, remotePort } = this.tupleOf(entry)
    return this.of(network).insert(network.keyOf(local), localPort, network.keyOf(remote), remotePort, entry)
  }

  remove(entry: Entry): void {
    const { network, local, localPort, remote, remotePort } = this.tupleOf(entry)
    this.of(network).remove(network.keyOf(local), localPort, network.keyOf(remote), remotePort)
  }

  /** All entries, as they are now. */
  list(): Entry[] {
    return this.v6.size === 0 ? this.v4.list() : [...this.v4.list(), ...this.v6.list()]
  }

  private of(network: Network): Demux<Entry> {
    return network.family === 4 ? this.v4 : this.v6
  }
}
