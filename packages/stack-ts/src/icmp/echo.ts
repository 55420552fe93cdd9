/**
 * Echo requests that wait for their answers.
 *
 * @module
 */
import {
  type Clock,
  type FramePool,
  ICMP_HEADER,
  ICMP_ID,
  type IpAddress,
  NetError,
  type PingReply,
  type Random,
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
  private readonly clock: Clock
  private readonly random: Random
  private readonly pool: FramePool
  private readonly pending = new Map<number, Pending>()

  constructor(clock: Clock, random: Random, pool: FramePool) {
    this.clock = clock
    this.random = random
    this.pool = pool
  }

  get size(): number {
    return this.pending.size
  }

  /** Registers a request. @returns its identifier and sequence number in one word. */
  open(to: IpAddress, path: Path, timeoutMs: number, outcome: EchoOutcome): number {
    let id: number
    do id = this.random.int32()
    while (this.pending.has(id))
    const pending = new Pending(this, id, to, path, this.clock.now, outcome)
    this.pending.set(id, pending)
    this.clock.arm(pending, this.clock.now + timeoutMs * 1000)
    return id
  }

  /** Forgets a request without telling anybody. */
  cancel(id: number): void {
    const pending = this.pending.get(id)
    if (pending === undefined) return
    this.pending.delete(id)
    this.clock.disarm(pending)
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
    const from = packet.network.addressOf(packet.source)
    // An answer to a broadcast may come from anybody.
    if (!from.equals(pending.to) && !packet.network.isGroup(pending.to)) return
    this.settle(pending, null, {
      microseconds: this.clock.now - pending.sentAt,
      ttl: packet.ttl,
      size: packet.length - ICMP_HEADER,
      from,
    })
  }

  failed(error: ErrorReport): void {
    const pending = this.pending.get(this.pool.view.getInt32(error.at + ICMP_ID))
    if (pending === undefined || error.network.keyOf(pending.to) !== error.remote) return
    this.settle(pending, fail(error.code === 'ENETUNREACH' ? 'ENETUNREACH' : 'EHOSTUNREACH', pending.to), null)
  }

  clear(error: NetError): void {
    for (const pending of [...this.pending.values()]) this.settle(pending, error, null)
  }
}
