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

export class Echo {
  private readonly scheduler: Scheduler
  private readonly pool: FramePool
  private readonly pending = new Map<number, Pending>()

  constructor(scheduler: Scheduler, pool: FramePool) {
    this.scheduler = scheduler
    this.pool = pool
  }

  get size(): number {
    return this.pending.size
  }

  /** Registers a request, which holds the process until it is settled. @returns its identifier and sequence number in one word. */
  open(to: IpAddress, path: Path, timeoutMs: number, outcome: EchoOutcome): number {
    const { clock, random } = this.scheduler
    let id: number
    do id = random.int32()
    while (this.pending.has(id))
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

  answered(packet: Packet): void {
    const pending = this.pending.get(this.pool.view.getInt32(packet.at + ICMP_ID))
    if (pending === undefined) return
    const from = packet.network.sourceOf(packet)
    // An answer to a broadcast may come from anybody.
    if (!from.equals(pending.to) && !packet.network.isGroup(pending.to)) return
    pending.path.confirm()
    this.settle(pending, null, {
      microseconds: this.scheduler.clock.now - pending.sentAt,
      ttl: packet.ttl,
      size: packet.length - ICMP_HEADER,
      from,
    })
  }

  failed(error: ErrorReport): void {
    const pending = this.pending.get(this.pool.view.getInt32(error.at + ICMP_ID))
    if (pending === undefined || !pending.to.equals(error.remote)) return
    this.settle(pending, fail(error.code === 'ENETUNREACH' ? 'ENETUNREACH' : 'EHOSTUNREACH', pending.to), null)
  }

  clear(error: NetError): void {
    for (const pending of [...this.pending.values()]) this.settle(pending, error, null)
  }
}
