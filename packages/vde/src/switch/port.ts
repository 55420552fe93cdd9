/**
 * A port of the switch: what its plug said of itself, and what was counted. How frames come and go is the matter of the kinds of ports.
 *
 * @module
 */
import { CHECKSUM_MISSING, type LinkUser, NO_OFFLOAD, type Offload, SEGMENT_ME } from '@ioth/core'
import type { Holder } from '../stream/control.ts'
import type { PlugOpening } from '../stream/opening.ts'
import type { RecordSpace } from '../stream/write-frame.ts'

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
  /** More frames for groups than a port may send in a second. */
  'drop.in.storm' = 0
  /** Of a VLAN that the port is not in. */
  'drop.in.vlan' = 0
  /** Shorter than an Ethernet header, or longer than anybody sends. */
  'drop.in.malformed' = 0
  /** The plug does not read fast enough. */
  'drop.out.queue-full' = 0
  /** The kernel did not take it: a VDE plug's socket has gone, or has no room for its length. */
  'drop.out.refused' = 0
  /** Longer than the plug's MTU. */
  'drop.out.too-long' = 0
  /** A super-segment whose headers do not allow to cut or sum it. */
  'drop.out.unfinishable' = 0
}

/** Records on their way to a plug. The protocol of the stream plug is also the form in which frames are handled inside the switch. */
export interface PortOutbox extends RecordSpace {
  /** Octets that wait. */
  readonly octets: number
  /** Whether so many octets more are within the limit. */
  room(octets: number): boolean
  /** Copies whole records. The caller has asked for {@link room}. */
  append(from: Uint8Array, start: number, end: number): void
  /** Begins to write what is queued. */
  write(): void
  /** Final: what was queued is lost. */
  close(): void
}

export abstract class Port {
  /** Changed only before it is open: a plug may ask for another one. */
  number: number
  abstract readonly outbox: PortOutbox
  readonly counters: PortCounters = new PortCounters()
  /** `opening` until the plug's first line is there. */
  state: 'opening' | 'open' | 'closed' = 'opening'
  opening: PlugOpening = { name: '', pid: 0, mtu: 0, accepts: NO_OFFLOAD, frames: false }
  /** Tick and time of its coming. */
  readonly sinceTick: number
  readonly since: number
  /** It stands in the list of ports that have something to write. */
  dirty = false

  accepts: Offload = NO_OFFLOAD
  /** What the plug said of its stack, if it did. */
  user: LinkUser = { backend: '', listening: [] }
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

  /** Frames for groups that it sent in a tick. */
  groupFrames = 0
  stormTick = 0

  constructor(setup: { number: number; tick: number; now: number }) {
    this.number = setup.number
    this.sinceTick = setup.tick
    this.since = setup.now
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

  /** Lets the process end although the plug is there. */
  abstract unref(): void

  get who(): Omit<Holder, 'mac'> {
    return { port: this.number, name: this.opening.name, pid: this.opening.pid }
  }
}
