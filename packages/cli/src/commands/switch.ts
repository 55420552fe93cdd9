/**
 * `ioth switch`: a switch in the foreground, until it is stopped; and `ioth switch ctl`, which commands one that runs by its console.
 *
 * @module
 */
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { askConsole, createSwitch, isTaken, type Switch } from '@ioth/vde'
import { EXIT, Failure } from '../failure.ts'
import { explainNetwork } from '../network/network-failure.ts'
import { say } from '../output.ts'

export interface SwitchCommandOptions {
  readonly hub?: boolean
  readonly mtu?: number
  readonly queue?: number
  readonly ports?: number
  readonly ageing?: number
  readonly macs?: number
  readonly storm?: number
  readonly group?: string
  readonly command?: readonly string[]
  /** A port; true: any. */
  readonly ws?: number | true
  readonly wsOrigin?: readonly string[]
  readonly json?: boolean
}

export async function runSwitch(dir: string, words: readonly string[], options: SwitchCommandOptions): Promise<void> {
  if (words.length > 0) throw new Failure(EXIT.usage, `"${words[0]}" is one word too many. See: ioth switch --help`)
  const running = await createSwitch({ dir, ...settings(options) }).catch((error: unknown) => {
    if (isTaken(error))
      throw new Failure(EXIT.cannotCreate, `there is a switch at ${dir} already. See who is on it: ioth ps -f ${dir}`)
    throw explainNetwork(error)
  })
  await prepare(running, options.command ?? [])
  if (options.ws !== undefined) await serveTabs(running, options)
  say(`${options.hub === true ? 'hub' : 'switch'} at ${running.dir}; others join it with -f ${running.dir}`)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void running.close(signal))
  await running.closed
}

/** `ioth switch ctl DIR COMMAND...` */
export async function commandSwitch(words: readonly string[], { json }: SwitchCommandOptions): Promise<void> {
  const [dir, ...command] = words
  if (dir === undefined || command.length === 0) {
    throw new Failure(EXIT.usage, 'say which switch, and what: ioth switch ctl DIR port/print')
  }
  const line = command.join(' ')
  const reply = await askConsole(consoleOf(dir), json === true ? `json ${line}` : line).catch((error: unknown) => {
    throw explainNetwork(error)
  })
  if (reply.code !== SUCCESS) {
    throw new Failure(1, `${line}: ${reply.message}. What there is: ioth switch ctl ${dir} help`)
  }
  for (const each of reply.lines) console.log(json === true ? JSON.stringify(JSON.parse(each), null, 2) : each)
}

const SUCCESS = 1000

/** A switch's directory, or the management socket of another one: vde_switch -M. */
function consoleOf(path: string): string {
  return lstatSync(path, { throwIfNoEntry: false, bigint: true })?.isSocket() === true ? path : join(path, 'mgmt')
}

async function serveTabs(running: Switch, { ws, wsOrigin = [] }: SwitchCommandOptions): Promise<void> {
  try {
    const url = await running.serveWebSockets({ port: typeof ws === 'number' ? ws : 0, origins: wsOrigin })
    say(`WebSockets at ${url}`)
  } catch (error) {
    await running.close()
    throw explainNetwork(error)
  }
}

async function prepare(running: Switch, commands: readonly string[]): Promise<void> {
  for (const line of commands) {
    try {
      running.command(line)
    } catch (error) {
      await running.close()
      const message = `the command "${line}" fails: ${(error as Error).message}. See: ioth switch ctl DIR help`
      throw new Failure(EXIT.usage, message)
    }
  }
}

function settings({ hub, mtu, queue, ports, ageing, macs, storm, group }: SwitchCommandOptions): object {
  const given = {
    hub,
    mtu,
    queueOctets: queue,
    maxPorts: ports,
    ageingSeconds: ageing,
    macs,
    macsPerPort: macs === undefined ? undefined : Math.min(macs, Math.max(1_024, macs >> 1)),
    stormFrames: storm,
    group,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
