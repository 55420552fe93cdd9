/**
 * `poll()`: waits until one of several sockets is ready, whatever stacks they belong to: the select(2) of the Internet of Threads.
 *
 * It looks at the sockets beside their owners, so a socket may be polled while a stream or a handle uses it.
 *
 * @module
 */
import { CLOSED, ERROR, Pollable, READABLE, type Watch } from '../contract/readiness.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import type { Endpoint } from '../contract/socket.ts'
import { NetError } from '../errors/net-error.ts'
import { defaultScheduler } from '../time/defaults.ts'
import { Pending, throwIfAborted, type WaitOptions } from './pending.ts'

/** A socket, or what stands on one: a connection, a listener, a datagram socket, a stream. */
export type PollTarget = Endpoint | { readonly socket: Endpoint }

/** What to wait for on a socket. */
export interface PollRequest<T extends PollTarget> {
  readonly target: T
  /** A union of READABLE and WRITABLE; ERROR and CLOSED are always told. */
  readonly events: number
}

/** A socket that is ready. */
export interface PollResult<T extends PollTarget> {
  readonly target: T
  /** A union of READABLE, WRITABLE, ERROR and CLOSED. */
  readonly events: number
}

/**
 * Waits until at least one socket is ready, and gives all that are, in the order in which they were asked for; nothing when the time is over.
 *
 * ```ts
 * for (const { target } of await poll([listener, connection, { target: other, events: WRITABLE }], { timeoutMs: 1000 })) …
 * ```
 * @param sockets alone: when they are readable; a listener is when a connection waits. They may belong to different stacks of a thread.
 * @param options `timeoutMs` 0: only a look. The time is that of the first socket's stack.
 * @throws AbortError; NetError EINVAL for a poll that could never end.
 */
export async function poll<T extends PollTarget>(
  sockets: Iterable<T | PollRequest<T>>,
  options: WaitOptions = {},
): Promise<PollResult<T>[]> {
  throwIfAborted(options)
  const requests = Array.from(sockets, (socket) => ('target' in socket ? socket : { target: socket, events: READABLE }))
  const ready = readyOf(requests)
  if (ready.length > 0 || options.timeoutMs === 0) return ready
  if (requests.length === 0 && options.timeoutMs === undefined && options.signal === undefined) {
    throw new NetError('EINVAL', 'poll', {
      message: 'poll EINVAL: no sockets, no timeout, no signal: this would never end',
    })
  }
  return await new WaitingPoll(requests, options).promise
}

function endpointOf(target: PollTarget): Endpoint {
  return 'socket' in target ? target.socket : target
}

function readyOf<T extends PollTarget>(requests: readonly PollRequest<T>[]): PollResult<T>[] {
  const ready: PollResult<T>[] = []
  for (const { target, events } of requests) {
    const bits = endpointOf(target).ready & (events | ERROR | CLOSED)
    if (bits !== 0) ready.push({ target, events: bits })
  }
  return ready
}

class WaitingPoll<T extends PollTarget> extends Pending<PollResult<T>[]> {
  private readonly requests: readonly PollRequest<T>[]
  private readonly watches: readonly SocketWatch[]

  constructor(requests: readonly PollRequest<T>[], options: WaitOptions) {
    const [first] = requests
    const scheduler = first === undefined ? defaultScheduler() : endpointOf(first.target).scheduler
    super(scheduler, { syscall: 'poll' }, options)
    this.requests = requests
    // What is ready is collected in an upcall, when the jobs of the turn have raised all they had to.
    const wakeUp = new WakeUp(scheduler, () => this.collect())
    this.watches = requests.map(({ target, events }) => new SocketWatch(endpointOf(target), events, wakeUp))
  }

  override timedOut(): void {
    this.succeed([])
  }

  protected override ended(): void {
    for (const watch of this.watches) watch.remove()
  }

  /** A bit may have been lowered again in the meantime: then the wait goes on. */
  private collect(): void {
    const ready = readyOf(this.requests)
    if (ready.length > 0) this.succeed(ready)
  }
}

class SocketWatch implements Watch {
  readonly bits: number
  private readonly socket: Endpoint
  private readonly wakeUp: WakeUp

  constructor(socket: Endpoint, events: number, wakeUp: WakeUp) {
    this.socket = socket
    this.bits = events | ERROR | CLOSED
    this.wakeUp = wakeUp
    socket.watch(this)
  }

  wake(): void {
    this.wakeUp.raise(AWAKE)
  }

  remove(): void {
    this.socket.unwatch(this)
  }
}

const AWAKE = 1

/** Calls back in a turn. */
class WakeUp extends Pollable {
  readonly scheduler: Scheduler

  constructor(scheduler: Scheduler, action: () => void) {
    super()
    this.scheduler = scheduler
    this.interest = AWAKE
    this.onReady = () => {
      this.lower(AWAKE)
      action()
    }
  }
}
