/**
 * A station on a link that does only what a test tells it: it sends frames made by hand and keeps what it receives, checked. It answers ARP
 * for its address, unless told not to.
 *
 * @module
 */
import {
  createBatch,
  type FrameBatch,
  type FramePool,
  type Link,
  type LinkSink,
  NO_OFFLOAD,
  type Offload,
  pushFrame,
  readFrame,
} from '@ioth/core'
import { ARP_REPLY, ARP_REQUEST, type ArpPacket } from '../wire/arp.ts'
import { buildArp, ipWord, type Station } from './packet-builder.ts'
import { type CheckedFrame, checkFrame } from './packet-checker.ts'

export class ScriptedPeer implements LinkSink {
  readonly accepts: Offload = NO_OFFLOAD
  readonly station: Station
  /** What came and was not taken yet, without ARP. */
  readonly received: CheckedFrame[] = []
  readonly arp: ArpPacket[] = []
  answersArp = true
  /** Whether it answers for every address, as a proxy would. */
  answersForAll = false
  private readonly link: Link
  private readonly pool: FramePool

  constructor(link: Link, pool: FramePool, station: Station) {
    this.link = link
    this.pool = pool
    this.station = station
    link.attach(this)
  }

  /** Sends one frame; it arrives in a later step of the scheduler. */
  send(frame: Uint8Array): void {
    const at = this.pool.take(frame.length)
    if (at < 0) throw new Error('the frame pool is exhausted')
    this.pool.bytes.set(frame, at)
    const batch = createBatch(this.pool, 1)
    pushFrame(batch, at, frame.length)
    if (this.link.send(batch) === 0) this.pool.release(at)
  }

  /** All that came, in order; nothing is left. */
  take(): CheckedFrame[] {
    return this.received.splice(0)
  }

  frames(batch: FrameBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const octets = new Uint8Array(batch.headLength[i]! + batch.bodyLength[i]!)
      readFrame(batch, i, octets)
      const frame = checkFrame(octets)
      if (frame.arp === undefined) this.received.push(frame)
      else this.arpArrives(frame.arp)
    }
  }

  writable(): void {}

  changed(): void {}

  private arpArrives(packet: ArpPacket): void {
    this.arp.push(packet)
    const ours = packet.targetIp
    const isOurs = ours === ipWord(this.station.ip) || (this.answersForAll && ours !== packet.senderIp)
    if (!this.answersArp || packet.operation !== ARP_REQUEST || !isOurs || packet.senderIp === 0) return
    const { mac } = this.station
    const reply: ArpPacket = {
      operation: ARP_REPLY,
      senderMac: mac,
      senderIp: ours,
      targetMac: packet.senderMac,
      targetIp: packet.senderIp,
    }
    this.send(buildArp(reply, packet.senderMac))
  }
}
