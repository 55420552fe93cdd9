/**
 * The bridge to Node's JSStream, on which C++ code (TLS, HTTP/2) sits when the handle below belongs to a stack.
 *
 * C++ calls back into the program while it is in the midst of its work. Above a socket of the host's it is called by libuv, and an
 * exception of the program ends there. Here it is called from JavaScript, so an exception would unwind through it, and leave it, and on
 * Node 20 the process, in pieces: callbacks of TLS are guarded, and what they throw is thrown on when C++ has finished.
 *
 * @module
 */
import type { NativeJsStream, NativeRequest, Natives, NativeTcp } from './native.ts'
import type { VirtualTcp } from './virtual-tcp.ts'

type Callback = (this: unknown, ...args: unknown[]) => unknown

export class JsStreamBridge {
  /** How many pieces of data C++ is working on at this moment, in all bridges of the thread. */
  private static reading = 0

  readonly native: NativeJsStream
  /** The TLS side that sits on the stream. */
  private tls: NativeTcp | null = null
  private guarded = true
  /** How deep in calls to C++ that this bridge has made. */
  private depth = 0
  private thrown: { readonly error: unknown } | null = null

  constructor({ JSStream }: Natives, tcp: VirtualTcp, handle: NativeTcp) {
    const native = new JSStream()
    native.isClosing = () => tcp.isClosed
    native.onreadstart = () => tcp.readStart()
    native.onreadstop = () => tcp.readStop()
    native.onwrite = (request, buffers) => {
      const error = tcp.writeError
      return error !== 0 ? error : tcp.written(tcp.writes.fromStream(this, request, buffers))
    }
    native.onshutdown = (request) => tcp.shutdown(request, this)
    // Without it Node aborts when data arrives after TLS has let go of the stream.
    native.onread = (buffer) => handle.onread?.(buffer)
    this.native = native
  }

  /** TLS has taken the stream. */
  wrapped(tls: NativeTcp): void {
    this.tls = tls
    this.guarded = false
  }

  /** A JSStream cannot carry errors: who is to be told of one past it. */
  get errorTarget(): NativeTcp | null {
    return this.tls
  }

  /** Whether callbacks come from C++ that is at work on data of a stack's. */
  static get isReading(): boolean {
    return JsStreamBridge.reading > 0
  }

  readBuffer(bytes: Uint8Array): void {
    this.enter()
    JsStreamBridge.reading++
    try {
      this.native.readBuffer(bytes)
    } finally {
      JsStreamBridge.reading--
      this.leave()
    }
  }

  emitEOF(): void {
    this.enter()
    try {
      this.native.emitEOF()
    } finally {
      this.leave()
    }
  }

  finishWrite(request: NativeRequest, status: number): void {
    this.enter()
    try {
      this.native.finishWrite(request, status)
    } finally {
      this.leave()
    }
  }

  finishShutdown(request: NativeRequest, status: number): void {
    this.enter()
    try {
      this.native.finishShutdown(request, status)
    } finally {
      this.leave()
    }
  }

  private enter(): void {
    if (!this.guarded) this.guard()
    this.depth++
  }

  private leave(): void {
    if (--this.depth > 0 || this.thrown === null) return
    const { error } = this.thrown
    this.thrown = null
    throw error
  }

  /** Node sets the callbacks right after it has wrapped the handle. */
  private guard(): void {
    this.guarded = true
    const tls = this.tls as unknown as Record<string, unknown>
    for (const name of ['onread', ...Object.keys(tls)]) {
      const callback = tls[name]
      if (name.startsWith('on') && typeof callback === 'function') tls[name] = this.guarding(callback as Callback)
    }
  }

  private guarding(callback: Callback): Callback {
    const bridge = this
    return function (...args) {
      if (bridge.depth === 0) return callback.apply(this, args)
      try {
        return callback.apply(this, args)
      } catch (error) {
        bridge.catch(error)
        return undefined
      }
    }
  }

  private catch(error: unknown): void {
    if (this.thrown === null) this.thrown = { error }
    else {
      // One call throws one exception; the others are thrown by themselves.
      setImmediate(() => {
        throw error
      })
    }
  }
}
