/**
 * Records what happens on a socket or server, in words that are the same on every network.
 *
 * @module
 */
import type { EventEmitter } from 'node:events'
import type net from 'node:net'

export type Trace = string[]

const SOCKET_EVENTS = [
  'lookup',
  'connectionAttempt',
  'connect',
  'ready',
  'end',
  'finish',
  'drain',
  'timeout',
  'pause',
  'resume',
  'close',
  'error',
]

/** Follows a socket's events; consecutive pieces of data are one entry. */
export function follow(socket: net.Socket, trace: Trace = []): Trace {
  for (const event of SOCKET_EVENTS) socket.on(event, (...args: unknown[]) => trace.push(word(event, args)))
  const push = socket.push
  // Not by a `data` listener: that would make the stream flow.
  socket.push = function (chunk: unknown, ...rest: []) {
    const last = trace.at(-1)
    if (chunk instanceof Uint8Array) {
      const before = last?.startsWith('data ') ? Number(trace.pop()?.slice(5)) : 0
      trace.push(`data ${before + chunk.length}`)
    } else if (chunk === null) trace.push('push null')
    return push.call(this, chunk, ...rest)
  }
  return trace
}

function word(event: string, args: unknown[]): string {
  if (event === 'error') return `error ${describe(args[0])}`
  if (event === 'close') return `close ${String(args[0])}`
  return event
}

export function describe(error: unknown): string {
  const { code, syscall } = error as NodeJS.ErrnoException
  return `${code} ${syscall ?? ''}`.trim()
}

/** Resolves with the arguments of the next such event; unlike `events.once`, an `error` does not reject it. */
export function event(emitter: EventEmitter, name: string): Promise<unknown[]> {
  return new Promise((resolve) => emitter.once(name, (...args) => resolve(args)))
}
