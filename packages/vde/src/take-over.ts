/**
 * Taking an address from whoever has it: a service that moves while the one before cannot be stopped.
 *
 * The network's register gives the address to the new owner, and the stack is told that nobody need be asked. It announces the address, the one
 * before defends it once (RFC 5227 2.4 b), is contradicted, and lets go. Peers that asked the one before in the meantime, and got an answer, are
 * told again. Of IPv6 the announcement overrides what peers know, and the one before keeps an address that nobody asks any more.
 *
 * @module
 */
import {
  Alarm,
  ARP_LENGTH,
  createBatch,
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  type FrameBatch,
  type FramePool,
  type IpAddress,
  type Link,
  LinkWrapper,
  parseIpAddress,
  parseMac,
  pushFrame,
  type Scheduler,
  toBytes,
} from '@ioth/core'
import { neighbourMessage } from './gateway/answers.ts'

interface Shared {
  readonly scheduler: Scheduler
  readonly pool: FramePool
}

/** When the address is announced again, in microseconds after the claim. */
const AGAIN = [300_000, 1_000_000, 3_000_000]
const ALL_NODES = parseIpAddress('ff02::1')
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1)
const NEIGHBOUR_ADVERTISEMENT = 136
const OVERRIDE = 0x20
const TARGET_LINK_ADDRESS = 2

/** A link whose claims are granted. */
export function takeOverLink(link: Link, shared: Shared): Link {
  return new TakeOver(link, shared)
}

class TakeOver extends LinkWrapper {
  override readonly claim: NonNullable<Link['claim']>
  private readonly shared: Shared
  private readonly alarms: Alarm[] = []

  constructor(inner: Link, shared: Shared) {
    super(inner)
    this.shared = shared
    this.claim = async (address: IpAddress, mac: string) => {
      await inner.claim?.(address, mac, true)
      if (this.type === 'ethernet') this.announceAgain(address, parseMac(mac))
      return true
    }
  }

  private announceAgain(address: IpAddress, mac: Uint8Array): void {
    const { clock } = this.shared.scheduler
    for (const after of AGAIN) {
      const alarm = new Alarm(() => this.say(announcement(address, mac)))
      this.alarms.push(alarm)
      clock.arm(alarm, clock.now + after)
    }
  }

  private say(frame: Uint8Array): void {
    const { pool } = this.shared
    const at = pool.take(frame.length)
    if (at < 0) return
    pool.bytes.set(frame, at)
    const batch = createBatch(pool, 1)
    pushFrame(batch, at, frame.length)
    this.outbox.send(batch)
  }

  protected sendFrames(batch: FrameBatch): void {
    this.outbox.send(batch)
  }

  frames(batch: FrameBatch): void {
    this.sink?.frames(batch)
  }

  override close(): Promise<void> {
    for (const alarm of this.alarms) this.shared.scheduler.clock.disarm(alarm)
    return super.close()
  }
}

/** RFC 5227 2.3, RFC 4861 7.2.6. */
function announcement(address: IpAddress, mac: Uint8Array): Uint8Array {
  if (address.family === 6) {
    const message = new Uint8Array(32)
    message[0] = NEIGHBOUR_ADVERTISEMENT
    message[4] = OVERRIDE
    message.set(toBytes(address), 8)
    message.set([TARGET_LINK_ADDRESS, 1, ...mac], 24)
    return neighbourMessage(ALL_NODES_MAC, mac, address, ALL_NODES, message)
  }
  const frame = new Uint8Array(ETHERNET_HEADER + ARP_LENGTH)
  const own = toBytes(address)
  frame.fill(0xff, 0, 6)
  frame.set(mac, 6)
  new DataView(frame.buffer).setUint16(12, ETHERTYPE_ARP)
  // Ethernet, IPv4, their lengths, request
  frame.set([0, 1, 8, 0, 6, 4, 0, 1, ...mac, ...own, 0, 0, 0, 0, 0, 0, ...own], ETHERNET_HEADER)
  return frame
}
