/**
 * The explicit mode: Node's network modules on one stack, beside the host's and those of other stacks.
 *
 * @module
 */
import type dgram from 'node:dgram'
import type dns from 'node:dns'
import type http from 'node:http'
import type http2 from 'node:http2'
import type https from 'node:https'
import type net from 'node:net'
import type tls from 'node:tls'
import type { Stack } from '@ioth/core'
import { Binding } from './bound/binding.ts'
import { boundDgram } from './bound/dgram.ts'
import { boundDns } from './bound/dns.ts'
import { boundFetch, boundWebSocket } from './bound/fetch.ts'
import { boundHttp, boundHttps } from './bound/http.ts'
import { boundHttp2 } from './bound/http2.ts'
import { boundNet } from './bound/net.ts'
import { boundTls } from './bound/tls.ts'
import { interception } from './interception.ts'

/** Node's modules, with every export they have. */
export interface BoundModules {
  readonly net: typeof net
  readonly http: typeof http
  readonly https: typeof https
  readonly http2: typeof http2
  readonly tls: typeof tls
  readonly dgram: typeof dgram
  readonly dns: typeof dns
  readonly 'dns/promises': typeof dns.promises
  /** As the global one, with a pool of connections of its own. A `dispatcher` of the program's is where it was told to be. */
  readonly fetch: typeof globalThis.fetch
  /** As the global one; undefined on Node 20, which has none. */
  readonly WebSocket: WebSocketClass
}

/** The class of the global `WebSocket`. */
export type WebSocketClass = typeof globalThis.WebSocket

const bindings = new WeakMap<Stack, BoundModules>()

/**
 * Node's network modules, on a stack: what is opened by them belongs to it. Their objects are instances of Node's own classes, so
 * everything that takes a `net.Socket` or an `http.Server` takes them. No preload is needed, and nothing changes for the rest of the process.
 *
 * @throws NetError ERR_IOTH_UNSUPPORTED_NODE when this Node's internals are closed (`--permission`) or unknown.
 */
export function bindNode(stack: Stack): BoundModules {
  const known = bindings.get(stack)
  if (known !== undefined) return known
  const { choices, use } = interception()
  use(stack)
  const binding = new Binding(stack, choices)
  const modules = {} as BoundModules
  for (const [name, make] of Object.entries(makers)) onFirstUse(modules, name, () => make(binding))
  bindings.set(stack, modules)
  return modules
}

const makers: { readonly [Name in keyof BoundModules]: (binding: Binding) => BoundModules[Name] } = {
  net: boundNet,
  http: boundHttp,
  https: boundHttps,
  http2: boundHttp2,
  tls: boundTls,
  dgram: boundDgram,
  dns: boundDns,
  'dns/promises': ({ stack }) => bindNode(stack).dns.promises,
  fetch: boundFetch,
  WebSocket: boundWebSocket,
}

/** A program that binds `net` does not pay for loading `tls`. */
function onFirstUse(modules: object, name: string, make: () => unknown): void {
  Object.defineProperty(modules, name, {
    configurable: true,
    enumerable: true,
    get() {
      const value = make()
      Object.defineProperty(modules, name, { value, enumerable: true })
      return value
    },
  })
}
