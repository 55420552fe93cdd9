/**
 * The default network: one switch for all programs of a user. The first program starts it, as a process of its own that outlives the
 * program; when no plug is left it ends. Programs that start at once, and a socket that a killed switch left behind, still end with one
 * switch: the switch sees to that (`switch/seat.ts`).
 *
 * @module
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { NetError } from '@ioth/core'
import { askWho } from '../stream/control-client.ts'
import { parseObject } from '../stream/opening.ts'
import { makeSwitchDirectory, networkError, streamSocketPath } from '../vnl/switch-directory.ts'
import { defaultNetworkDirectory } from './directory.ts'

export interface DefaultNetworkOptions {
  /** Another place than {@link defaultNetworkDirectory}: then it is enough that others may not write there. */
  readonly dir?: string
  /** How long the switch waits for a plug before it ends, in milliseconds. @default 10000 */
  readonly idleMs?: number
  /** Whether the start of the switch keeps this process alive. @default true */
  readonly hold?: boolean
}

export interface DefaultNetwork {
  readonly dir: string
  /** Whether this call started the switch. */
  readonly started: boolean
}

const IDLE_MS = 10_000
/** How long a living switch may take to answer, in milliseconds. */
const PATIENCE_MS = 5_000

/**
 * Sees to it that the switch of the default network runs.
 * @throws NetError ERR_IOTH_NETWORK when it cannot be started, with the reason.
 */
export async function openDefaultNetwork(options: DefaultNetworkOptions = {}): Promise<DefaultNetwork> {
  const { idleMs = IDLE_MS, hold = true } = options
  const place = resolve(options.dir ?? defaultNetworkDirectory())
  const isPrivate = options.dir === undefined
  makeSwitchDirectory(place, isPrivate)
  const answer = await askWho(streamSocketPath(place), PATIENCE_MS)
  if (answer.kind === 'switch') return { dir: place, started: false }
  const child = spawn(process.execPath, [switchProcess(), place, String(idleMs), isPrivate ? 'private' : 'shared'], {
    cwd: '/',
    detached: true,
    env: plainEnvironment(),
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  // However this program ends, the switch goes on.
  child.unref()
  if (!hold) (child.stdout as unknown as { unref(): void }).unref()
  return { dir: place, started: await firstWords(child) }
}

/** What the switch's process says first: whether it became the switch; false: another was first. */
function firstWords(child: ChildProcessByStdio<null, Readable, null>): Promise<boolean> {
  return new Promise((settle, reject) => {
    let said = ''
    child.on('error', (error) => reject(cannotStart(error.message)))
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => {
      said += text
      if (!said.includes('\n')) return
      const words = parseObject(said)
      child.stdout.destroy()
      if (words === null || typeof words.error === 'string') reject(cannotStart(String(words?.error ?? said)))
      else settle(words.started === true)
    })
    child.stdout.on('close', () => reject(cannotStart('its process ended without a word')))
  })
}

/** The entry of the switch's process, in `dist`. */
function switchProcess(): string {
  const here = fileURLToPath(import.meta.url)
  return here.endsWith('.ts') ? join(here, '../../../dist/switch-process.js') : join(here, '../switch-process.js')
}

/** Without what would make the switch a program on the network itself. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env }
  for (const name of Object.keys(env)) if (name === 'NODE_OPTIONS' || name.startsWith('IOTH_')) delete env[name]
  return env
}

function cannotStart(why: string): NetError {
  return networkError(
    `the default network could not be started: ${why}. Or use a switch of your own: ioth switch /tmp/lan, and -f /tmp/lan`,
  )
}
