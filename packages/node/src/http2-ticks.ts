/**
 * Ticks between the callbacks of HTTP/2.
 *
 * From one piece of data its C++ side makes several callbacks: headers, data, the end, the stream is closed. Above a socket of the host's,
 * Node runs what `process.nextTick` and promises have queued after each of them, so that a program which awaits the response begins to
 * read before its stream is closed. Above a stack the piece comes from JavaScript, inside of another callback, and Node would wait with
 * ticks until all are done: on Node 24 a body that nobody reads yet is then lost ("Premature close").
 *
 * Each of the callbacks begins by asking its handle for its owner, and nothing else does: that is where ticks are run.
 *
 * @module
 */
import { JsStreamBridge } from './js-stream.ts'
import type { Natives } from './native.ts'

const OWNER = Symbol('owner')

interface Owned {
  [OWNER]?: unknown
}

/** @param prototypes of the native classes of sessions and of streams */
export function runTicksBetweenCallbacks({ owner }: Natives, prototypes: readonly object[], drain: () => void): void {
  for (const prototype of prototypes) {
    Object.defineProperty(prototype, owner, {
      configurable: true,
      get(this: Owned) {
        if (JsStreamBridge.isReading) runTicks(drain)
        return this[OWNER]
      },
      set(this: Owned, value: unknown) {
        Object.defineProperty(this, OWNER, { value, writable: true, configurable: true })
      },
    })
  }
}

/** What the program throws there would unwind through C++: it is thrown on by itself. */
function runTicks(drain: () => void): void {
  try {
    drain()
  } catch (error) {
    setImmediate(() => {
      throw error
    })
  }
}
