/**
 * `ioth ps`: who is on a network, as its switch sees it; once, or again and again.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { networkOf, type StackConfig } from '@ioth/core'
import { listPorts, type PortInfo } from '@ioth/vde'
import { explainNetwork } from '../network/network-failure.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { formatTable } from '../output.ts'

export interface PsOptions {
  readonly json?: boolean
  readonly watch?: boolean
  /** Seconds between two looks. */
  readonly interval: number
}

/** Of one port: octets in a second. */
interface Rates {
  readonly sent: number
  readonly received: number
}

const COLUMNS = ['PORT', 'NAME', 'PID', 'ADDRESSES', 'STACK', 'LISTENS', 'MAC', 'SENT', 'RECEIVED']
/** From the top of the screen on, and nothing of before below. */
const REDRAW = '\u001b[H\u001b[J'

export async function ps(options: PsOptions, { filename, device }: NetworkSettings): Promise<void> {
  const config: StackConfig = {
    ...(filename === undefined ? {} : { vnl: filename }),
    ...(device === undefined ? {} : { device }),
  }
  const network = networkOf(config, existsSync) ?? ''
  const look = (): Promise<PortInfo[]> =>
    listPorts(network).catch((error: unknown) => {
      throw explainNetwork(error)
    })
  if (options.watch === true) {
    await watch(look, options)
    return
  }
  const ports = await look()
  if (options.json === true) {
    console.log(JSON.stringify(ports, null, 2))
    return
  }
  const rows = ports.map((port) => [...cells(port), duration(port.upMs)])
  process.stdout.write(formatTable([...COLUMNS, 'UP'], rows))
}

/** Redraws on a terminal; elsewhere one table, or one line of JSON, follows the other. */
async function watch(look: () => Promise<PortInfo[]>, { json, interval }: PsOptions): Promise<void> {
  let before = new Map<string, PortInfo>()
  let at = performance.now()
  for (;;) {
    const ports = await look()
    const now = performance.now()
    const seconds = (now - at) / 1000
    const rates = ports.map((port) => ratesOf(port, before.get(keyOf(port)), seconds))
    if (json === true) {
      console.log(JSON.stringify(ports.map((port, index) => ({ ...port, rates: rates[index] }))))
    } else {
      const rows = ports.map((port, index) => {
        const { sent, received } = rates[index] as Rates
        return [...cells(port), `${amount(sent)}/s`, `${amount(received)}/s`, duration(port.upMs)]
      })
      process.stdout.write(
        `${process.stdout.isTTY ? REDRAW : ''}${formatTable([...COLUMNS, 'SENDS', 'RECEIVES', 'UP'], rows)}${process.stdout.isTTY ? '' : '\n'}`,
      )
    }
    before = new Map(ports.map((port) => [keyOf(port), port]))
    at = now
    await new Promise((settle) => setTimeout(settle, interval * 1000))
  }
}

function cells({ port, name, pid, addresses, backend, listening, counters }: PortInfo): string[] {
  return [
    String(port),
    name,
    String(pid),
    addresses.map(({ address }) => address).join(' ') || '-',
    backend || '-',
    listens(listening),
    addresses[0]?.mac ?? '-',
    String(counters['in.frames'] ?? 0),
    String(counters['out.frames'] ?? 0),
  ]
}

/** So many ports fit a table; `--json` has all. */
const LISTENS_SHOWN = 6

function listens(ports: readonly string[]): string {
  const more = ports.length > LISTENS_SHOWN ? ` +${ports.length - LISTENS_SHOWN}` : ''
  return `${ports.slice(0, LISTENS_SHOWN).join(' ')}${more}` || '-'
}

/** A number of a port may be another program's by now. */
function keyOf({ port, pid }: PortInfo): string {
  return `${port} ${pid}`
}

function ratesOf(now: PortInfo, before: PortInfo | undefined, seconds: number): Rates {
  const rate = (name: string): number =>
    before === undefined ? 0 : Math.round(((now.counters[name] ?? 0) - (before.counters[name] ?? 0)) / seconds)
  return { sent: rate('in.octets'), received: rate('out.octets') }
}

/** 999 B, 1.2 kB, 34 MB. */
function amount(octets: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  let value = octets
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** 45s, 12m, 3h, 2d. */
function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`
}
