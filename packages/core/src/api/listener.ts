/**
 * A TCP listener by promises and async iteration.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { type Pollable, READABLE } from '../contract/readiness.ts'
import type { Listener } from '../contract/socket.ts'
import type { Stack } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'
import { Connection } from './connection.ts'
import { type ListenAddress, openListener } from './open-socket.ts'
import { Pending, throwIfAborted, type WaitOptions } from './pending.ts'

/**
 * Accepts connections from now on; the port is known on return.
 *
 * ```ts
 * await using listener = listen(stack, { port: 7 })
 * for await (const connection of listener) connection.readable.pipeTo(connection.writable)
 * ```
 * @throws NetError EADDRINUSE, EADDRNOTAVAIL, EMFILE, EINVAL.
 */
export function listen(stack: Stack, options: ListenAddress): ConnectionListener {
  return new ConnectionListener(openListener(stack, options))
}

export class ConnectionListener implements AsyncDisposable, AsyncIterable<Connection> {
  /** The socket below. */
  readonly socket: Listener
  private readonly waiting: Accept[] = []
  private closed = false

  /** @param socket from now on the listener's. */
  constructor(socket: Listener) {
    this.socket = socket
    socket.owner = this
    socket.onReady = onListenerReady
    socket.interest = 0
  }

  get address(): IpAddress {
    return this.socket.localAddress as IpAddress
  }

  get port(): number {
    return this.socket.localPort
  }

  /** Waits for the next connection. @throws NetError ECANCELED when the listener is closed, ETIMEDOUT; AbortError. */
  async accept(options: WaitOptions = {}): Promise<Connection> {
    throwIfAborted(options)
    if (this.closed) throw closedError()
    const socket = this.waiting.length === 0 ? this.socket.accept() : null
    if (socket !== null) return new Connection(socket)
    const accept = new Accept(this.socket.scheduler, { syscall: 'accept' }, options)
    this.waiting.push(accept)
    this.socket.interest = READABLE
    return await accept.promise
  }

  /** The connections until the listener is closed. Leaving the loop leaves the listener open. */
  async *[Symbol.asyncIterator](): AsyncIterator<Connection> {
    while (!this.closed) {
      try {
        yield await this.accept()
      } catch (error) {
        if (!this.closed) throw error
      }
    }
  }

  /** Accepts no more; connections that nobody accepted are reset, those accepted go on. Idempotent. */
  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.socket.interest = 0
    this.socket.onReady = null
    this.socket.owner = null
    this.socket.close()
    for (const accept of this.waiting.splice(0)) accept.fail(closedError())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal */
  upcall(): void {
    while (this.waiting[0] !== undefined) {
      const [accept] = this.waiting
      if (!accept.over) {
        const socket = this.socket.accept()
        if (socket === null) return
        accept.succeed(new Connection(socket))
      }
      this.waiting.shift()
    }
    this.socket.interest = 0
  }
}

class Accept extends Pending<Connection> {
  over = false

  protected override ended(): void {
    this.over = true
  }
}

function onListenerReady(source: Pollable): void {
  ;(source.owner as ConnectionListener).upcall()
}

function closedError(): NetError {
  return new NetError('ECANCELED', 'accept')
}
