/**
 * The link between a gateway's stack and its network: shows the gateway each packet that begins something, before the stack sees it, and
 * lets the gateway hold packets back, bring them in later, and send frames of its own.
 *
 * @module
 */
import {
  CHECKSUM_MISSING,
  copyEntry,
  createBatch,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_IP6,
  type FrameBatch,
  type FramePool,
  frameBytes,
  frameLength,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  type Link,
  LinkWrapper,
  PROTO_ICMP6,
  pushFrame,
  releaseAll,
  retainFrame,
  type Scheduler,
  Task,
} from '@ioth/core'
import { HEADERS, isOfInterest, type Packet, parsePacket } from './packet.ts'

/** What to do about a packet: the stack gets it, nobody does, or it waits until {@link FrontLink.admit}. */
export type Verdict = 'pass' | 'drop' | 'hold'

/** The gateway behind a front link. */
export interface Doorkeeper {
  /** Called for each packet of interest. The packet's frame holds the headers only, unless `whole` was called. Must not throw. */
  arrives(packet: Packet, whole: () => Packet | null): Verdict
}

/** A frame that waits; it must be admitted or forgotten. */
export class HeldFrame {
  /** @internal One frame with the references to its pieces. */
  readonly batch: FrameBatch

  constructor(batch: FrameBatch) {
    this.batch = batch
  }

  forget(): void {
    releaseAll(this.batch)
  }
}

const NEIGHBOUR_ADVERTISEMENT = 136
const ROUTER_FLAG = 0x80
/** Frames of ours that wait for a turn. */
const MOST_WAITING = 1024

export class FrontLink extends LinkWrapper {
  private readonly pool: FramePool
  private readonly scheduler: Scheduler
  private doorkeeper: Doorkeeper | null = null
  private kept: FrameBatch | null = null
  private readonly admitted: HeldFrame[] = []
  private readonly said: Uint8Array[] = []
  private readonly job: Task
  /** The frame of the packet that {@link Doorkeeper.arrives} is asked about. */
  private current: { readonly batch: FrameBatch; readonly index: number } | null = null

  constructor(inner: Link, { scheduler, pool }: { readonly scheduler: Scheduler; readonly pool: FramePool }) {
    super(inner)
    this.scheduler = scheduler
    this.pool = pool
    this.job = new Task(() => this.work())
  }

  /** From now on packets are shown. */
  open(doorkeeper: Doorkeeper): void {
    this.doorkeeper = doorkeeper
  }

  /** Keeps the frame that was just shown, beyond the call. */
  hold(): HeldFrame {
    const { batch, index } = this.current as NonNullable<typeof this.current>
    const one = createBatch(batch.pool, 1)
    copyEntry(batch, index, one)
    retainFrame(one, 0)
    return new HeldFrame(one)
  }

  /** Gives a held frame to the stack, in a turn of its own. */
  admit(frame: HeldFrame): void {
    this.admitted.push(frame)
    this.scheduler.defer(this.job)
  }

  /** Sends a frame that the stack knows nothing of. */
  say(frame: Uint8Array): void {
    if (this.said.length >= MOST_WAITING) return
    this.said.push(frame)
    this.scheduler.defer(this.job)
  }

  frames(batch: FrameBatch): void {
    if (this.doorkeeper === null) {
      this.sink?.frames(batch)
      return
    }
    if (this.kept === null || this.kept.capacity < batch.count) this.kept = createBatch(batch.pool, batch.capacity)
    const { kept } = this
    kept.count = 0
    for (let index = 0; index < batch.count; index++) {
      if (this.verdict(this.doorkeeper, batch, index) === 'pass') copyEntry(batch, index, kept)
    }
    if (kept.count > 0) this.sink?.frames(kept)
  }

  private verdict(doorkeeper: Doorkeeper, batch: FrameBatch, index: number): Verdict {
    const head = batch.head[index] as number
    const headLength = batch.headLength[index] as number
    const isCut = headLength < HEADERS && batch.bodyLength[index] !== 0
    if (!isCut && !isOfInterest(batch.pool.bytes, head, headLength)) return 'pass'
    const headers = isCut
      ? frameBytes(batch, index)
      : batch.pool.bytes.slice(head, head + Math.min(headLength, HEADERS))
    const packet = parsePacket(headers)
    if (packet === null) return 'pass'
    this.current = { batch, index }
    try {
      return doorkeeper.arrives(packet, () => {
        const whole = parsePacket(frameBytes(batch, index))
        return whole !== null && whole.end <= frameLength(batch, index) ? whole : null
      })
    } finally {
      this.current = null
    }
  }

  protected sendFrames(batch: FrameBatch): void {
    for (let index = 0; index < batch.count; index++) markRouter(batch, index)
    this.outbox.send(batch)
  }

  /** @internal */
  work(): void {
    for (const frame of this.admitted.splice(0)) {
      this.sink?.frames(frame.batch)
      frame.forget()
    }
    if (this.said.length === 0) return
    const batch = createBatch(this.pool)
    for (const frame of this.said.splice(0, batch.capacity)) {
      const at = this.pool.take(frame.length)
      if (at < 0) continue
      this.pool.bytes.set(frame, at)
      pushFrame(batch, at, frame.length)
    }
    if (batch.count > 0) this.outbox.send(batch)
    if (this.said.length > 0) this.scheduler.defer(this.job)
  }

  override close(): Promise<void> {
    this.doorkeeper = null
    for (const frame of this.admitted.splice(0)) frame.forget()
    this.said.length = 0
    return super.close()
  }
}

/**
 * The stack is a host and says so when it tells its hardware address, and hosts would take it from their list of routers
 * (RFC 4861 7.2.5). The advertisement is fresh, nobody else looks at it yet.
 */
function markRouter(batch: FrameBatch, index: number): void {
  const { bytes, view } = batch.pool
  const at = batch.head[index] as number
  const icmp = at + ETHERNET_HEADER + IP6_HEADER
  if ((batch.headLength[index] as number) < ETHERNET_HEADER + IP6_HEADER + 8) return
  if (view.getUint16(at + ETH_TYPE) !== ETHERTYPE_IP6 || bytes[at + ETHERNET_HEADER + IP6_NEXT_HEADER] !== PROTO_ICMP6)
    return
  const flags = bytes[icmp + 4] as number
  if (bytes[icmp] !== NEIGHBOUR_ADVERTISEMENT || (flags & ROUTER_FLAG) !== 0) return
  bytes[icmp + 4] = flags | ROUTER_FLAG
  if (((batch.flags[index] as number) & CHECKSUM_MISSING) !== 0) return
  // RFC 1624: the sum of the message grew by 0x8000, so that of the checksum falls by it.
  const sum = (~view.getUint16(icmp + 2) & 0xffff) + 0x8000
  view.setUint16(icmp + 2, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff)
}
