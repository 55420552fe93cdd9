/**
 * Watching one socket: its segments, states and timers.
 *
 * @module
 */
import { type Endpoint, EventQueue } from '@ioth/core'
import type { TraceEvent } from '../tcp/trace.ts'
import { notImplemented } from './endpoint.ts'
import { ListenerSocket } from './listener-socket.ts'
import { StreamSocket } from './stream-socket.ts'

/**
 * Tells what happens to a TCP socket of this backend from now on; of a listener, what happens to the connections that it will accept.
 * The listener is called in a turn, one event at a time and in order, and may call the stack.
 * @returns ends it.
 * @throws NetError ERR_IOTH_NOT_IMPLEMENTED for sockets of other kinds.
 */
export function traceSocket(socket: Endpoint, hear: (event: TraceEvent) => void): () => void {
  if (!(socket instanceof StreamSocket || socket instanceof ListenerSocket))
    throw notImplemented('traces of this socket')
  const events = new EventQueue<TraceEvent>(socket.scheduler, hear)
  socket.trace(events)
  return () => events.stop()
}
