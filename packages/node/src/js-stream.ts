/**
 * The bridge to Node's JSStream, on which C++ code (TLS) sits when the handle below belongs to a stack.
 *
 * @module
 */
import type { NativeJsStream, NativeTcp } from './native.ts'
import type { VirtualTcp } from './virtual-tcp.ts'

/** Joins a fresh JSStream to a handle. */
export function bridge(stream: NativeJsStream, tcp: VirtualTcp, handle: NativeTcp): NativeJsStream {
  stream.isClosing = () => tcp.isClosed
  stream.onreadstart = () => tcp.readStart()
  stream.onreadstop = () => tcp.readStop()
  stream.onwrite = (request, buffers) => {
    const error = tcp.writeError
    return error !== 0 ? error : tcp.written(tcp.writes.fromStream(stream, request, buffers))
  }
  stream.onshutdown = (request) => tcp.shutdown(request, stream)
  // Without it Node aborts when data arrives after TLS has let go of the stream.
  stream.onread = (buffer) => handle.onread?.(buffer)
  return stream
}
