/**
 * What the real scheduler needs of its host, by whatever name the host has it. Nothing is imported, so that core also loads in a browser.
 * The functions are taken when core is loaded: test tools that replace timers later do not stop a stack.
 *
 * @module
 */

interface HostProcess {
  _tickCallback?: () => void
  getBuiltinModule?: (id: string) => unknown
}

interface AsyncHooks {
  AsyncResource: new (
    type: string,
  ) => { runInAsyncScope<A extends unknown[], R>(run: (...args: A) => R, self?: unknown, ...args: A): R }
}

interface HostTimer {
  ref?(): void
  unref?(): void
}

const host = globalThis as typeof globalThis & { process?: HostProcess }

const { performance } = globalThis
const startImmediate = globalThis.setImmediate as typeof setImmediate | undefined
const startTimeout = globalThis.setTimeout
const stopTimeout = globalThis.clearTimeout
const startInterval = globalThis.setInterval

/** Whole microseconds, monotone. */
export function readClock(): number {
  return Math.floor(performance.now() * 1000)
}

/** Unix time of the clock's zero, in microseconds. */
export function clockOrigin(): number {
  return Math.floor(performance.timeOrigin * 1000)
}

/**
 * Runs the host's ticks and microtasks, as Node does after each of its own callbacks; null where the host has no such call, and they
 * run only between macrotasks.
 */
export const drainHostTicks: (() => void) | null = host.process?._tickCallback ?? null

/**
 * The async context that was current when core was loaded. What is started from inside it belongs to nobody: a turn started in a
 * user's AsyncLocalStorage scope would run in that scope, and keep its store alive.
 */
const hooks = host.process?.getBuiltinModule?.('node:async_hooks') as AsyncHooks | undefined
const root = hooks === undefined ? null : new hooks.AsyncResource('IothTurn')

/** Runs this in the root context. */
function atRoot<R>(start: () => R): R {
  return root === null ? start() : root.runInAsyncScope(start)
}

/** Runs a task as the next macrotask, from the root context. It keeps the host's loop alive until then. */
export const startMacrotask: (task: () => void) => void =
  startImmediate === undefined ? byMessage() : byImmediate(startImmediate)

function byImmediate(immediate: (task: () => void) => unknown): (task: () => void) => void {
  if (root === null) return immediate
  return (task) => root.runInAsyncScope(immediate, undefined, task)
}

function byMessage(): (task: () => void) => void {
  const { port1, port2 } = new MessageChannel()
  const tasks: (() => void)[] = []
  port1.addEventListener('message', () => tasks.shift()?.())
  port1.start()
  return (task) => {
    tasks.push(task)
    port2.postMessage(null)
  }
}

/** One macrotask from now; the host's microtasks are done by then. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => startMacrotask(resolve))
}

/** The longest delay a host timer takes, in milliseconds. */
const LONGEST_DELAY = 0x7fff_ffff

/** A single timer of the host that never keeps its loop alive. */
export class HostAlarm {
  /** When it goes off, in microseconds; Infinity while it is not set. */
  at: number = Number.POSITIVE_INFINITY
  private readonly action: () => void
  private handle: HostTimer | null = null

  constructor(action: () => void) {
    this.action = action
  }

  set(at: number, now: number): void {
    if (this.handle !== null) stopTimeout(this.handle as NodeJS.Timeout)
    const delay = Math.min(LONGEST_DELAY, Math.max(1, Math.ceil((at - now) / 1000)))
    this.at = at
    this.handle = atRoot(() => startTimeout(this.ring, delay))
    this.handle.unref?.()
  }

  private readonly ring = (): void => {
    this.handle = null
    this.at = Number.POSITIVE_INFINITY
    this.action()
  }
}

/** One handle that keeps the host's loop alive while {@link HostAnchor.hold} is on. */
export class HostAnchor {
  private handle: HostTimer | null = null

  hold(): void {
    if (this.handle === null) this.handle = atRoot(() => startInterval(() => {}, LONGEST_DELAY))
    else this.handle.ref?.()
  }

  release(): void {
    this.handle?.unref?.()
  }
}
