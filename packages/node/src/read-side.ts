/**
 * What arrives on one socket, and how it reaches Node: by `onread` with results in the shared array, into a buffer of the program, or
 * through the JSStream on which TLS sits.
 *
 * @module
 */
import { END, type TcpSocket, WOULD_BLOCK } from '@ioth/core'
import { errnoOfFailure } from './errno.ts'
import type { JsStreamBridge } from './js-stream.ts'
import type { NativeTcp, StreamState } from './native.ts'
import { receiveBuffer } from './receive-buffer.ts'

/** libuv's UV_EOF, the same on all systems. */
const EOF = -4095

export class ReadSide {
  /** Octets delivered. */
  bytesRead = 0
  /** Whether Node wants to be told. */
  active = false
  /** Where C++ code reads from, if there is any. */
  stream: JsStreamBridge | null = null
  /** A buffer of the program's, to be filled again and again. */
  userBuffer: Uint8Array | null = null

  private ended = false
  private readonly handle: NativeTcp
  private readonly results: StreamState

  constructor(handle: NativeTcp, results: StreamState) {
    this.handle = handle
    this.results = results
  }

  start(): void {
    this.active = !this.ended
  }

  /** The connection was given away, and is over. */
  endOfGiven(): void {
    if (this.ended) return
    this.ended = true
    this.active = false
    this.deliver(this.handle, EOF, undefined, 0)
  }

  /** Delivers one piece of what has arrived, or the end, or the failure, after which it is no longer active. Runs code of the program. */
  readOne(tcp: TcpSocket): void {
    const { stream, userBuffer } = this
    if (userBuffer !== null && stream === null) {
      this.readInto(tcp, userBuffer)
      return
    }
    const space = receiveBuffer.space()
    const count = tcp.read(space, 0, space.length)
    if (count <= 0) {
      this.stop(tcp, count)
      return
    }
    this.bytesRead += count
    if (stream !== null) {
      stream.readBuffer(space.subarray(0, count))
    } else {
      const bytes = receiveBuffer.take(count)
      this.deliver(this.handle, count, bytes.buffer, bytes.byteOffset)
    }
  }

  private readInto(tcp: TcpSocket, buffer: Uint8Array): void {
    const count = tcp.read(buffer, 0, buffer.length)
    if (count <= 0) {
      this.stop(tcp, count)
      return
    }
    this.bytesRead += count
    const next = this.deliver(this.handle, count, undefined, 0)
    if (next instanceof Uint8Array) this.userBuffer = next
  }

  /** As in libuv, reading stops by itself at the end of the stream, and at a failure. */
  private stop(tcp: TcpSocket, result: number): void {
    if (result === WOULD_BLOCK) return
    this.ended = true
    this.active = false
    if (result !== END) {
      // A JSStream cannot carry errors: its consumer is told past it.
      this.deliver(this.stream?.errorTarget ?? this.handle, errnoOfFailure(tcp.error, 'ECONNRESET'), undefined, 0)
    } else if (this.stream !== null) this.stream.emitEOF()
    else this.deliver(this.handle, EOF, undefined, 0)
  }

  private deliver(to: NativeTcp, result: number, buffer: ArrayBufferLike | undefined, offset: number): unknown {
    const { state, readBytesOrError, arrayBufferOffset } = this.results
    state[readBytesOrError] = result
    state[arrayBufferOffset] = offset
    return to.onread?.(buffer)
  }
}
