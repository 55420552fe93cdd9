/**
 * A connection to a name: all its addresses raced, the first one that answers wins (RFC 8305, Happy Eyeballs).
 *
 * @module
 */
import { type IpAddress, tryParseIpAddress } from '../address/ip-address.ts'
import { type Connection, connect } from '../api/connection.ts'
import type { Destination } from '../api/open-socket.ts'
import { throwIfAborted, type WaitOptions } from '../api/pending.ts'
import type { Stack } from '../contract/stack.ts'
import { AbortError } from '../errors/abort-error.ts'
import type { ErrorCode } from '../errors/codes.ts'
import { NetError } from '../errors/net-error.ts'
import { delay } from './delay.ts'
import { orderDestinations, usableFamilies } from './dns/destination-order.ts'
import { type Resolver, resolverOf } from './dns/resolver.ts'

export interface NamedDestination extends Omit<Destination, 'host' | 'localAddress'>, WaitOptions {
  /** A name, or an address. */
  readonly host: string
  /** Milliseconds between two attempts that have not failed; 100 to 2000. @default 250 */
  readonly attemptDelayMs?: number
  /** @default the stack's own */
  readonly resolver?: Resolver
}

const ATTEMPT_DELAY_MS = 250
const LEAST_DELAY_MS = 100
const LONGEST_DELAY_MS = 2000
/** RFC 8305 3: how long IPv4 waits for the answer about IPv6, in microseconds. */
const RESOLUTION_DELAY = 50_000

/**
 * Connects to a name; settles with the first connection that stands, when all others have been given up.
 * @throws NetError ENOTFOUND and others of {@link Resolver.lookup}; that of the only address that was tried, or of the first one with all
 * of them as an AggregateError in `cause`; ETIMEDOUT; AbortError.
 */
export async function connectByName(stack: Stack, destination: NamedDestination): Promise<Connection> {
  throwIfAborted(destination)
  return await new Race(stack, destination).run()
}

class Race {
  private readonly stack: Stack
  private readonly destination: NamedDestination
  /** Between two attempts, in microseconds. */
  private readonly interval: number
  private readonly controller = new AbortController()
  private readonly attempts: Promise<void>[] = []
  private readonly errors: unknown[] = []
  private readonly tried = new Set<string>()
  private untried: IpAddress[] = []
  private lookups = 0
  private lookupError: unknown = null
  private running = 0
  /** When the next attempt is due, while others are under way; microseconds. */
  private due = 0
  private winner: Connection | null = null
  private ended: unknown = null
  /** Called when something has happened. */
  private wake: () => void = () => {}

  constructor(stack: Stack, destination: NamedDestination) {
    const { attemptDelayMs = ATTEMPT_DELAY_MS } = destination
    this.stack = stack
    this.destination = destination
    this.interval = Math.min(Math.max(attemptDelayMs, LEAST_DELAY_MS), LONGEST_DELAY_MS) * 1000
  }

  async run(): Promise<Connection> {
    const { signal, timeoutMs } = this.destination
    const abort = (): void => this.end(new AbortError(signal?.reason))
    signal?.addEventListener('abort', abort)
    if (timeoutMs !== undefined) this.limit(timeoutMs)
    try {
      await this.resolve()
      while (
        this.winner === null &&
        this.ended === null &&
        (this.untried.length > 0 || this.running + this.lookups > 0)
      ) {
        const next = this.isDue ? this.untried.shift() : undefined
        if (next !== undefined) this.attempt(next)
        await this.something(this.untried.length > 0, this.due - this.now)
      }
    } finally {
      signal?.removeEventListener('abort', abort)
      this.controller.abort()
    }
    await Promise.all(this.attempts)
    if (this.winner !== null) return this.winner
    throw this.ended ?? this.failure()
  }

  // ---- names ----

  /** Asks for both families at once. RFC 8305 3: goes on with the first answer, but IPv4 gives IPv6 a moment. */
  private async resolve(): Promise<void> {
    const { host, resolver = resolverOf(this.stack) } = this.destination
    const literal = tryParseIpAddress(host)
    const families = literal === null ? usableFamilies(this.stack) : [literal.family]
    for (const family of families) void this.lookUp(resolver, host, family)
    while (this.lookups > 0 && this.untried.length === 0 && this.ended === null) await this.something(false)
    const isEarly = this.lookups > 0 && this.untried.every(({ family }) => family === 4)
    if (isEarly && this.ended === null) await this.something(true, RESOLUTION_DELAY)
  }

  private async lookUp(resolver: Resolver, host: string, family: 4 | 6): Promise<void> {
    this.lookups++
    try {
      const found = await resolver.lookup(host, { family, signal: this.controller.signal })
      const fresh = found.filter((address) => !this.tried.has(`${address}`))
      this.untried = orderDestinations(this.stack, [...this.untried, ...fresh])
    } catch (error) {
      this.lookupError ??= error
    }
    this.lookups--
    this.wake()
  }

  // ---- attempts ----

  /**
   * RFC 8305 5: an attempt has its time before the next one, also when more addresses become known meanwhile, or an older attempt fails. When
   * it fails itself nothing is to be waited for.
   */
  private get isDue(): boolean {
    return this.running === 0 || this.now >= this.due
  }

  private attempt(address: IpAddress): void {
    this.tried.add(`${address}`)
    this.running++
    this.due = this.now + this.interval
    this.attempts.push(this.tryToConnect(address))
  }

  private async tryToConnect(host: IpAddress): Promise<void> {
    const { port, localPort, noDelay } = this.destination
    const { due } = this
    try {
      const connection = await connect(this.stack, {
        host,
        port,
        signal: this.controller.signal,
        ...(localPort === undefined ? {} : { localPort }),
        ...(noDelay === undefined ? {} : { noDelay }),
      })
      if (this.winner === null && this.ended === null) this.winner = connection
      else connection.reset()
    } catch (error) {
      this.errors.push(error)
      if (this.due === due) this.due = 0
    }
    this.running--
    this.wake()
  }

  private failure(): unknown {
    const { host, port } = this.destination
    const [first] = this.errors
    if (this.errors.length === 0) return this.lookupError
    if (this.errors.length === 1 || !(first instanceof NetError)) return first
    const code = first.code as ErrorCode
    return new NetError(code, 'connect', { address: host, port, cause: new AggregateError(this.errors) })
  }

  // ---- waiting ----

  private get now(): number {
    return this.stack.scheduler.clock.now
  }

  /** Waits until something happens; when asked to, no longer than so many microseconds. */
  private async something(isTimed: boolean, microseconds = 0): Promise<void> {
    const timer = new AbortController()
    const happened = new Promise<void>((resolve) => {
      this.wake = resolve
    })
    const waits: Promise<void>[] = [happened]
    if (isTimed) waits.push(delay(this.stack.scheduler, microseconds / 1000, timer.signal).catch(() => undefined))
    await Promise.race(waits)
    timer.abort()
  }

  private end(reason: unknown): void {
    this.ended ??= reason
    this.wake()
  }

  private limit(timeoutMs: number): void {
    const { host, port } = this.destination
    delay(this.stack.scheduler, timeoutMs, this.controller.signal).then(
      () => this.end(new NetError('ETIMEDOUT', 'connect', { address: host, port })),
      () => undefined,
    )
  }
}
