/**
 * What `node --require` loads into a program that is to be on a network of its own, and into every process and thread that a node starts.
 * CommonJS, small, and with nothing of ours to load where nothing is to be done.
 *
 * - `IOTH_NODE` in the environment, or a thread: it belongs to a node that runs already, and joins it at once. Where that cannot be, the
 *   first socket call says so; programs that open none run as ever.
 * - an empty `IOTH_NODE`: whoever started it wants it on the host's network.
 * - else `IOTH_CONFIG`: the process, unless it is the command `ioth`, becomes a node itself. Its main program starts when the addresses can be used.
 * - else nothing.
 *
 * @module
 */
import { realpathSync } from 'node:fs'
import Module, { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { getEnvironmentData, isMainThread } from 'node:worker_threads'
import { DESCRIPTION, type NodeDescription } from './implicit/description.ts'
import { refuseSockets, refuseUntil } from './implicit/refusal.ts'

const { IOTH_CONFIG, IOTH_QUIET } = process.env
const description = isMainThread
  ? process.env.IOTH_NODE
  : ((getEnvironmentData(DESCRIPTION) as string | undefined) ?? process.env.IOTH_NODE)

if (description) joinNode(description)
else if (!isMainThread && description === undefined) refuseSockets(null)
else if (isMainThread && IOTH_CONFIG && description === undefined && !isOwnCommand()) {
  const started = startNode(IOTH_CONFIG)
  if (!hasScript() && !waits()) refuseUntil(started)
  holdMain(started)
}

function hasScript(): boolean {
  return process.argv[1] !== undefined && (process as { _eval?: string })._eval === undefined
}

/** Whether `@ioth/node/ready` holds the program until its node is up. */
function waits(): boolean {
  return [process.env.NODE_OPTIONS ?? '', ...process.execArgv].some((words) => /node[\\/](dist[\\/])?ready/.test(words))
}

/** The command `ioth` joins networks by itself. */
function isOwnCommand(): boolean {
  try {
    return /[\\/]bin[\\/]ioth\.js$/.test(realpathSync(process.argv[1] ?? ''))
  } catch {
    return false
  }
}

/** The node may be gone, or not to be shared: whoever needs no network need not care. */
function joinNode(text: string): void {
  let node: NodeDescription | null = null
  try {
    node = JSON.parse(text) as NodeDescription
    if (node.join === undefined) {
      refuseSockets(node)
      return
    }
    const entry = createRequire(__filename)(join(__dirname, 'join.js')) as typeof import('./implicit/join.ts')
    entry.join(node)
  } catch (error) {
    refuseSockets(node, error as Error)
  }
}

/** Under this name an `--import` entry finds what it has to wait for. */
function startNode(config: string): Promise<void> {
  const entry = pathToFileURL(join(__dirname, 'start.js')).href
  const quiet = IOTH_QUIET !== undefined && !/^(|0|no|false|off)$/i.test(IOTH_QUIET)
  const started = import(entry).then((module: typeof import('./implicit/start.ts')) => module.start(config, quiet))
  ;(globalThis as Record<symbol, unknown>)[Symbol.for('@ioth/node/started')] = started
  return started
}

/** `Module.runMain` is what Node itself calls for its main script, CommonJS or ES module: it is called when the node is up. */
function holdMain(started: Promise<void>): void {
  const holder = Module as unknown as { runMain: (...args: unknown[]) => void }
  const { runMain } = holder
  // The stack's own timers and links do not keep a process alive.
  const alive = setInterval(() => {}, 0x7fff_ffff)
  holder.runMain = function (this: unknown, ...args) {
    holder.runMain = runMain
    // In a task of its own: what the program throws is its own uncaught exception.
    void started.then(() => setImmediate(() => runMain.apply(this, args)))
  }
  void started.then(() => clearInterval(alive))
}
