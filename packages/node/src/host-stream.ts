/**
 * TLS takes a handle before it connects, when nobody knows yet that its destination is the host's (`--host`). By then the stack's
 * JSStream is under it; from here on that stream is fed by the native handle instead.
 *
 * @module
 */
import { setImmediate } from 'node:timers'
import type { JsStreamBridge } from './js-stream.ts'
import type { NativeRequest, Natives, NativeTcp } from './native.ts'

/** libuv's UV_EOF, the same on all systems. */
const EOF = -4095

/** The native methods, as Node's own JavaScript calls them. */
interface NativeStream extends NativeTcp {
  readonly fd: number
  readStart(): number
  readStop(): number
  /** Up to Node 24 a number; from 26 on also the request, which it makes itself. */
  writev(request: NativeRequest | null, buffers: readonly Uint8Array[], allBuffers: true): number | NativeRequest
  shutdown(request: NativeRequest): number
}

/** Joins a handle, which is the host's by now, to the stream. */
export function feedFromHost(natives: Natives, given: NativeTcp, bridge: JsStreamBridge): void {
  const { state, readBytesOrError, arrayBufferOffset, lastWriteWasAsync, lastWriteErr } = natives.stream
  const handle = given as NativeStream
  const stream = bridge.native

  handle.onread = (buffer) => {
    const result = state[readBytesOrError] as number
    if (result > 0) {
      bridge.readBuffer(new Uint8Array(buffer as ArrayBuffer, state[arrayBufferOffset] as number, result))
    } else if (result === EOF) bridge.emitEOF()
    else if (result < 0) bridge.errorTarget?.onread?.(undefined)
    return undefined
  }
  stream.isClosing = () => handle.fd < 0
  stream.onreadstart = () => handle.readStart()
  stream.onreadstop = () => handle.readStop()
  stream.onshutdown = (request) => {
    const own = new natives.ShutdownWrap()
    own.oncomplete = (status) => bridge.finishShutdown(request, status)
    return handle.shutdown(own)
  }
  stream.onwrite = (request, buffers) => {
    const finish = (status: number): void => bridge.finishWrite(request, status)
    // Called back later in every case: C++ expects no end of a write within its beginning.
    const finishLater = (status: number): void => void setImmediate(finish, status)
    if (lastWriteErr === undefined) {
      const own = new natives.WriteWrap()
      own.oncomplete = finish
      const status = handle.writev(own, buffers, true) as number
      if (status === 0 && state[lastWriteWasAsync] === 0) finishLater(0)
      return status
    }
    const result = handle.writev(null, buffers, true)
    if (typeof result === 'number') {
      if (result === 0) finishLater(0)
      return result
    }
    const status = state[lastWriteErr] as number
    if (status !== 0) return status
    result.oncomplete = finish
    const early = (result as { writeStatus?: number | null }).writeStatus
    if (typeof early === 'number') finishLater(early)
    return 0
  }
}
