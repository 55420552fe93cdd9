/**
 * Echo requests that wait for their answers.
 *
 * @module
 */
import {
  type FramePool,
  ICMP_HEADER,
  ICMP_ID,
  type IpAddress,
  NetError,
  type PingRefusal,
  type PingReply,
  type Scheduler,
  Timer,
} from '@ioth/core'
import type { ErrorReport } from '../ip/network.ts'
import type { Packet } from '../ip/packet.ts'
import type { Path } from '../link/path.ts'

export type EchoOutcome = (error: NetError | null, reply: PingReply | null) => void

class Pending extends Timer {
  readonly id: number
  readonly to: IpAddress
  readonly path: Path
  readonly sentAt: number
  readonly outcome: EchoOutcome
  private readonly echo: Echo

  constructor(echo: Echo, id: number, to: IpAddress, path: Path, sentAt: number, outcome: EchoOutcome) {
    super()
    this.echo = echo
    this.id = id
    this.to = to
    this.path = path
    this.sentAt = sentAt
    this.outcome = outcome
  }

  override fire(): void {
    // A neighbour that has not answered by now is told apart from a host that keeps silent.
    this.echo.settle(this, fail(this.path.unresolved ? 'EHOSTUNREACH' : 'ETIMEDOUT', this.to), null)
  }
}

function fail(code: 'EHOSTUNREACH' | 'ENETUNREACH' | 'ETIMEDOUT', to: IpAddress): NetError {
  return new NetError(code, 'ping', { address: to.toString() })
}

function refused(code: 'EHOSTUNREACH' | 'ENETUNREACH', to: IpAddress, { from, expired }: ErrorReport): NetError {
  const cause: PingRefusal = { kind: expired ? 'time-exceeded' : 'unreachable', from: from as IpAddress }
  const message = `ping ${code} ${to}: ${from} says ${expired ? 'that its time to live is over' : 'that it cannot be reached'}`
  return new NetError(code, 'ping', { address: String(from), cause, message })
}

/** Requests that wait at the same time. */
const MOST = 0x4000

export class Echo {
  private readonly scheduler: Scheduler
  private readonly pool: FramePool
  private readonly pending = new Map<number, Pending>()
  /** RFC 792: tells the requests of this stack from those of others. A new one for every 65536 requests. */
  private identifier = 0
  private sequence = 0

  constructor(scheduler: Scheduler, pool: FramePool) {
    this.scheduler = scheduler
    this.pool = pool
  }

  get size(): number {
    return this.pending.size
  }

  /**
   * Registers a request, which holds the process until it is settled.
   * @returns its identifier and sequence number in one word.
   * @throws NetError ENOBUFS when too many are waiting.
   */
  open(to: IpAddress, path: Path, timeoutMs: number, outcome: EchoOutcome): number {
    const { clock } = this.scheduler
    if (this.pending.size >= MOST) throw new NetError('ENOBUFS', 'ping', { address: to.toString() })
    let id = this.nextId()
    while (this.pending.has(id)) id = this.nextId()
    const pending = new Pending(this, id, to, path, clock.now, outcome)
    this.pending.set(id, pending)
    clock.arm(pending, clock.now + timeoutMs * 1000)
    this.scheduler.hold()
    return id
  }

  /** Forgets a request without telling anybody. */
  cancel(id: number): void {
    const pending = this.pending.get(id)
    if (pending === undefined) return
    this.pending.delete(id)
    this.scheduler.clock.disarm(pending)
    this.scheduler.release()
  }

  settle(
    pending: { readonly id: number; readonly outcome: EchoOutcome },
    error: NetError | null,
    reply: PingReply | null,
  ): void {
    this.cancel(pending.id)
    pending.outcome(error, reply)
  }

  /** @returns whether somebody waited for it. */
  answered(packet: Packet): boolean {
    const pending = this.pending.get(this.pool.view.getInt32(packet.at + ICMP_ID))
    if (pending === undefined) return false
    const from = packet.network.sourceOf(packet)
    // An answer to a broadcast may come from anybody.
    if (!from.equals(pending.to) && !packet.network.isGroup(pending.to)) return false
    pending.path.confirm()
    this.settle(pending, null, {
      microseconds: this.scheduler.clock.now - pending.sentAt,
      ttl: packet.ttl,
      size: packet.payloadLength - ICMP_HEADER,
      from,
    })
    return true
  }

  /** A router, or the neighbour cache, says that a request did not arrive. @returns whether it is one of ours. */
  failed(error: ErrorReport): boolean {
    const pending = this.pending.get(this.pool.view.getInt32(error.at + ICMP_ID))
    if (pending === undefined || !pending.to.equals(error.remote)) return false
    const code = error.code === 'ENETUNREACH' ? 'ENETUNREACH' : 'EHOSTUNREACH'
    this.settle(pending, error.from === null ? fail(code, pending.to) : refused(code, pending.to, error), null)
    return true
  }

  private nextId(): number {
    this.sequence = (this.sequence + 1) & 0xffff
    if (this.sequence === 1) this.identifier = this.scheduler.random.int32() << 16
    return this.identifier | this.sequence
  }

  /** An interface is gone: nobody answers there. */
  interfaceRemoved(): void {
    for (const pending of [...this.pending.values()])
      if (!pending.path.valid) this.settle(pending, fail('EHOSTUNREACH', pending.to), null)
  }

  clear(error: NetError): void {
    for (const pending of [...this.pending.values()]) this.settle(pending, error, null)
  }
}
