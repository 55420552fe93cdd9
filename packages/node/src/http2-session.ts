/**
 * HTTP/2 without TLS: its C++ side consumes the socket's handle. For a handle on a stack, that is a JSStream.
 *
 * The class is out of reach until `node:http2` is loaded, and then only by way of a session. Node reads `isStreamBase` of each handle
 * before a session takes it: the moment to look.
 *
 * @module
 */
import { tcpState } from './handle-state.ts'
import type { Natives, NativeTcp } from './native.ts'

interface Http2Session {
  consume(handle: object): void
}

export function interceptHttp2(natives: Natives): void {
  const { TCP } = natives
  let done = false
  Object.defineProperty(TCP.prototype, 'isStreamBase', {
    configurable: true,
    enumerable: true,
    get(this: NativeTcp) {
      // A client's session takes a handle before it connects, when nothing is decided yet.
      if (!done && tcpState.of(this) !== null && isLoaded()) {
        done = true
        replaceConsume(natives)
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

function replaceConsume({ TCP }: Natives): void {
  const prototype = sessionPrototype()
  if (prototype === null) return
  const { consume } = prototype
  prototype.consume = function (handle) {
    const tcp = handle instanceof TCP ? tcpState.of(handle as unknown as NativeTcp) : null
    return consume.call(this, tcp ? tcp.jsStream().native : handle)
  }
}

/** The native class of sessions, seen on a session that leads nowhere. */
function sessionPrototype(): Http2Session | null {
  const { connect } = process.getBuiltinModule('node:http2')
  const { Duplex } = process.getBuiltinModule('node:stream')
  const nowhere = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  const session = connect('http://localhost', { createConnection: () => nowhere })
  session.on('error', () => {})
  for (const symbol of Object.getOwnPropertySymbols(session)) {
    const value = (session as unknown as Record<symbol, unknown>)[symbol]
    if (symbol.description !== 'kHandle' || typeof value !== 'object' || value === null) continue
    session.destroy()
    return Object.getPrototypeOf(value) as Http2Session
  }
  session.destroy()
  return null
}
