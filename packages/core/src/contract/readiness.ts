/**
 * Readiness: level-triggered, with an interest mask, queued in one place (the scheduler).
 *
 * A source raises and lowers its bits whenever its truth changes; an upcall is queued exactly while
 * `ready & interest` is not zero. Nothing here runs user code: upcalls happen in a turn of the scheduler.
 *
 * @module
 */
import type { Scheduler } from './scheduler.ts'

/** Bytes, an end of stream, a datagram or a connection can be taken. An error is readable too: the next read tells it. */
export const READABLE = 1
/** The socket is connected and at least a third of its send buffer is free. A failed socket is writable: the next write tells why. */
export const WRITABLE = 2
/** The socket failed; see {@link Endpoint.error}. */
export const ERROR = 4
/** The socket is gone from its stack. Comes last, and once, and nothing else is true of it: whoever closed it is told of no error. */
export const CLOSED = 8

/** Result of a data call: nothing now, wait for {@link READABLE} or {@link WRITABLE}. */
export const WOULD_BLOCK = -1
/** Result of a read: the peer sent its FIN and everything before it has been read. */
export const END = -2
/** Result of a data call: the socket failed, see {@link Endpoint.error}. */
export const FAILED = -3

/** The consumer's upcall. One function may serve all sockets of a consumer: the state it needs hangs on `source.owner`. */
export type ReadyCallback = (source: Pollable, bits: number) => void

/** Someone who looks at a source beside its consumer, as `poll()` does. */
export interface Watch {
  /** Which bits it waits for. */
  readonly bits: number
  /** Called whenever one of the bits is raised, from inside {@link Pollable.raise}: must not run user code. */
  wake(): void
}

/**
 * Something that becomes ready. The list links are embedded, so that queueing an upcall allocates nothing.
 *
 * Invariant: while `ready & interest` is not zero, the source is queued in its scheduler (or its upcall is running).
 */
export abstract class Pollable {
  /** The truth now: a union of {@link READABLE}, {@link WRITABLE}, {@link ERROR} and {@link CLOSED}. */
  ready = 0
  /**
   * Called in a turn with `ready & interest`. A source that is still ready afterwards goes to the end of the queue, and may be called
   * again in the same turn. After {@link CLOSED} was told, `interest` is 0.
   */
  onReady: ReadyCallback | null = null
  /** The consumer's slot. */
  owner: unknown = null
  /** @internal the scheduler's list */
  queued = false
  /** @internal the scheduler's list */
  nextReady: Pollable | null = null

  private mask = 0
  private watches: readonly Watch[] | null = null

  /** The scheduler that carries this source's upcalls. */
  abstract readonly scheduler: Scheduler

  /**
   * Whether its upcall comes before those already queued. True for listeners: on a host, the connection is in the listener's queue before
   * the one who connects hears of it, and programs that hold both ends rely on that order.
   */
  get comesFirst(): boolean {
    return false
  }

  /** Which bits the consumer wants to hear of. Widening it reports what is already true. */
  get interest(): number {
    return this.mask
  }

  set interest(bits: number) {
    this.mask = bits
    if ((this.ready & bits) !== 0 && !this.queued) this.scheduler.ready(this)
  }

  /** For backends: these bits are true from now on. */
  raise(bits: number): void {
    this.ready |= bits
    if (this.watches !== null) wake(this.watches, bits)
    if ((this.ready & this.mask) !== 0 && !this.queued) this.scheduler.ready(this)
  }

  /** For backends: {@link CLOSED}, and nothing else from now on. */
  raiseClosed(): void {
    this.ready = 0
    this.raise(CLOSED)
  }

  /** For backends: these bits are no longer true. */
  lower(bits: number): void {
    this.ready &= ~bits
  }

  /** From now on the watch is woken, whoever the consumer is. What is already true stands in {@link ready}. */
  watch(watch: Watch): void {
    this.watches = [...(this.watches ?? []), watch]
  }

  /** Takes a watch back; nothing happens when it is not there. */
  unwatch(watch: Watch): void {
    const others = this.watches?.filter((other) => other !== watch) ?? []
    this.watches = others.length === 0 ? null : others
  }
}

function wake(watches: readonly Watch[], bits: number): void {
  for (const watch of watches) if ((watch.bits & bits) !== 0) watch.wake()
}
