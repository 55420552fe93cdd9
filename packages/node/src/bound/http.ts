/**
 * `node:http` and `node:https` on a stack: servers, requests, and agents with a pool of connections of their own.
 *
 * @module
 */
import type http from 'node:http'
import type https from 'node:https'
import { NetError } from '@ioth/core'
import { type Binding, value } from './binding.ts'
import { boundWebSocket } from './fetch.ts'

type AgentClass = typeof http.Agent
type Options = http.RequestOptions & { _defaultAgent?: http.Agent }

/** Node's own defaults for its global agents. */
const GLOBAL_AGENT: http.AgentOptions = { keepAlive: true, scheduling: 'lifo', timeout: 5000 }

export function boundHttp(binding: Binding): typeof http {
  const node = process.getBuiltinModule('node:http')
  const agents = boundAgents(binding, node.Agent)
  const ClientRequest = requestClass(binding, agents)
  const Server = binding.class(node.Server)
  return binding.module(node, {
    ...requestExports(ClientRequest, agents),
    ClientRequest: value(ClientRequest),
    Server: value(Server),
    createServer: value((...args: ConstructorParameters<typeof http.Server>) => new Server(...args)),
    // Loaded when it is asked for, as Node does.
    WebSocket: { get: () => boundWebSocket(binding), configurable: true, enumerable: true },
  })
}

export function boundHttps(binding: Binding): typeof https {
  const node = process.getBuiltinModule('node:https')
  const agents = boundAgents(binding, node.Agent as AgentClass)
  const Server = binding.class(node.Server)
  return binding.module(node, {
    ...requestExports(requestClass(binding, agents), agents),
    Server: value(Server),
    createServer: value((...args: ConstructorParameters<typeof https.Server>) => new Server(...args)),
  })
}

interface Agents {
  readonly Agent: AgentClass
  global: http.Agent
}

/** Agents whose connections belong to the stack, also in classes derived from them. */
function boundAgents(binding: Binding, base: AgentClass): Agents {
  const { createConnection } = base.prototype as { createConnection: (...args: never[]) => unknown }
  class Agent extends base {}
  Object.defineProperty(Agent.prototype, 'createConnection', value(binding.maker(createConnection)))
  const bound = binding.class(Agent, base)
  // `agent: false` makes an agent by this.
  Object.defineProperty(Agent.prototype, 'constructor', { value: bound, writable: true, configurable: true })
  let global: http.Agent | null = null
  return {
    Agent: bound,
    get global() {
      global ??= new bound(GLOBAL_AGENT)
      return global
    },
    set global(agent) {
      global = agent
    },
  }
}

function requestClass(binding: Binding, agents: Agents): typeof http.ClientRequest {
  const { ClientRequest } = process.getBuiltinModule('node:http')
  return binding.class(ClientRequest, ClientRequest, (args: unknown[]) => {
    const split = typeof args[0] === 'string' || args[0] instanceof URL ? 1 : 0
    const given = args[split]
    const options = given !== null && typeof given === 'object' ? (given as Options) : {}
    refuseForeignAgent(binding, options.agent)
    const rest = args.slice(given === options ? split + 1 : split)
    return [...args.slice(0, split), { ...options, _defaultAgent: options._defaultAgent ?? agents.global }, ...rest]
  })
}

/** An agent of Node's own kind opens its connections where it was made. */
function refuseForeignAgent(binding: Binding, agent: unknown): void {
  if (agent === undefined || agent === null || agent === false || binding.owns(agent as http.Agent)) return
  const { createConnection } = agent as unknown as { createConnection: unknown }
  for (const { Agent: base } of [process.getBuiltinModule('node:http'), process.getBuiltinModule('node:https')]) {
    if (!(agent instanceof base)) continue
    if ((base.prototype as unknown as { createConnection: unknown }).createConnection !== createConnection) continue
    throw new NetError('EINVAL', 'request', {
      message: 'options.agent belongs to another network: make it by the Agent of bindNode(stack).http or .https',
    })
  }
}

type RequestArguments = [url: string | URL, options: Options, callback?: (response: http.IncomingMessage) => void]

function requestExports(
  ClientRequest: typeof http.ClientRequest,
  agents: Agents,
): {
  Agent: PropertyDescriptor
  globalAgent: PropertyDescriptor
  request: PropertyDescriptor
  get: PropertyDescriptor
} {
  function request(...args: unknown[]): http.ClientRequest {
    return Reflect.construct(ClientRequest, args as RequestArguments)
  }
  function get(...args: unknown[]): http.ClientRequest {
    const made = request(...args)
    made.end()
    return made
  }
  return {
    Agent: value(agents.Agent),
    globalAgent: {
      get: () => agents.global,
      set: (agent: http.Agent) => {
        agents.global = agent
      },
      configurable: true,
      enumerable: true,
    },
    request: value(request),
    get: value(get),
  }
}
