/**
 * The way to a destination: pings whose time to live ends one router further each time.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { addressOf } from '../api/open-socket.ts'
import type { PingRefusal, Stack } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'

export interface TracerouteOptions {
  /** The furthest router to look at. @default 30 */
  readonly maxHops?: number
  /** Pings of each time to live. @default 3 */
  readonly probes?: number
  /** How long each ping is waited for. @default 3000 */
  readonly timeoutMs?: number
  /** Data octets of each ping. @default 32 */
  readonly size?: number
  readonly signal?: AbortSignal
}

/** What one ping found. */
export interface TracerouteProbe {
  /** Who answered; null: nobody in time. */
  readonly from: IpAddress | null
  readonly microseconds: number
  /** `reply`: the destination itself; `time-exceeded`: a router on the way; `unreachable`: a router that knows no further; `silence`. */
  readonly kind: 'reply' | 'time-exceeded' | 'unreachable' | 'silence'
}

/** All pings of one time to live. */
export interface TracerouteHop {
  readonly ttl: number
  readonly probes: readonly TracerouteProbe[]
}

/**
 * The routers to a destination, one after the other, and the destination at the end. The last hop has a `reply` or an `unreachable`, unless
 * {@link TracerouteOptions.maxHops} came first.
 *
 * ```ts
 * for await (const { ttl, probes } of traceroute(stack, '10.9.0.1')) console.log(ttl, String(probes[0]?.from ?? '*'))
 * ```
 * @param to an address; for a name see `lookup`.
 * @throws NetError ERR_IOTH_NOT_IMPLEMENTED (the backend cannot ping), ENETUNREACH (no route of our own), EINVAL; AbortError.
 */
export async function* traceroute(
  stack: Stack,
  to: string | IpAddress,
  options: TracerouteOptions = {},
): AsyncGenerator<TracerouteHop, void, void> {
  const { maxHops = 30, probes = 3 } = options
  const destination = addressOf(to, 'to')
  if (!stack.capabilities.ping) {
    const message = `the backend "${stack.backend}" cannot ping`
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'traceroute', { message })
  }
  if (!(Number.isInteger(maxHops) && maxHops >= 1 && maxHops <= 255))
    throw invalid(`maxHops: ${maxHops} is not 1 to 255`)
  if (!(Number.isInteger(probes) && probes >= 1 && probes <= 16)) throw invalid(`probes: ${probes} is not 1 to 16`)
  for (let ttl = 1; ttl <= maxHops; ttl++) {
    const found: TracerouteProbe[] = []
    // One after the other: routers limit the errors they send.
    for (let index = 0; index < probes; index++) found.push(await probe(stack, destination, ttl, options))
    yield { ttl, probes: found }
    if (found.some(({ kind }) => kind === 'reply' || kind === 'unreachable')) return
  }
}

async function probe(
  stack: Stack,
  to: IpAddress,
  ttl: number,
  { timeoutMs = 3000, size = 32, signal }: TracerouteOptions,
): Promise<TracerouteProbe> {
  const { clock } = stack.scheduler
  const since = clock.now
  try {
    const { from, microseconds } = await stack.ping(to, {
      ttl,
      timeoutMs,
      size,
      ...(signal === undefined ? {} : { signal }),
    })
    return { from, microseconds, kind: 'reply' }
  } catch (error) {
    if (!(error instanceof NetError)) throw error
    const microseconds = clock.now - since
    const refusal = error.cause as PingRefusal | undefined
    if (refusal?.kind !== undefined) return { from: refusal.from, microseconds, kind: refusal.kind }
    if (error.code === 'ETIMEDOUT') return { from: null, microseconds, kind: 'silence' }
    // No neighbour took it: we ourselves know no further.
    if (error.code === 'EHOSTUNREACH') return { from: stack.sourceFor(to), microseconds, kind: 'unreachable' }
    throw error
  }
}

function invalid(message: string): NetError {
  return new NetError('EINVAL', 'traceroute', { message })
}
