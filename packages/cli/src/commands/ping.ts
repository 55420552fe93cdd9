/**
 * `ioth ping`: echo requests from a stack of its own, printed as ping(8) does.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { checkPing, hasCode, type PingRefusal, type Stack } from '@ioth/core'
import { EXIT, Failure } from '../failure.ts'
import { joinTowards } from '../network/find-target.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { PingText } from './ping-text.ts'

export interface PingOptions {
  /** How many; without it until the user stops it. */
  readonly count?: number
  /** Seconds between two requests. */
  readonly interval: number
  /** Seconds to wait for each reply. */
  readonly timeout: number
  /** Octets of data. */
  readonly size: number
  readonly ttl?: number
}

export async function ping(target: string, options: PingOptions, settings: NetworkSettings): Promise<void> {
  const joined = await joinTowards(target, settings, 'ioth-ping')
  const { address } = joined
  await using stack = joined.stack
  const source = stack.sourceFor(address)
  if (source === null) throw noRoute(stack, target)

  const stop = new AbortController()
  const asked = {
    size: options.size,
    timeoutMs: options.timeout * 1000,
    signal: stop.signal,
    ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
  }
  try {
    checkPing(address, asked)
  } catch (error) {
    throw new Failure(EXIT.usage, `${(error as Error).message}. See: ioth ping --help`)
  }
  process.once('SIGINT', () => stop.abort())
  const text = new PingText(address.toString(), source.toString(), target)
  console.log(text.header(options.size))

  let failure: unknown = null
  const ask = async (sequence: number): Promise<void> => {
    text.sending()
    try {
      const reply = await stack.ping(address, asked)
      console.log(text.reply(sequence, reply.size, reply.ttl, reply.microseconds))
    } catch (error) {
      const refusal = (error as Error).cause as PingRefusal | undefined
      if (refusal?.kind !== undefined) console.log(text.refused(sequence, refusal.from.toString(), refusal.kind))
      else if (hasCode(error, 'EHOSTUNREACH')) console.log(text.unreachable(sequence))
      else if (!hasCode(error, 'ETIMEDOUT') && !stop.signal.aborted) {
        failure = hasCode(error, 'ENETUNREACH') ? noRoute(stack, target) : error
        stop.abort()
      }
    }
  }

  const started = performance.now()
  const waiting: Promise<void>[] = []
  for (let sequence = 1; !stop.signal.aborted; sequence++) {
    waiting.push(ask(sequence))
    if (sequence === options.count) break
    await sleep(options.interval * 1000, undefined, { signal: stop.signal }).catch(() => undefined)
  }
  await Promise.all(waiting)
  if (failure !== null) throw failure
  console.log(text.statistics(performance.now() - started))
  if (!text.answered) process.exitCode = 1
}

export function noRoute(stack: Stack, target: string): Failure {
  const own = stack.interfaces.flatMap((each) =>
    each.addresses.map((entry) => `${entry.address}/${entry.prefixLength}`),
  )
  return new Failure(
    EXIT.unavailable,
    `there is no route to ${target} from ${own.join(', ')} (ENETUNREACH). Give an address of its network with -a, or a router with --gateway.`,
  )
}
