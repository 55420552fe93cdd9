/**
 * undici, Node's own and the npm package: an agent of it keeps the connections of each scope apart, and what else keeps connections (a
 * `Pool`, a `Client`) fails rather than to send a request on another network.
 *
 * The classes of the package are the program's own, in any version. They are found by the global dispatcher, or by the diagnostics
 * channel of the first connection, before that can be used again. Not seen then is what waits already in the queue of a pool with a
 * limit of connections: it goes where that connection goes.
 *
 * @module
 */
import type { Choice, Choices } from './choices.ts'
import { type Dispatcher, globalDispatchers } from './dispatchers.ts'

type Channels = typeof import('node:diagnostics_channel')

/** Among the options of a request, which are copied from hand to hand: the network that it was made in. */
const NETWORK = Symbol('ioth network')

interface DispatchOptions {
  readonly origin?: unknown
  readonly [NETWORK]?: { readonly choice: Choice }
}

interface Connecting {
  readonly connector: object
}
interface Connected extends Connecting {
  readonly socket: object
}
interface Sending {
  readonly request: object
  readonly socket: { destroy(error: Error): void }
}

/**
 * @param nameOf a word for each network, as part of a user name in a URL.
 * @returns separates the dispatchers that are global now.
 */
export function separateUndici(choices: Choices, nameOf: (choice: Choice) => string): () => void {
  const separateGlobal = (): void => {
    for (const dispatcher of globalDispatchers()) separateClass(dispatcher, choices, nameOf)
  }
  const { subscribe } = process.getBuiltinModule('node:diagnostics_channel') as Channels
  /** The scopes that connections were asked for in; undefined: none, or that of the process's own network. */
  const scopes = new WeakMap<object, Set<Choice | undefined>>()
  const connections = new WeakMap<object, Choice | undefined>()
  const requests = new WeakMap<object, Choice | undefined>()

  const on = <Message>(name: string, listener: (message: Message) => void): void => {
    subscribe(`undici:${name}`, listener as (message: unknown) => void)
  }
  on('client:beforeConnect', ({ connector }: Connecting) => {
    separateGlobal()
    const known = scopes.get(connector)
    if (known === undefined) scopes.set(connector, new Set([choices.foreign]))
    else known.add(choices.foreign)
  })
  on('client:connected', ({ connector, socket }: Connected) => {
    separateClass(member(socket, 'client'), choices, nameOf)
    // A connector of the program's may have chosen the network itself.
    if (choices.chosen(socket) === undefined && scopes.get(connector)?.has(choices.foreign) === true) {
      connections.set(socket, choices.foreign)
    }
  })
  on('request:create', ({ request }: Sending) => requests.set(request, choices.foreign))
  on('client:sendHeaders', ({ request, socket }: Sending) => {
    if (connections.has(socket) && requests.has(request) && connections.get(socket) !== requests.get(request)) {
      socket.destroy(
        new Error(
          'a connection of another network was about to be used: a Pool, a Client or a composed dispatcher of undici serves one network. ' +
            'Make one for each, or use an Agent',
        ),
      )
    }
  })
  return separateGlobal
}

const separated = new WeakSet<object>()

/** The class of a dispatcher that has `dispatch`. */
function separateClass(dispatcher: unknown, choices: Choices, nameOf: (choice: Choice) => string): void {
  let prototype = dispatcher as object | null | undefined
  while (prototype != null && !Object.hasOwn(prototype, 'dispatch')) prototype = Object.getPrototypeOf(prototype)
  if (prototype == null || separated.has(prototype)) return
  separated.add(prototype)
  const base = prototype as Dispatcher
  const { dispatch } = base
  base.dispatch = function (options: DispatchOptions, handler) {
    const given = options?.[NETWORK]
    const choice = given === undefined ? choices.current : given.choice
    const isForeign = choice !== choices.processChoice
    const origin = isForeign && isAgent(this) ? originFor(nameOf(choice), options?.origin) : options?.origin
    const marked = { ...options, origin, [NETWORK]: { choice } }
    // What waits in a queue is handed on later, in the scope of another one.
    if (given === undefined) return dispatch.call(this, marked, handler)
    return choices.runIn(choice, () => dispatch.call(this, marked, handler))
  }
}

/** It has a pool for each origin. */
function isAgent(dispatcher: object): boolean {
  return member(dispatcher, 'clients') instanceof Map
}

/** With a user name, which makes another origin of it and goes no further than to the pool. */
function originFor(name: string, origin: unknown): unknown {
  if (!URL.canParse(String(origin))) return origin
  const url = new URL(String(origin))
  url.username = name
  return url.href
}

/** What is under a symbol of undici's own. */
function member(holder: object, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(holder).find((each) => each.description === description)
  return symbol === undefined ? undefined : (holder as Record<symbol, unknown>)[symbol]
}
