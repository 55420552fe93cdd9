/**
 * The switching fabric: frames come in at one port and leave at others.
 *
 * Frames are never taken apart into objects. The records of one read that go to the same port as they are form a run, and a run is copied
 * to that port's outbox in one piece; each port that got something is written to once at the end of the read.
 *
 * @module
 */
import {
  ARP_HARDWARE,
  ARP_LENGTH,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  type FramePool,
  formatMac,
  fromBytes,
  SEGMENT_ME,
  TCP_DATA_OFFSET,
} from '@ioth/core'
import {
  flagsOf,
  KIND_FRAME,
  kindOf,
  lengthOf,
  MAX_FRAME,
  RECORD_HEADER,
  recordFault,
  segmentSizeOf,
  transportAtOf,
  UNFINISHED,
  writeFrameHeader,
} from '../stream/record.ts'
import { inputBytes, inputView } from '../stream/stream-input.ts'
import type { AddressRegister } from './address-register.ts'
import { FrameFinisher } from './frame-finisher.ts'
import type { MacTable } from './mac-table.ts'
import type { Port } from './port.ts'
import type { StreamPort } from './stream-port.ts'
import { copyTagged, copyUntagged, hasTag, tagOf, VlanTable } from './vlan.ts'

/** ARP for IPv4 over Ethernet (RFC 826): hardware type, protocol type, and both address lengths. */
const ARP_ETHERNET = 0x0001_0800
const ARP_LENGTHS = 0x0604

/** In the upper 16 bits of a MAC address: it is a group's (IEEE 802 8.2). */
const GROUP = 0x100

/** Takes what is no frame. */
export interface RecordHandler {
  /** A control message. */
  control(port: Port, text: string): void
  /** Something that is no record: nothing more can be read from this port. */
  fault(port: Port, reason: string): void
}

/** Someone who is shown all frames. */
interface Watcher {
  readonly port: StreamPort
  /** Whose frames it was shown last. */
  from: Port | null
}

/** A name, and what is around it, in a control message. */
const MAX_INTRODUCTION = 1_024

export class Fabric {
  /** Ports that take frames, in no particular order. */
  readonly ports: Port[] = []
  readonly macs: MacTable
  readonly addresses: AddressRegister
  /** The switch's count of time. */
  tick = 0
  /** Frames that went to all ports, for their destination is a group or not known. */
  flooded = 0
  /** ARP messages that showed a second user of a claimed address. */
  addressConflicts = 0
  readonly vlans: VlanTable = new VlanTable()
  hub: boolean
  /** Frames for groups that a port may send in a tick. */
  stormLimit: number
  private readonly byNumber: (Port | undefined)[] = []
  private readonly handler: RecordHandler
  private readonly finisher: FrameFinisher
  private readonly dirty: Port[] = []
  private isAware = false
  private readonly watchers: Watcher[] = []
  /** A frame with its tag put in or left out, behind the room for its record's header. */
  private readonly changed: Uint8Array = new Uint8Array(RECORD_HEADER + MAX_FRAME + 4)
  private readonly changedView: DataView = new DataView(this.changed.buffer)

  constructor(setup: {
    macs: MacTable
    addresses: AddressRegister
    hub: boolean
    stormLimit: number
    pool: FramePool
    handler: RecordHandler
  }) {
    this.macs = setup.macs
    this.addresses = setup.addresses
    this.hub = setup.hub
    this.stormLimit = setup.stormLimit
    this.handler = setup.handler
    this.finisher = new FrameFinisher(setup.pool, (port) => this.soil(port))
  }

  port(number: number): Port | undefined {
    return this.byNumber[number]
  }

  add(port: Port): void {
    this.ports.push(port)
    this.byNumber[port.number] = port
    this.macs.version++
  }

  remove(port: Port): void {
    const index = this.ports.indexOf(port)
    if (index < 0) return
    this.ports.splice(index, 1)
    this.byNumber[port.number] = undefined
    this.macs.removePort(port.number)
    this.macs.version++
    this.addresses.removePort(port.number)
  }

  /** Works off the records in the input memory. @returns where an incomplete one begins. */
  receive(port: Port, from: number, end: number): number {
    let at = from
    let runFrom = at
    let runFrames = 0
    let runTo: Port | null = null
    while (end - at >= RECORD_HEADER && port.state === 'open') {
      const first = inputView.getInt32(at)
      const second = inputView.getInt32(at + 4)
      const fault = recordFault(first, second)
      const next = at + RECORD_HEADER + lengthOf(second)
      if (fault === null && next > end) break
      const frame = fault === null && kindOf(first) === KIND_FRAME
      if (frame && this.watchers.length > 0) this.show(port, at, next)
      const to = frame ? this.route(port, at, first, second) : null
      if (to !== runTo) {
        if (runTo !== null) this.append(runTo, runFrom, at, runFrames)
        runTo = to
        runFrom = at
        runFrames = 0
      }
      if (to !== null) runFrames++
      else if (frame) this.distribute(port, at, next, first, second)
      else if (fault === null) this.handler.control(port, text(at + RECORD_HEADER, next))
      else this.handler.fault(port, fault)
      at = next
    }
    if (runTo !== null) this.append(runTo, runFrom, at, runFrames)
    return Math.min(at, end)
  }

  /** From now on this connection is shown every frame that comes in, each with the port it came from. */
  watch(port: StreamPort): void {
    if (!this.watchers.some((each) => each.port === port)) this.watchers.push({ port, from: null })
  }

  /** What a watcher does not read fast enough it does not see; nobody waits for it. */
  private show(from: Port, at: number, next: number): void {
    for (let index = this.watchers.length - 1; index >= 0; index--) {
      const watcher = this.watchers[index] as Watcher
      const { port } = watcher
      if (port.state !== 'open') {
        this.watchers.splice(index, 1)
        continue
      }
      if (!port.outbox.room(next - at + 2 * RECORD_HEADER + MAX_INTRODUCTION)) {
        port.counters['drop.out.queue-full']++
        continue
      }
      if (watcher.from !== from) {
        watcher.from = from
        const { name, pid } = from.who
        port.outbox.control({ type: 'from', port: from.number, name, pid })
      }
      port.outbox.append(inputBytes, at, next)
      port.counters['out.frames']++
      this.soil(port)
    }
  }

  /** Writes what {@link receive} and others queued. */
  flush(): void {
    const { dirty } = this
    for (const port of dirty) {
      port.dirty = false
      port.outbox.write()
    }
    dirty.length = 0
  }

  /** This port has something to write. */
  soil(port: Port): void {
    if (port.dirty) return
    port.dirty = true
    this.dirty.push(port)
  }

  /** Learns from a frame. @returns the one port that gets it as it is, or null when there is more to do. */
  private route(port: Port, at: number, first: number, second: number): Port | null {
    const frame = at + RECORD_HEADER
    const length = lengthOf(second)
    port.counters['in.frames']++
    port.counters['in.octets'] += length
    if (!port.opening.frames) return null
    const high = inputView.getUint16(frame + ETH_SOURCE)
    const low = inputView.getInt32(frame + ETH_SOURCE + 2)
    if ((high & GROUP) !== 0 || this.isAware) return null
    if (low !== port.sourceLow || high !== port.sourceHigh || port.sourceTick !== this.tick) {
      this.learn(port, high, low, 0)
    }
    if (inputView.getUint16(frame + ETH_TYPE) === ETHERTYPE_ARP) this.snoop(port, frame, length, 0)
    const to = this.lookUp(port, inputView.getUint16(frame), inputView.getInt32(frame + 2))
    if (to === null || to === port) return null
    const flags = flagsOf(first)
    return to.takes(flags, length, payloadOf(frame, flags, length, transportAtOf(second))) ? to : null
  }

  /** @param vlan each learns for itself; 0: there is none. */
  private learn(port: Port, high: number, low: number, vlan: number): void {
    port.sourceHigh = high
    port.sourceLow = low
    port.sourceTick = this.tick
    if (!this.hub) this.macs.learn(high | (vlan << 16), low, port.number, this.tick)
  }

  /** To be called when {@link vlans} has changed: what was learnt holds no more. */
  vlansChanged(): void {
    this.isAware = this.vlans.isUsed
    this.macs.expire(Number.POSITIVE_INFINITY)
    for (const port of this.ports) {
      port.sourceTick = -1
      this.addresses.move(port.number, this.vlanOf(port))
    }
  }

  /** The VLAN that a port's addresses belong to; 0: there are none. */
  vlanOf(port: Port): number {
    return this.isAware ? this.vlans.of(port.number).untagged : 0
  }

  /** A port may not drown the others in frames for groups. */
  private isStorm(port: Port): boolean {
    if (port.stormTick !== this.tick) {
      port.stormTick = this.tick
      port.groupFrames = 0
    }
    if (++port.groupFrames <= this.stormLimit) return false
    port.counters['drop.in.storm']++
    return true
  }

  /** The port behind which a destination is; null: a group, or not known. */
  private lookUp(port: Port, high: number, low: number): Port | null {
    if (port.destinationLow !== low || port.destinationHigh !== high || port.destinationVersion !== this.macs.version) {
      const number = (high & GROUP) === 0 && !this.hub ? this.macs.find(high, low) : -1
      port.destinationHigh = high
      port.destinationLow = low
      port.destinationVersion = this.macs.version
      port.destination = number < 0 ? null : (this.byNumber[number] ?? null)
    }
    return port.destination
  }

  /** A frame that is not simply copied to one port. */
  private distribute(port: Port, at: number, next: number, first: number, second: number): void {
    if (!port.opening.frames) return
    const frame = at + RECORD_HEADER
    if ((inputView.getUint16(frame + ETH_SOURCE) & GROUP) !== 0) {
      port.counters['drop.in.bad-source']++
      return
    }
    if (this.isAware) {
      this.distributeInVlan(port, at, next, first, second)
      return
    }
    const high = inputView.getUint16(frame)
    const to = this.lookUp(port, high, inputView.getInt32(frame + 2))
    if (to === port) {
      port.counters['drop.in.same-port']++
    } else if (to !== null) {
      this.deliver(to, at, next, first, second)
    } else if ((high & GROUP) === 0 || !this.isStorm(port)) {
      this.flooded++
      for (const each of this.ports) if (each !== port) this.deliver(each, at, next, first, second)
    }
  }

  /** The same for a switch with VLANs: no frame leaves at a port that is not in its VLAN. */
  private distributeInVlan(port: Port, at: number, next: number, first: number, second: number): void {
    const frame = at + RECORD_HEADER
    const length = lengthOf(second)
    const own = this.vlans.of(port.number)
    const tag = tagOf(inputView, frame, length)
    const vlan = tag === 0 ? own.untagged : tag
    // A tag for nothing but priority would have to be kept apart from the VLAN: such frames are rare, and few read them.
    if (tag < 0 || (tag === 0 && hasTag(inputView, frame)) || (tag > 0 && !own.tagged.has(tag))) {
      port.counters['drop.in.vlan']++
      return
    }
    const sourceHigh = inputView.getUint16(frame + ETH_SOURCE)
    this.learn(port, sourceHigh, inputView.getInt32(frame + ETH_SOURCE + 2), vlan)
    if (tag === 0 && inputView.getUint16(frame + ETH_TYPE) === ETHERTYPE_ARP) this.snoop(port, frame, length, vlan)
    const high = inputView.getUint16(frame)
    const known =
      (high & GROUP) === 0 && !this.hub ? this.macs.find(high | (vlan << 16), inputView.getInt32(frame + 2)) : -1
    const to = known < 0 ? undefined : this.byNumber[known]
    if (to === port) {
      port.counters['drop.in.same-port']++
    } else if (to !== undefined) {
      this.deliverInVlan(to, at, next, first, second, vlan, tag !== 0)
    } else if ((high & GROUP) === 0 || !this.isStorm(port)) {
      this.flooded++
      for (const each of this.ports) {
        if (each !== port) this.deliverInVlan(each, at, next, first, second, vlan, tag !== 0)
      }
    }
  }

  private deliverInVlan(
    to: Port,
    at: number,
    next: number,
    first: number,
    second: number,
    vlan: number,
    isTagged: boolean,
  ): void {
    const { untagged, tagged } = this.vlans.of(to.number)
    const asAccess = untagged === vlan
    if (!asAccess && !tagged.has(vlan)) return
    if (asAccess !== isTagged) {
      this.deliver(to, at, next, first, second)
      return
    }
    const { changed, changedView } = this
    const flags = flagsOf(first)
    // What is unfinished is so without a tag: a plug that tags its frames finishes them.
    if ((flags & UNFINISHED) !== 0) {
      if (isTagged) to.counters['drop.out.unfinishable']++
      else
        this.finisher.deliver(
          to,
          at + RECORD_HEADER,
          lengthOf(second),
          flags,
          segmentSizeOf(first),
          transportAtOf(second),
          vlan,
        )
      return
    }
    const from = at + RECORD_HEADER
    const length = isTagged
      ? copyUntagged(inputBytes, from, lengthOf(second), changed)
      : copyTagged(inputBytes, from, lengthOf(second), vlan, changed)
    if (length > to.longest) {
      to.counters['drop.out.too-long']++
      return
    }
    if (!to.outbox.room(RECORD_HEADER + length)) {
      to.counters['drop.out.queue-full']++
      return
    }
    writeFrameHeader(changedView, 0, length, flags, 0, 0)
    to.outbox.append(changed, 0, RECORD_HEADER + length)
    to.counters['out.frames']++
    to.counters['out.octets'] += length
    this.soil(to)
  }

  private deliver(to: Port, at: number, next: number, first: number, second: number): void {
    const flags = flagsOf(first)
    const length = lengthOf(second)
    if (to.takes(flags, length, payloadOf(at + RECORD_HEADER, flags, length, transportAtOf(second)))) {
      this.append(to, at, next, 1)
    } else if ((flags & SEGMENT_ME) === 0 && length > to.longest) {
      to.counters['drop.out.too-long']++
    } else {
      this.finisher.deliver(to, at + RECORD_HEADER, length, flags, segmentSizeOf(first), transportAtOf(second))
    }
  }

  /** Copies records to a port, as many as it has room for. */
  private append(to: Port, from: number, end: number, frames: number): void {
    const { counters, outbox } = to
    if (outbox.room(end - from)) {
      outbox.append(inputBytes, from, end)
      counters['out.frames'] += frames
      counters['out.octets'] += end - from - frames * RECORD_HEADER
    } else if (frames === 1) {
      counters['drop.out.queue-full']++
    } else {
      for (let at = from; at < end; ) {
        const next = at + RECORD_HEADER + lengthOf(inputView.getInt32(at + 4))
        this.append(to, at, next, 1)
        at = next
      }
    }
    this.soil(to)
  }

  /** ARP tells who uses an address; claimed ones are known better. */
  private snoop(port: Port, frame: number, length: number, vlan: number): void {
    const arp = frame + ETHERNET_HEADER
    if (length < ETHERNET_HEADER + ARP_LENGTH || inputView.getInt32(arp + ARP_HARDWARE) !== ARP_ETHERNET) return
    if (inputView.getUint16(arp + 4) !== ARP_LENGTHS || inputView.getInt32(arp + ARP_SENDER_IP) === 0) return
    const address = fromBytes(inputBytes, arp + ARP_SENDER_IP, 4).toString()
    const mac = formatMac(inputBytes, arp + ARP_SENDER_MAC)
    if (!this.addresses.see(address, port.number, mac, this.tick, vlan)) this.addressConflicts++
  }
}

/** Octets of payload in a super-segment; 0 of other frames. */
function payloadOf(frame: number, flags: number, length: number, transportAt: number): number {
  if ((flags & SEGMENT_ME) === 0) return 0
  return length - transportAt - (inputView.getUint8(frame + transportAt + TCP_DATA_OFFSET) >>> 4) * 4
}

function text(from: number, to: number): string {
  return Buffer.from(inputBytes.buffer, inputBytes.byteOffset + from, to - from).toString()
}
