/**
 * What the processes and threads that a node starts find of it. The environment carries the node's description in `IOTH_NODE` and the
 * preload in `NODE_OPTIONS`; how they take part in the node is the preload's affair.
 *
 * @module
 */
import { ChildProcess } from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'
import { fileURLToPath } from 'node:url'
import workers from 'node:worker_threads'
import { processBinding } from '../process-binding.ts'

/** `IOTH_NODE`, as JSON. Ways to share the node's network will be further members; who does not know them, ignores them. */
export interface NodeDescription {
  /** The process that holds the node's stack. */
  readonly pid: number
  readonly addresses: readonly string[]
}

const PRELOAD = fileURLToPath(new URL('./preload.cjs', import.meta.url))

/** Children of this process, and its threads, belong to the node from now on. */
export function handDown(node: NodeDescription): void {
  process.env.IOTH_NODE = JSON.stringify(node)
  process.env.NODE_OPTIONS = withPreload(process.env.NODE_OPTIONS, PRELOAD)
  handDownToWorkers()
  handDownToChildren()
}

/** `NODE_OPTIONS` with the preload in it, once. */
export function withPreload(options: string | undefined, preload: string): string {
  const words = `--require ${quote(preload)}`
  if (options === undefined || options.trim() === '') return words
  return options.includes(words) ? options : `${words} ${options}`
}

/** Node splits the variable at spaces; in double quotes a backslash escapes. */
function quote(word: string): string {
  return /^[\w./:@+-]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`
}

/** What Node's own `spawn` and `spawnSync` get, after all the forms of their arguments have been read. */
interface SpawnOptions {
  /** `NAME=value` */
  envPairs?: string[]
}

let childrenReplaced = false

/**
 * A child whose environment the program has made itself would know nothing of the node, and use the host's network in silence. An empty
 * `IOTH_NODE` in it says that this is meant.
 */
function handDownToChildren(): void {
  if (childrenReplaced) return
  childrenReplaced = true
  const asynchronous = ChildProcess.prototype as unknown as { spawn(options: SpawnOptions): unknown }
  const synchronous = processBinding('spawn_sync') as unknown as { spawn(options: SpawnOptions): unknown }
  for (const owner of [asynchronous, synchronous]) {
    const native = owner.spawn
    owner.spawn = function spawn(this: unknown, options: SpawnOptions): unknown {
      if (Array.isArray(options?.envPairs)) options.envPairs = withNode(options.envPairs)
      return native.call(this, options)
    }
  }
}

/** An environment with the node's description and the preload in it, unless it speaks of a node itself. */
export function withNode(
  pairs: readonly string[],
  description: string = process.env.IOTH_NODE ?? '',
  preload: string = PRELOAD,
): string[] {
  if (pairs.some((pair) => pair.startsWith('IOTH_NODE='))) return [...pairs]
  const others = pairs.filter((pair) => !pair.startsWith('NODE_OPTIONS='))
  const given = pairs.find((pair) => pair.startsWith('NODE_OPTIONS='))?.slice('NODE_OPTIONS='.length)
  return [...others, `NODE_OPTIONS=${withPreload(given, preload)}`, `IOTH_NODE=${description}`]
}

let workersReplaced = false

/** A thread reads `NODE_OPTIONS` as it was when the process started: it is told by its own options. */
function handDownToWorkers(): void {
  if (workersReplaced) return
  workersReplaced = true
  const NodeWorker = workers.Worker
  workers.Worker = class Worker extends NodeWorker {
    constructor(filename: string | URL, options: workers.WorkerOptions = {}) {
      super(filename, { ...options, execArgv: ['--require', PRELOAD, ...(options.execArgv ?? process.execArgv)] })
    }
  }
  syncBuiltinESMExports()
}
