/**
 * `ioth wire`: a cable between two networks, sound or bad; and `ioth wire ctl`, which changes one that is in.
 *
 * @module
 */
import { defaultPool, defaultScheduler, type Impairments, type Link } from '@ioth/core'
import { askConsole, openStandardStreams, openVnl, parseImpairments, Wire, wireConsole } from '@ioth/vde'
import { EXIT, Failure } from '../failure.ts'
import { explainNetwork } from '../network/network-failure.ts'
import { say } from '../output.ts'

export interface WireCommandOptions {
  readonly loss?: string
  readonly burst?: string
  readonly delay?: string
  readonly jitter?: string
  readonly rate?: string
  readonly queue?: string
  readonly dup?: string
  readonly reorder?: string
  readonly corrupt?: string
  readonly truncate?: string
  readonly mtu?: string
  readonly seed?: string
  readonly control?: string
  readonly quiet?: boolean
  readonly json?: boolean
}

/** Both ends carry what a switch of ours does. */
const WIRE_MTU = 9_000
const SUCCESS = 1000

export async function runWire(from: string, to: string, options: WireCommandOptions): Promise<void> {
  if (from === to) throw new Failure(EXIT.usage, `both ends of the wire are ${from}: frames would go round in it`)
  const { seed, ...impairments } = written(options)
  const a = await open(from)
  const b = await open(to).catch(async (error: unknown) => {
    await a.close()
    throw error
  })
  const wire = new Wire({
    scheduler: defaultScheduler(),
    pool: defaultPool(),
    a,
    b,
    impairments,
    ...(seed === undefined ? {} : { seed }),
  })
  const title = `wire ${from} ${to}`
  const console = wireConsole(wire, title)
  if (options.control !== undefined) await listen(console, options.control, wire)
  const change = options.control === undefined ? '' : `; change it: ioth wire ctl ${options.control} set loss=5%`
  if (options.quiet !== true) say(`${title}${change}`)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void wire.close(signal))
  const reason = await wire.closed
  console.close()
  if (options.quiet !== true) say(`the wire is out: ${reason}`)
  // Standard input may still hold the process.
  process.exit()
}

/** `ioth wire ctl PATH COMMAND...` */
export async function commandWire(words: readonly string[], { json }: WireCommandOptions): Promise<void> {
  const [path, ...command] = words
  if (path === undefined || command.length === 0) {
    throw new Failure(EXIT.usage, 'say which wire, and what: ioth wire ctl /tmp/wire set loss=5% (or show, cut, heal)')
  }
  const line = command.join(' ')
  const reply = await askConsole(path, json === true ? `json ${line}` : line).catch((error: unknown) => {
    throw explainNetwork(error)
  })
  if (reply.code !== SUCCESS)
    throw new Failure(1, `${line}: ${reply.message}. What there is: ioth wire ctl ${path} help`)
  for (const each of reply.lines)
    globalThis.console.log(json === true ? JSON.stringify(JSON.parse(each), null, 2) : each)
}

async function open(end: string): Promise<Link> {
  if (end === '-') return openStandardStreams({ scheduler: defaultScheduler(), pool: defaultPool(), mtu: WIRE_MTU })
  return await openVnl(end, { name: 'wire', mtu: WIRE_MTU }).catch((error: unknown) => {
    throw explainNetwork(error)
  })
}

async function listen(console: ReturnType<typeof wireConsole>, path: string, wire: Wire): Promise<void> {
  try {
    await console.listen(path)
  } catch (error) {
    await wire.close()
    throw new Failure(
      EXIT.cannotCreate,
      `the wire cannot be commanded at ${path}: ${(error as Error).message}. Choose another: --control PATH`,
    )
  }
}

function written(options: WireCommandOptions): Impairments & { seed?: number } {
  const { control: _control, quiet: _quiet, json: _json, ...impairments } = options
  try {
    return parseImpairments(impairments as Record<string, string>)
  } catch (error) {
    throw new Failure(EXIT.usage, `--${(error as Error).message}. See: ioth wire --help`)
  }
}
