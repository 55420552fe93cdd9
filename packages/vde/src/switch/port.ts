/**
 * A port of the switch: one plug's connection, what it said of itself, and what was counted.
 *
 * @module
 */
import type { Socket } from 'node:net'
import { CHECKSUM_MISSING, NO_OFFLOAD, type Offload, SEGMENT_ME } from '@ioth/core'
import type { Holder } from '../stream/control.ts'
import type { PlugOpening } from '../stream/opening.ts'
import { Outbox } from '../stream/outbox.ts'
import { adopt } from '../stream/read-into.ts'
import { StreamInput } from '../stream/stream-input.ts'

/** Ethernet header and a VLAN tag: what a frame is longer than its packet. */
const FRAME_OVERHEAD = 18

/** What a port counted. Drops are of frames; those `in` were never forwarded, those `out` did not reach this port's plug. */
export class PortCounters {
  'in.frames' = 0
  'in.octets' = 0
  'out.frames' = 0
  'out.octets' = 0
  /** The destination is behind the port the frame came from. */
  'drop.in.same-port' = 0
  /** The source is a group address. */
  'drop.in.bad-source' = 0
  /** The plug does not read fast enough. */
  'drop.out.queue-full' = 0
  /** Longer than the plug's MTU. */
  'drop.out.too-long' = 0
  /** A super-segment whose headers do not allow to cut or sum it. */
  'drop.out.unfinishable' = 0
}

export class Port {
  readonly number: number
  readonly socket: Socket
  readonly input: StreamInput = new StreamInput()
  readonly outbox: Outbox
  readonly counters: PortCounters = new PortCounters()
  /** `opening` until the plug's first line is there. */
  state: 'opening' | 'open' | 'closed' = 'opening'
  opening: PlugOpening = { name: '', pid: 0, mtu: 0, accepts: NO_OFFLOAD, frames: false }
  /** Tick and time of its coming. */
  readonly sinceTick: number
  readonly since: number
  /** Ticks that went by since it was closed. */
  closingTicks = 0
  /** It stands in the list of ports that have something to write. */
  dirty = false

  accepts: Offload = NO_OFFLOAD
  /** Flags of frames this plug does not take. */
  private unfit = CHECKSUM_MISSING | SEGMENT_ME
  /** Longest frame it takes, super-segments aside. */
  longest = 0

  // The source and destination of the frame before: most frames repeat them.
  sourceHigh = -1
  sourceLow = 0
  sourceTick = 0
  destinationHigh = -1
  destinationLow = 0
  destinationVersion = -1
  destination: Port | null = null

  constructor(
    accepted: Socket,
    setup: {
      number: number
      tick: number
      now: number
      queueOctets: number
      received(port: Port, octets: number): boolean
    },
  ) {
    this.number = setup.number
    this.sinceTick = setup.tick
    this.since = setup.now
    this.socket = adopt(accepted, (octets) => setup.received(this, octets))
    this.outbox = new Outbox(this.socket, setup.queueOctets, () => {})
  }

  /** The plug has said what it is. */
  open(opening: PlugOpening): void {
    this.state = 'open'
    this.opening = opening
    this.longest = opening.mtu + FRAME_OVERHEAD
    this.take(opening.accepts)
  }

  /** What the plug takes from now on. */
  take(accepts: Offload): void {
    this.accepts = accepts
    this.unfit = (accepts.checksum ? 0 : CHECKSUM_MISSING) | (accepts.segment ? 0 : SEGMENT_ME)
  }

  /** Whether the plug can have a frame as it is. @param payload of a super-segment. */
  takes(flags: number, length: number, payload: number): boolean {
    if ((flags & this.unfit) !== 0) return false
    return (flags & SEGMENT_ME) === 0 ? length <= this.longest : payload <= this.accepts.maxSegment
  }

  get who(): Omit<Holder, 'mac'> {
    return { port: this.number, name: this.opening.name, pid: this.opening.pid }
  }
}
