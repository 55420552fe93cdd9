/**
 * HTTP/2 without TLS: its C++ side consumes the socket's handle. For a handle on a stack, that is a JSStream.
 *
 * The class is out of reach until `node:http2` is loaded, and then only by way of a session. Node reads `isStreamBase` of each handle
 * before a session takes it: the moment to look.
 *
 * @module
 */
import { tcpState } from './handle-state.ts'
import { runTicksBetweenCallbacks } from './http2-ticks.ts'
import type { Natives, NativeTcp } from './native.ts'

interface Http2Session {
  consume(handle: object): void
}

/** @param drain runs what `process.nextTick` and promises have queued */
export function interceptHttp2(natives: Natives, drain: () => void): void {
  const { TCP } = natives
  let done = false
  Object.defineProperty(TCP.prototype, 'isStreamBase', {
    configurable: true,
    enumerable: true,
    get(this: NativeTcp) {
      // A client's session takes a handle before it connects, when nothing is decided yet.
      if (!done && tcpState.of(this) !== null && isLoaded()) {
        done = true
        replaceConsume(natives, drain)
      }
      return true
    },
  })
}

function isLoaded(): boolean {
  return (process as unknown as { moduleLoadList: string[] }).moduleLoadList.includes(
    'NativeModule internal/http2/core',
  )
}

function replaceConsume(natives: Natives, drain: () => void): void {
  const { TCP } = natives
  const [session, stream] = prototypes()
  if (session === null) return
  runTicksBetweenCallbacks(natives, stream === null ? [session] : [session, stream], drain)
  const { consume } = session
  session.consume = function (handle) {
    const tcp = handle instanceof TCP ? tcpState.of(handle as unknown as NativeTcp) : null
    return consume.call(this, tcp ? tcp.jsStream().native : handle)
  }
}

/** The native classes of sessions and of streams, seen on a request that leads nowhere. */
function prototypes(): [session: Http2Session | null, stream: object | null] {
  const { connect } = process.getBuiltinModule('node:http2')
  const { Duplex } = process.getBuiltinModule('node:stream')
  const nowhere = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  const session = connect('http://localhost', { createConnection: () => nowhere })
  const stream = session.request()
  for (const each of [session, stream]) each.on('error', () => {})
  const found = [session, stream].map(handlePrototype)
  session.destroy()
  return found as [Http2Session | null, object | null]
}

function handlePrototype(owner: object): object | null {
  for (const symbol of Object.getOwnPropertySymbols(owner)) {
    const value = (owner as Record<symbol, unknown>)[symbol]
    if (symbol.description === 'kHandle' && typeof value === 'object' && value !== null)
      return Object.getPrototypeOf(value) as object
  }
  return null
}
