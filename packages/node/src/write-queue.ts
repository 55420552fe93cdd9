/**
 * Writes of one socket. What the send buffer takes at once is finished synchronously, as libuv does; the rest waits here, in
 * memory that its writer keeps unchanged until the request is done.
 *
 * @module
 */
import { AsyncResource } from 'node:async_hooks'
import { FAILED, type TcpSocket } from '@ioth/core'
import { errnoOfFailure } from './errno.ts'
import type { JsStreamBridge } from './js-stream.ts'
import type { NativeRequest, StreamState } from './native.ts'

/** Strings up to a third of this are encoded without allocating: the stack copies at once. */
const encoded = Buffer.allocUnsafeSlow(16384)

class PendingWrite {
  readonly request: NativeRequest
  /** The JSStream through which it came, null for a write on the handle itself. */
  readonly stream: JsStreamBridge | null
  readonly pieces: Uint8Array[]
  next: PendingWrite | null = null
  status = 0
  private readonly scope: AsyncResource | null

  constructor(request: NativeRequest, stream: JsStreamBridge | null, pieces: Uint8Array[]) {
    this.request = request
    this.stream = stream
    this.pieces = pieces
    // JSStream's own requests carry their async context.
    this.scope = stream === null ? new AsyncResource('IOTH_WRITE', { requireManualDestroy: true }) : null
  }

  finish(): void {
    if (this.stream !== null) this.stream.finishWrite(this.request, this.status)
    else this.scope?.runInAsyncScope(complete, undefined, this.request, this.status)
    this.scope?.emitDestroy()
  }
}

function complete(request: NativeRequest, status: number): void {
  if (typeof request.oncomplete === 'function') request.oncomplete(status)
}

/** Node 26 expects the request from the write method: `oncomplete` and the rest are filled in by `stream_base_commons`. */
class WriteRequest implements NativeRequest {
  oncomplete: NativeRequest['oncomplete'] = undefined
  error: string | undefined = undefined
  /** Null: not completed before the caller filled the request in. */
  writeStatus: number | null = null
}

/** What takes the octets: a connection of a stack, or who stands in for one. */
export type Writable = Pick<TcpSocket, 'write' | 'error'>

export type StringEncoding = 'latin1' | 'utf8' | 'utf16le'

export class WriteQueue {
  /** Octets handed in by all writes, whether sent or waiting. */
  bytesWritten = 0
  /** Octets that wait here. */
  waiting = 0

  private readonly results: StreamState
  private tcp: Writable | null = null
  private first: PendingWrite | null = null
  private last: PendingWrite | null = null
  /** Finished writes whose callbacks have not run yet. */
  private finished: PendingWrite | null = null
  // The write that is being handed in: octets so far, what the send buffer did not take, and why it failed.
  private bytes = 0
  private rest: Uint8Array[] | null = null
  private failure = 0

  constructor(results: StreamState) {
    this.results = results
  }

  attach(tcp: Writable): void {
    this.tcp = tcp
  }

  /** Whether a write waits for room in the send buffer. */
  get blocked(): boolean {
    return this.first !== null
  }

  /** Whether a write is not called back yet. */
  get busy(): boolean {
    return this.first !== null || this.finished !== null
  }

  /** Whether callbacks are due. */
  get due(): boolean {
    return this.finished !== null
  }

  buffer(request: NativeRequest | null, data: Uint8Array): number | NativeRequest {
    this.put(data, 0, data.length, false)
    return this.dispatch(request)
  }

  string(request: NativeRequest | null, text: string, encoding: StringEncoding): number | NativeRequest {
    this.putString(text, encoding)
    return this.dispatch(request)
  }

  vector(request: NativeRequest | null, chunks: readonly unknown[], allBuffers: boolean): number | NativeRequest {
    if (allBuffers) {
      for (const chunk of chunks as Uint8Array[]) this.put(chunk, 0, chunk.length, false)
    } else {
      for (let i = 0; i < chunks.length; i += 2) {
        const chunk = chunks[i]
        if (typeof chunk === 'string') this.putText(chunk, chunks[i + 1] as BufferEncoding)
        else this.put(chunk as Uint8Array, 0, (chunk as Uint8Array).length, false)
      }
    }
    return this.dispatch(request)
  }

  /** A write that came through the handle's JSStream: always finished later, never inside this call. */
  fromStream(stream: JsStreamBridge, request: NativeRequest, buffers: readonly Uint8Array[]): number {
    for (const buffer of buffers) this.put(buffer, 0, buffer.length, false)
    const { rest, failure } = this.take()
    if (failure !== 0) return failure
    const write = new PendingWrite(request, stream, rest ?? [])
    if (rest === null) this.finishLater(write)
    else this.wait(write)
    return 0
  }

  /** Hands over what waits, as far as the send buffer takes it. Runs no callback. */
  flush(): void {
    for (let write = this.first; write !== null; write = this.first) {
      const { pieces } = write
      while (pieces.length > 0) {
        const piece = pieces[0] as Uint8Array
        const taken = (this.tcp as Writable).write(piece, 0, piece.length)
        if (taken === FAILED) {
          this.fail(errnoOfFailure((this.tcp as Writable).error, 'EPIPE'))
          return
        }
        if (taken > 0) this.waiting -= taken
        if (taken !== piece.length) {
          if (taken > 0) pieces[0] = piece.subarray(taken)
          return
        }
        pieces.shift()
      }
      this.first = write.next
      if (this.first === null) this.last = null
      this.finishLater(write)
    }
  }

  /** Gives up all that waits. Runs no callback. */
  fail(status: number): void {
    for (let write = this.first; write !== null; write = this.first) {
      this.first = write.next
      write.status = status
      this.finishLater(write)
    }
    this.last = null
    this.waiting = 0
  }

  /** Runs the callback of the oldest finished write. */
  finishOne(): void {
    const write = this.finished
    if (write === null) return
    this.finished = write.next
    write.finish()
  }

  private wait(write: PendingWrite): void {
    if (this.last === null) this.first = write
    else this.last.next = write
    this.last = write
    for (const piece of write.pieces) this.waiting += piece.length
  }

  private finishLater(write: PendingWrite): void {
    write.next = null
    if (this.finished === null) {
      this.finished = write
      return
    }
    let last = this.finished
    while (last.next !== null) last = last.next
    last.next = write
  }

  /** Takes up the result of the `put`s before. */
  private take(): { rest: Uint8Array[] | null; failure: number } {
    const { rest, failure, bytes } = this
    this.rest = null
    this.failure = 0
    this.bytes = 0
    // Those of a write that fails count as well, as in libuv.
    this.bytesWritten += bytes
    return { rest, failure }
  }

  /** Ends a write on the handle itself, in the manner of Node's `StreamBase`: results lie in the shared array. */
  private dispatch(request: NativeRequest | null): number | NativeRequest {
    const { state, bytesWritten, lastWriteWasAsync, lastWriteErr } = this.results
    state[bytesWritten] = this.bytes
    if (this.rest === null && this.failure === 0) {
      this.bytesWritten += this.bytes
      this.bytes = 0
      state[lastWriteWasAsync] = 0
      return 0
    }
    const { rest, failure } = this.take()
    state[lastWriteWasAsync] = failure === 0 ? 1 : 0
    if (failure !== 0) return failure
    const made = request ?? new WriteRequest()
    this.wait(new PendingWrite(made, null, rest as Uint8Array[]))
    if (lastWriteErr === undefined) return 0
    state[lastWriteErr] = 0
    return made
  }

  private put(memory: Uint8Array, offset: number, length: number, transient: boolean): void {
    this.bytes += length
    if (this.failure !== 0 || length === 0) return
    let taken = 0
    if (this.rest === null && this.first === null) {
      taken = (this.tcp as Writable).write(memory, offset, length)
      if (taken === length) return
      if (taken === FAILED) {
        this.failure = errnoOfFailure((this.tcp as Writable).error, 'EPIPE')
        return
      }
      if (taken < 0) taken = 0
    }
    this.rest ??= []
    const rest = memory.subarray(offset + taken, offset + length)
    this.rest.push(transient ? new Uint8Array(rest) : rest)
  }

  private putString(text: string, encoding: StringEncoding): void {
    if (text.length * 3 <= encoded.length) {
      this.put(encoded, 0, encoded.write(text, 0, encoding), true)
    } else {
      const bytes = Buffer.from(text, encoding)
      this.put(bytes, 0, bytes.length, false)
    }
  }

  private putText(text: string, encoding: BufferEncoding): void {
    switch (encoding) {
      case 'latin1':
      case 'utf8':
        this.putString(text, encoding)
        break
      default: {
        const bytes = Buffer.from(text, encoding)
        this.put(bytes, 0, bytes.length, false)
      }
    }
  }
}
