/**
 * `fetch` and `WebSocket` on a stack: Node's own, with an agent of the stack's.
 *
 * @module
 */
import type { WebSocketClass } from '../bind-node.ts'
import type { Binding } from './binding.ts'

export function boundFetch(binding: Binding): typeof globalThis.fetch {
  return function fetch(input, init) {
    return binding.dispatching((dispatcher) => {
      const options = { ...(dispatcher !== null && { dispatcher }), ...init }
      return globalThis.fetch(input, options as RequestInit)
    })
  }
}

type AnyClass = new (...args: unknown[]) => object
const made = new WeakMap<Binding, WebSocketClass>()

export function boundWebSocket(binding: Binding): WebSocketClass {
  const known = made.get(binding)
  if (known !== undefined) return known
  const base = (globalThis as { WebSocket?: AnyClass }).WebSocket
  // Node 20 has none.
  if (base === undefined) return undefined as unknown as WebSocketClass
  const bound: AnyClass = new Proxy(base, {
    construct(target, [url, options], newTarget) {
      // Protocols, or an object with members of Node's own.
      const given = typeof options === 'string' || Array.isArray(options) ? { protocols: options } : options
      return binding.dispatching((dispatcher) =>
        Reflect.construct(
          target,
          [url, { ...(dispatcher !== null && { dispatcher }), ...(given as object | undefined) }],
          newTarget === bound ? target : newTarget,
        ),
      )
    },
  })
  made.set(binding, bound as WebSocketClass)
  return bound as WebSocketClass
}
