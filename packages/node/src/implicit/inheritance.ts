/**
 * What the processes and threads that a node starts find of it. The environment carries the node's description in `IOTH_NODE` and the
 * preload in `NODE_OPTIONS`; how they take part in the node is the preload's affair. A node that is not shared yet is when the first
 * of them is started.
 *
 * @module
 */
import { ChildProcess } from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'
import { fileURLToPath } from 'node:url'
import workers from 'node:worker_threads'
import { processBinding } from '../process-binding.ts'
import { type PolicyOptions, policyToEnvironment } from '../rules/policy.ts'
import { DESCRIPTION, type NodeDescription } from './description.ts'

/** What a node hands down. */
export interface Legacy {
  /** `IOTH_NODE`, without a side effect: what those get who are started behind our back. */
  readonly known: string
  /** `IOTH_NODE` for a process or thread that is about to be started; empty: it is to be on the host's network. */
  describe(): string
}

const PRELOAD = fileURLToPath(new URL('./preload.cjs', import.meta.url))

let legacy: Legacy | null = null
/** What `IOTH_NODE` has been in this process: a program may keep a copy of its environment and start its children with that. */
const published = new Set<string>()

/** Children of this process, and its threads, belong to the node from now on. */
export function handDown(to: Legacy): void {
  legacy = to
  publish(to.known)
  process.env.NODE_OPTIONS = withPreload(process.env.NODE_OPTIONS, PRELOAD)
  handDownToWorkers()
  handDownToChildren()
}

/** The environment of a process that is to join a node. @param options what it is to know of it besides. */
export function environmentFor(
  description: NodeDescription,
  { quiet = false, children = 'share', ...policy }: Pick<NodeDescription, 'quiet' | 'children'> & PolicyOptions,
): Record<string, string> {
  return {
    ...policyToEnvironment(policy),
    NODE_OPTIONS: withPreload(process.env.NODE_OPTIONS, PRELOAD),
    IOTH_NODE: JSON.stringify({ ...description, quiet, children, policy }),
  }
}

/** What is handed down now. */
function describe(): string {
  const description = legacy?.describe() ?? ''
  if (legacy !== null) publish(legacy.known)
  return description
}

function publish(known: string): void {
  published.add(known)
  process.env.IOTH_NODE = known
}

/** `NODE_OPTIONS` with the preload in it, once. */
export function withPreload(options: string | undefined, preload: string): string {
  const words = `--require ${quote(preload)}`
  if (options === undefined || options.trim() === '') return words
  return options.includes(words) ? options : `${words} ${options}`
}

/** Node splits the variable at spaces; in double quotes a backslash escapes. */
export function quote(word: string): string {
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
      const pairs = options?.envPairs
      if (Array.isArray(pairs) && isOurs(pairs, published)) options.envPairs = withNode(pairs, describe())
      return native.call(this, options)
    }
  }
}

/** Whether an environment says nothing of a node, or what it has inherited from this one, now or before. */
export function isOurs(pairs: readonly string[], known: ReadonlySet<string>): boolean {
  const said = pairs.find((pair) => pair.startsWith('IOTH_NODE='))
  return said === undefined || known.has(said.slice('IOTH_NODE='.length))
}

/** An environment with the node's description and the preload in it. */
export function withNode(pairs: readonly string[], description: string, preload: string = PRELOAD): string[] {
  const others = pairs.filter((pair) => !/^(NODE_OPTIONS|IOTH_NODE)=/.test(pair))
  const given = pairs.find((pair) => pair.startsWith('NODE_OPTIONS='))?.slice('NODE_OPTIONS='.length)
  return [...others, `NODE_OPTIONS=${withPreload(given, preload)}`, `IOTH_NODE=${description}`]
}

let workersReplaced = false

/** A thread reads `NODE_OPTIONS` as it was when the process started: it is told by its own options, and of its node by inherited data. */
function handDownToWorkers(): void {
  if (workersReplaced) return
  workersReplaced = true
  const NodeWorker = workers.Worker
  workers.Worker = class Worker extends NodeWorker {
    constructor(filename: string | URL, options: workers.WorkerOptions = {}) {
      workers.setEnvironmentData(DESCRIPTION, describe())
      super(filename, { ...options, execArgv: ['--require', PRELOAD, ...(options.execArgv ?? process.execArgv)] })
    }
  }
  syncBuiltinESMExports()
}
