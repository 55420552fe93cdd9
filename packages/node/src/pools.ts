/**
 * Connections that are kept for reuse belong to the network that opened them: code in a scope never gets one of another network.
 *
 * Node's agents find a kept connection by a name made of host and port. In a scope whose network is not the process's, the name
 * tells the network too, and the options of a request carry it to where its connection is opened. For `fetch` see `undici-agents.ts`.
 *
 * @module
 */
import type { Choice, Choices } from './choices.ts'
import { separateUndici } from './undici-agents.ts'

/** Among the options of a request, which are copied from hand to hand: the network that it was made in. */
const NETWORK = Symbol('ioth network')

type Options = object & { [NETWORK]?: { readonly choice: Choice } }
interface AgentMethods {
  getName(options?: Options): string
  createSocket(request: unknown, options: Options, done: unknown): void
}

/** Called before the first scope begins; a program without scopes is not touched. */
export function separatePools(choices: Choices): void {
  const nameOf = networkNames()
  separateAgents(choices, nameOf)
  separateFetch(choices, nameOf)
}

/** A word for each network. */
function networkNames(): (choice: Choice) => string {
  const names = new WeakMap<object, string>()
  let count = 0
  return (choice) => {
    if (choice === null) return 'host'
    const name = names.get(choice) ?? `network${++count}`
    names.set(choice, name)
    return name
  }
}

function separateAgents(choices: Choices, nameOf: (choice: Choice) => string): void {
  // Loaded with the first scope: others need not wait for it.
  const { Agent } = process.getBuiltinModule('node:http')
  const prototype = Agent.prototype as unknown as AgentMethods
  const { getName, createSocket } = prototype

  prototype.getName = function (options = {}) {
    const choice = choices.foreign
    if (options[NETWORK] === undefined && choice !== undefined && Object.isExtensible(options)) {
      options[NETWORK] = { choice }
    }
    const name = getName.call(this, options)
    return options[NETWORK] === undefined ? name : `${name}:${nameOf(options[NETWORK].choice)}`
  }

  // A request that waited for a connection gets it when another one closes: not in its own scope.
  prototype.createSocket = function (request, options, done) {
    const network = options[NETWORK]
    if (network === undefined) createSocket.call(this, request, options, done)
    else choices.runIn(network.choice, () => createSocket.call(this, request, options, done))
  }
}

/** Node loads its undici when it is first used; until then there is nothing to separate. */
function separateFetch(choices: Choices, nameOf: (choice: Choice) => string): void {
  const separateGlobal = separateUndici(choices, nameOf)
  for (const name of ['fetch', 'WebSocket', 'EventSource']) {
    beforeUse(name, () => {
      void globalThis.Response
      separateGlobal()
    })
  }
}

/** Runs something whenever a global of Node's is read. */
function beforeUse(name: string, run: () => void): void {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, name)
  if (descriptor === undefined || descriptor.configurable === false) return
  let own = descriptor
  Object.defineProperty(globalThis, name, {
    configurable: true,
    enumerable: descriptor.enumerable ?? false,
    get() {
      run()
      return own.get === undefined ? own.value : own.get.call(globalThis)
    },
    set(given: unknown) {
      own = { value: given }
    },
  })
}
