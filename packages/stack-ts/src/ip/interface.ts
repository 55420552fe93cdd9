/**
 * An interface as IP sees it: a port, and how next hops behind it are found.
 *
 * @module
 */
import { BROADCAST_V4, ETHERTYPE_IP4, type Offload } from '@ioth/core'
import { Path } from '../link/path.ts'
import type { Port } from '../link/port.ts'
import type { Arp } from '../neighbor/arp.ts'
import { BROADCAST_MAC, type Mac } from '../wire/ethernet.ts'

export interface NetInterface {
  readonly index: number
  readonly name: string
  readonly port: Port
  /** Null on links without hardware addresses. */
  readonly arp: Arp | null
  /** The way to all stations of the link; on links without hardware addresses, the way to anybody. */
  readonly broadcast: Path
}

/** A path to a hardware address that needs no resolution: a broadcast, a group, or the far end of a point-to-point link. */
export class FixedPath extends Path {
  override valid = true
  override readonly unresolved: boolean = false
  private readonly port: Port
  private readonly to: Mac

  constructor(port: Port, to: Mac = BROADCAST_MAC) {
    super()
    this.port = port
    this.to = to
  }

  override get mtu(): number {
    return this.port.mtu
  }

  override get offload(): Offload {
    return this.port.link.offload
  }

  override get room(): number {
    return this.port.outbox.room
  }

  override get isBusy(): boolean {
    return this.port.isBusy
  }

  override transmit(
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    const { high, low } = this.to
    this.port.send(high, low, ETHERTYPE_IP4, at, headLength, body, bodyLength, flags, segmentSize, transportAt)
  }
}

export const LIMITED_BROADCAST: number = BROADCAST_V4.w3
