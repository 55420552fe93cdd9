/**
 * `ioth traceroute`: the routers on the way to a destination, printed as traceroute(8) does.
 *
 * @module
 */
import type { Stack } from '@ioth/core'
import { type TracerouteHop, type TracerouteProbe, traceroute as trace } from '@ioth/core/services'
import { joinTowards } from '../network/find-target.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { noRoute } from './ping.ts'

export interface TracerouteOptions {
  /** The furthest router to look at. */
  readonly maxHops: number
  /** Pings of each time to live. */
  readonly probes: number
  /** Seconds to wait for each. */
  readonly wait: number
  readonly json?: boolean
}

/** Octets of data: with the headers of IPv4 and ICMP a packet of 60. */
const SIZE = 32

export async function traceroute(target: string, options: TracerouteOptions, settings: NetworkSettings): Promise<void> {
  const { stack, address } = await joinTowards(target, settings, 'ioth-traceroute')
  try {
    if (stack.sourceFor(address) === null) throw noRoute(stack, target)
    await print(stack, target, `${address}`, options)
  } finally {
    await stack.close()
  }
}

async function print(stack: Stack, target: string, address: string, options: TracerouteOptions): Promise<void> {
  const { maxHops, probes, wait, json = false } = options
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const hops: TracerouteHop[] = []
  if (!json) console.log(`traceroute to ${target} (${address}), ${maxHops} hops max, ${SIZE} data bytes`)
  try {
    for await (const hop of trace(stack, address, {
      maxHops,
      probes,
      timeoutMs: wait * 1000,
      size: SIZE,
      signal: stop.signal,
    })) {
      hops.push(hop)
      if (!json) console.log(formatHop(hop))
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  if (json) console.log(JSON.stringify(hops.map(toJson), null, 2))
  if (hops.at(-1)?.probes.some(({ kind }) => kind === 'reply') !== true) process.exitCode = 1
}

/** ` 2  10.0.0.254  0.512 ms  0.481 ms  *`: who answered is named when it changes. */
export function formatHop({ ttl, probes }: TracerouteHop): string {
  let before = ''
  const words = probes.map(({ from, microseconds, kind }) => {
    if (kind === 'silence') return '*'
    const name = `${from ?? '?'}` === before ? '' : `${(before = `${from ?? '?'}`)}  `
    return `${name}${(microseconds / 1000).toFixed(3)} ms${kind === 'unreachable' ? ' !H' : ''}`
  })
  return `${String(ttl).padStart(2)}  ${words.join('  ')}`
}

function toJson({ ttl, probes }: TracerouteHop): object {
  return {
    ttl,
    probes: probes.map(({ from, microseconds, kind }: TracerouteProbe) => ({
      from: from === null ? null : `${from}`,
      kind,
      milliseconds: microseconds / 1000,
    })),
  }
}
