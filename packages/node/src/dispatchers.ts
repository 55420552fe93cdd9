/**
 * Node's own undici, which is behind `fetch`, `WebSocket` and `EventSource`: for each network an agent with connections of its own.
 *
 * Its classes are exported nowhere; the global dispatcher, which lies under a well-known symbol, is an instance of one.
 *
 * @module
 */
import type { Choice, Choices } from './choices.ts'

/** As far as it is used here. */
export interface Dispatcher {
  dispatch(options: object, handler: object): boolean
}

type AgentClass = new (options: { connect: Connect }) => Dispatcher
type Connected = (error: Error | null, socket: object | null) => void
type Connect = (to: Destination, done: Connected) => void

/** What undici says of a connection that it wants. */
interface Destination {
  readonly hostname: string
  readonly protocol: string
  readonly port?: string | number
  readonly servername?: string | null
  readonly localAddress?: string | null
  /** A connection through a proxy, to be secured. */
  readonly httpSocket?: import('node:net').Socket
}

/** undici's defaults. */
const CONNECT_TIMEOUT_MS = 10_000
const KEEP_ALIVE_MS = 60_000

const FIRST = Symbol.for('undici.globalDispatcher.1')
const SYMBOLS = [Symbol.for('undici.globalDispatcher.2'), FIRST]

/** The global dispatchers that are there: newer versions of undici have one for each generation of their interface. */
export function globalDispatchers(symbols: readonly symbol[] = SYMBOLS): Dispatcher[] {
  const holder = globalThis as unknown as Record<symbol, Dispatcher | undefined>
  return symbols.map((symbol) => holder[symbol]).filter((each) => each !== undefined)
}

let agentClass: AgentClass | null | undefined

/** The class of Node's own agents; null when the program put another dispatcher in its place before anybody could look. */
function findAgentClass(): AgentClass | null {
  if (agentClass !== undefined) return agentClass
  // Loads undici.
  void globalThis.Response
  // One of npm's may stand for both; before version 8 the interface was another.
  const isOld = Number.parseInt(process.versions.undici ?? '0', 10) < 8
  const agent = globalDispatchers(isOld ? [FIRST] : SYMBOLS).find((each) => each.constructor.name === 'Agent')
  agentClass = agent === undefined ? null : (agent.constructor as AgentClass)
  return agentClass
}

const dispatchers = new WeakMap<object, Dispatcher>()
/** Stands for the host among the keys. */
const HOST = {}

/** The agent whose connections belong to a network; null when Node's agents are out of reach. */
export function dispatcherFor(choices: Choices, choice: Choice): Dispatcher | null {
  const key = choice ?? HOST
  const known = dispatchers.get(key)
  if (known !== undefined) return known
  const Agent = findAgentClass()
  if (Agent === null) return null
  const made = new Agent({ connect: (to, done) => open(choices, choice, to, done) })
  dispatchers.set(key, made)
  return made
}

function open(choices: Choices, choice: Choice, to: Destination, done: Connected): void {
  const { connect: connectTls } = process.getBuiltinModule('node:tls')
  const { connect } = process.getBuiltinModule('node:net')
  const { hostname, protocol, httpSocket } = to
  const secure = protocol === 'https:'
  const localAddress = to.localAddress ?? undefined
  const place = { host: hostname, port: Number(to.port || (secure ? 443 : 80)), ...(localAddress && { localAddress }) }
  const socket = choices.whileCreating(choice, () =>
    secure
      ? connectTls({
          ...place,
          servername: to.servername ?? hostname,
          ALPNProtocols: ['http/1.1'],
          ...(httpSocket !== undefined && { socket: httpSocket }),
        })
      : connect(place),
  )
  socket.setNoDelay(true)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  const late = setTimeout(() => socket.destroy(timeout(place)), CONNECT_TIMEOUT_MS)
  const finish = (error: Error | null): void => {
    clearTimeout(late)
    socket.off('error', finish)
    done(error, error === null ? socket : null)
  }
  socket.once(secure ? 'secureConnect' : 'connect', () => finish(null))
  socket.once('error', finish)
}

function timeout({ host, port }: { host: string; port: number }): Error {
  const error = new Error(
    `Connect Timeout Error (attempted address: ${host}:${port}, timeout: ${CONNECT_TIMEOUT_MS}ms)`,
  )
  return Object.assign(error, { name: 'ConnectTimeoutError', code: 'UND_ERR_CONNECT_TIMEOUT' })
}
