/**
 * The DHCP client of an interface: core's keeper of leases on the port's frames.
 *
 * @module
 */
import { CHECKSUM_MISSING, CHECKSUM_VERIFIED, ETH_SOURCE, ETHERNET_HEADER, ETHERTYPE_IP4 } from '@ioth/core'
import { isForDhcpClient, type LeasedStack, LeaseKeeper, type LeaseWire } from '@ioth/core/dhcp'
import type { Counters } from './counters.ts'
import type { Events } from './events.ts'
import type { StackInterface } from './interface.ts'
import type { PacketTap, Port } from './link/port.ts'
import { macFromBytes } from './wire/ethernet.ts'

/** The stack of an interface that leases an address. */
export interface LeasingStack extends LeasedStack {
  readonly stats: Counters
  readonly events: Events
}

const MAC_LENGTH = 6
const CHECKSUMS_UNUSED = CHECKSUM_VERIFIED | CHECKSUM_MISSING

/** Makes the keeper of an interface's lease. */
export function leaseKeeper(stack: LeasingStack, on: StackInterface): LeaseKeeper {
  const frames = new LeaseFrames(stack.stats, on.port, on.link.name)
  frames.keeper = new LeaseKeeper(stack, on, frames, (event) => stack.events.emit(event))
  return frames.keeper
}

class LeaseFrames implements LeaseWire, PacketTap {
  readonly name: string
  keeper: LeaseKeeper | null = null
  private readonly stats: Counters
  private readonly port: Port

  constructor(stats: Counters, port: Port, name: string) {
    this.stats = stats
    this.port = port
    this.name = name
  }

  listen(isOn: boolean): void {
    this.port.tap = isOn ? this : null
  }

  takes(frame: number, at: number, length: number, body: number, bodyLength: number, flags: number): boolean {
    const { pool } = this.port
    if (!isForDhcpClient(pool.view, at, length)) return false
    const packet = new Uint8Array(length + bodyLength)
    packet.set(pool.bytes.subarray(at, at + length))
    packet.set(pool.bytes.subarray(body, body + bodyLength), length)
    const source = frame + ETH_SOURCE
    this.stats.dhcpIn++
    this.keeper?.take(packet, pool.bytes.slice(source, source + MAC_LENGTH), (flags & CHECKSUMS_UNUSED) !== 0)
    return true
  }

  transmit(packet: Uint8Array, station: Uint8Array): void {
    const { port } = this
    const length = ETHERNET_HEADER + packet.length
    const at = port.pool.take(length)
    if (at < 0) {
      this.dropped('pool')
      return
    }
    port.pool.bytes.set(packet, at + ETHERNET_HEADER)
    const { high, low } = macFromBytes(station)
    this.stats.dhcpOut++
    port.send(high, low, ETHERTYPE_IP4, at, length, 0, 0, 0, 0, 0)
  }

  dropped(reason: string): void {
    this.stats.drop(`dhcp.${reason}`)
  }
}
