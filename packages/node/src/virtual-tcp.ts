/**
 * The stack's side of one of Node's TCP handles: a connection, or a listener. Its methods are those of the native class and give
 * libuv's results; results that come later run as upcalls of the stack's scheduler, in the async context of the handle.
 *
 * @module
 */
import { AsyncResource } from 'node:async_hooks'
import type { Duplex } from 'node:stream'
import {
  ERROR,
  FAILED,
  type IpAddress,
  type Listener,
  NetError,
  type OptionName,
  Pollable,
  READABLE,
  type Scheduler,
  type Stack,
  type TcpSocket,
  WOULD_BLOCK,
  WRITABLE,
} from '@ioth/core'
import { destination, readAddress, type SocketName, writeName } from './addresses.ts'
import { errno, errnoOfFailure, errnoOfThrown } from './errno.ts'
import { JsStreamBridge } from './js-stream.ts'
import type { NativeRequest, NativeTcp } from './native.ts'
import type { Passing } from './passing.ts'
import { ReadSide } from './read-side.ts'
import type { Followed } from './report/traffic.ts'
import type { TcpEnvironment } from './tcp-environment.ts'
import { WriteQueue } from './write-queue.ts'

// What is due on the handle itself, as opposed to its socket in the stack.
const CONNECT_DONE = 1
const WRITE_DONE = 2
const SHUTDOWN_DONE = 4

export class VirtualTcp extends Pollable {
  readonly scheduler: Scheduler
  readonly stack: Stack
  readonly handle: NativeTcp
  readonly reads: ReadSide
  readonly writes: WriteQueue

  private readonly environment: TcpEnvironment
  private tcp: TcpSocket | null = null
  private listener: Listener | null = null
  private scope: AsyncResource | null = null
  private family: 4 | 6 = 4
  /** A connection was tried: from here on the handle has a name, if only that of nobody. */
  private tried = false
  private delayedError = 0
  private referenced: boolean
  private closed = false
  private holding = false
  private connectRequest: NativeRequest | null = null
  private connectStatus = 0
  private shutdownRequest: NativeRequest | null = null
  private shutdownStream: JsStreamBridge | null = null
  private shutDown = false
  /** Options given before there was a socket. */
  private options: [option: OptionName, value: number][] | null = null
  private followed: Followed | null = null
  /** The connection is another handle's. */
  private given = false
  /** Where it connects to. */
  private target: { readonly address: IpAddress; readonly port: number } | null = null

  constructor(environment: TcpEnvironment, handle: NativeTcp, stack: Stack) {
    super()
    this.environment = environment
    this.handle = handle
    this.stack = stack
    this.scheduler = stack.scheduler
    this.reads = new ReadSide(handle, environment.natives.stream)
    this.writes = new WriteQueue(environment.natives.stream)
    this.referenced = handle.hasRef()
    this.onReady = onHandleReady
    this.interest = CONNECT_DONE | WRITE_DONE | SHUTDOWN_DONE
  }

  /** Whether it is a connection, and open. */
  get isConnected(): boolean {
    return this.tcp !== null && this.listener === null && this.connectRequest === null && !this.closed
  }

  /** Whether it listens. */
  get isListening(): boolean {
    return this.listener !== null && !this.closed && !this.given
  }

  /** Gives the listener away, to another handle. */
  giveListenerAway(): Listener {
    const listener = this.listener as Listener
    listener.interest = 0
    this.given = true
    this.update()
    return listener
  }

  /** Gives the connection away, to another handle; what is written here follows it by {@link forwardTo}. */
  giveAway(): TcpSocket {
    const tcp = this.tcp as TcpSocket
    tcp.interest = 0
    tcp.onReady = null
    tcp.owner = null
    this.given = true
    this.reads.active = false
    this.update()
    return tcp
  }

  /** What the program goes on writing to a connection that was given away is written there, and its end is the end here. */
  forwardTo(connection: Duplex): void {
    this.writes.attach({
      error: null,
      write: (from, offset, length) => {
        if (connection.writableNeedDrain) return WOULD_BLOCK
        if (!connection.writable) return FAILED
        connection.write(Buffer.from(from.subarray(offset, offset + length)))
        return length
      },
    })
    connection.on('drain', () => this.context.runInAsyncScope(this.dispatchSocket, this, WRITABLE))
    connection.once('close', () => {
      if (!this.closed) this.context.runInAsyncScope(this.reads.endOfGiven, this.reads)
    })
  }

  /** The handle stands for a connection that a listener accepted. */
  adopt(connection: TcpSocket, listener: AsyncResource): void {
    this.scope = new AsyncResource('IOTH_TCP', { requireManualDestroy: true, triggerAsyncId: listener.asyncId() })
    this.family = connection.remoteAddress?.family ?? 4
    this.join(connection)
    if (this.environment.traffic !== null) this.follow('in', connection.localAddress, connection.localPort)
  }

  /** Nothing was asked of the stack yet: the handle can still become the host's. */
  get isFresh(): boolean {
    return this.tcp === null && this.listener === null && !this.closed
  }

  /** What was asked of the handle while it was fresh. */
  get givenOptions(): readonly (readonly [option: OptionName, value: number])[] {
    return this.options ?? []
  }

  private follow(direction: 'in' | 'out', address: IpAddress | null, port: number): void {
    const place = {
      direction,
      protocol: 'tcp',
      address: address?.unmapped().toString() ?? '',
      port,
      network: this.stack.name || this.stack.backend,
      rule: null,
    } as const
    this.followed =
      this.environment.traffic?.follow(place, () => [this.writes.bytesWritten, this.reads.bytesRead]) ?? null
  }

  // ---- addresses ----

  bind(text: string, port: number, family: 4 | 6, ipv6Only: boolean, reusePort: boolean): number {
    const address = readAddress(text)
    if (address === null || address.family !== family || this.closed) return errno('EINVAL')
    try {
      this.open(family).bind(address, port, { ipv6Only, reusePort })
    } catch (error) {
      const number = errnoOfThrown(error)
      if (number !== errno('EADDRINUSE')) return number
      // libuv tells it at the next call: Node's error texts depend on that.
      this.delayedError = number
    }
    return 0
  }

  getsockname(name: SocketName): number {
    if (this.delayedError !== 0) return this.delayedError
    const endpoint = this.listener ?? this.tcp
    if (this.closed || (endpoint === null && !this.tried)) return errno('EBADF')
    writeName(name, endpoint?.localAddress ?? null, this.family, endpoint?.localPort ?? 0, this.stack.interfaces)
    return 0
  }

  getpeername(name: SocketName): number {
    if (this.tcp === null || this.closed) return errno('EBADF')
    if (this.tcp.remoteAddress === null || this.connectRequest !== null) return errno('ENOTCONN')
    writeName(name, this.tcp.remoteAddress, this.family, this.tcp.remotePort, this.stack.interfaces)
    return 0
  }

  // ---- connect, listen ----

  connect(request: NativeRequest, text: string, port: number, family: 4 | 6): number {
    const address = readAddress(text)
    if (address === null || address.family !== family || this.closed) return errno('EINVAL')
    if (this.connectRequest !== null) return errno('EALREADY')
    if (this.delayedError !== 0) {
      this.connectRequest = request
      this.connectLater(this.delayedError)
    } else {
      const status = this.startConnect(destination(address), port, family)
      if (status !== 0) return status
      this.connectRequest = request
    }
    this.scope = new AsyncResource('IOTH_TCP', { requireManualDestroy: true })
    this.update()
    return 0
  }

  private startConnect(address: IpAddress, port: number, family: 4 | 6): number {
    this.tried = true
    this.family = family
    this.target = { address, port }
    if (this.environment.traffic !== null) this.follow('out', address, port)
    try {
      const tcp = this.open(family)
      tcp.connect(address, port)
      this.join(tcp)
      return 0
    } catch (error) {
      this.followed?.failed()
      const status = (error as { errno?: number } | null)?.errno
      if (typeof status !== 'number') return this.environment.destroyOwner(this.handle, error) ? 0 : raise(error)
      // As on a host whose IPv6 is switched off.
      if (status === errno('EAFNOSUPPORT') && address.isLoopback) return errno('EADDRNOTAVAIL')
      const unreachable = status === errno('ENETUNREACH') || status === errno('EAFNOSUPPORT')
      if (unreachable) this.environment.failed(this.stack, address, port, 'no route')
      return unreachable ? errno('ENETUNREACH') : status
    }
  }

  private connectLater(status: number): void {
    this.connectStatus = status
    this.raise(CONNECT_DONE)
  }

  private finishConnect(status: number): void {
    const request = this.connectRequest
    if (request === null) return
    this.connectRequest = null
    if (status !== 0) this.connectFailed(status)
    this.update()
    // A happy-eyeballs attempt that timed out has taken its callback away.
    if (typeof request.oncomplete === 'function') request.oncomplete(status, this.handle, request, true, true)
  }

  private connectFailed(status: number): void {
    this.followed?.failed()
    const { target } = this
    if (status !== errno('ECONNREFUSED') || !target?.address.unmapped().isLoopback) return
    this.environment.failed(this.stack, target.address, target.port, 'refused')
  }

  listen(backlog: number): number {
    if (this.delayedError !== 0) return this.delayedError
    try {
      this.startListening(this.open(this.family).listen(backlog))
    } catch (error) {
      return errnoOfThrown(error)
    }
    return 0
  }

  /** The handle stands for a listener from now on. */
  startListening(listener: Listener): void {
    this.listener = listener
    this.scope = new AsyncResource('IOTH_TCP_SERVER', { requireManualDestroy: true })
    listener.owner = this
    listener.onReady = onListenerReady
    listener.interest = READABLE | ERROR
    this.update()
  }

  /** One connection of the listener. As in libuv it is made in no context, and announced in the listener's. */
  acceptOne(): void {
    const { listener, scope } = this
    if (listener === null || scope === null) return
    const connection = listener.accept()
    if (connection !== null) {
      const accepted = this.environment.accept(this.stack, connection, scope)
      scope.runInAsyncScope(this.announce, this, 0, accepted)
    } else if (listener.error !== null) {
      listener.interest = 0
      scope.runInAsyncScope(this.announce, this, errnoOfFailure(listener.error, 'ENETDOWN'), null)
    }
  }

  private announce(status: number, accepted: VirtualTcp | null): void {
    const { onconnection } = this.handle
    if (typeof onconnection !== 'function') accepted?.close(undefined)
    else if (accepted === null) onconnection.call(this.handle, status)
    else onconnection.call(this.handle, status, accepted.handle)
  }

  private open(family: 4 | 6): TcpSocket {
    if (this.tcp === null) {
      const tcp = this.stack.openTcp(family)
      this.family = family
      this.tcp = tcp
      for (const [option, value] of this.options ?? []) setOption(tcp, option, value)
    }
    return this.tcp
  }

  private join(tcp: TcpSocket): void {
    this.tcp = tcp
    this.writes.attach(tcp)
    tcp.owner = this
    tcp.onReady = onSocketReady
  }

  /**
   * Lets the socket go to another process of the node: a connection leaves this one, and the handle stands for nothing any more; a bound or
   * listening one is held by both. @throws NetError ENOTCONN, EBADF
   */
  pass(passing: Passing): unknown {
    const { tcp, listener } = this
    const bound = listener ?? (tcp?.remoteAddress === null ? tcp : null)
    if (bound !== null && bound.localAddress !== null) {
      return passing.givePort(6, this.family, bound.localAddress, bound.localPort)
    }
    if (tcp === null || this.closed || this.connectRequest !== null || this.writes.blocked) {
      throw new NetError('ENOTCONN', 'send')
    }
    tcp.interest = 0
    try {
      const passed = passing.giveConnection(tcp)
      tcp.owner = null
      tcp.onReady = null
      this.tcp = null
      this.reads.active = false
      return passed
    } finally {
      this.update()
    }
  }

  // ---- reading ----

  readStart(): number {
    if (this.closed) return errno('EINVAL')
    this.reads.start()
    this.update()
    return 0
  }

  readStop(): number {
    this.reads.active = false
    this.update()
    return 0
  }

  // ---- writing ----

  /** What a write method leaves to be done after it has handed its octets over. */
  written<T>(result: T): T {
    if (this.writes.busy) {
      if (this.writes.due) this.raise(WRITE_DONE)
      this.update()
    }
    return result
  }

  /** Whether writing is possible at all; else the number to return. */
  get writeError(): number {
    return this.tcp === null || this.closed || this.connectRequest !== null ? errno('EBADF') : 0
  }

  shutdown(request: NativeRequest, stream: JsStreamBridge | null = null): number {
    if (this.tcp === null || this.closed || this.shutDown || this.connectRequest !== null) return errno('ENOTCONN')
    this.shutDown = true
    this.shutdownRequest = request
    this.shutdownStream = stream
    if (!this.writes.blocked) this.startShutdown()
    this.update()
    return 0
  }

  private startShutdown(): void {
    // The end of a connection that was given away is for who has it to say.
    if (!this.given) (this.tcp as TcpSocket).shutdown()
    this.raise(SHUTDOWN_DONE)
  }

  private finishShutdown(status: number): void {
    const request = this.shutdownRequest
    if (request === null) return
    this.shutdownRequest = null
    this.update()
    if (this.shutdownStream !== null) this.shutdownStream.finishShutdown(request, status)
    else if (typeof request.oncomplete === 'function') request.oncomplete(status)
  }

  // ---- options, references ----

  setOption(option: OptionName, value: number): number {
    if (this.tcp !== null) return setOption(this.tcp, option, value)
    this.options ??= []
    this.options.push([option, value])
    return 0
  }

  getOption(option: OptionName): number {
    if (this.tcp === null) return errno('EBADF')
    try {
      return this.tcp.getOption(option)
    } catch {
      return errno('ENOTSUP')
    }
  }

  setReferenced(referenced: boolean): void {
    this.referenced = referenced
    this.update()
  }

  // ---- the end ----

  close(done: (() => void) | undefined): void {
    this.end(done, false)
  }

  /** Closes with a RST. libuv refuses it amid a shutdown. */
  reset(done: (() => void) | undefined): number {
    if (this.shutdownRequest !== null) return errno('EINVAL')
    this.end(done, true)
    return 0
  }

  /** Hands over what waits, without a callback. @returns whether something still waits. */
  flushAtExit(): boolean {
    if (this.tcp === null || this.connectRequest !== null || !this.writes.blocked) return false
    this.writes.flush()
    return this.writes.blocked
  }

  private end(done: (() => void) | undefined, abortive: boolean): void {
    const { environment, handle } = this
    if (this.closed) {
      environment.closeNative(handle, done)
      return
    }
    this.closed = true
    this.reads.active = false
    this.interest = 0
    this.followed?.end()
    const pending = this.connectRequest !== null || this.writes.busy || this.shutdownRequest !== null
    this.leave(abortive)
    this.writes.fail(errno('ECANCELED'))
    this.update()
    this.scope?.emitDestroy()
    environment.closeNative(handle, pending ? () => this.cancel(done) : done)
  }

  private leave(abortive: boolean): void {
    if (this.given) return
    const { tcp, listener } = this
    for (const endpoint of [tcp, listener]) {
      if (endpoint === null) continue
      endpoint.interest = 0
      endpoint.onReady = null
      endpoint.owner = null
    }
    listener?.close()
    if (listener === null && abortive) tcp?.reset()
    else if (listener === null) tcp?.close()
  }

  /** Requests that closing cut short are called back with ECANCELED, in libuv's order, before the close itself is. */
  private cancel(done: (() => void) | undefined): void {
    const { environment } = this
    const canceled = errno('ECANCELED')
    this.finishConnect(canceled)
    environment.drain()
    while (this.writes.due) {
      this.writes.finishOne()
      environment.drain()
    }
    this.finishShutdown(canceled)
    environment.drain()
    done?.call(this.handle)
  }

  // ---- JSStream ----

  /** The stream through which C++ code (TLS) reads and writes this handle. */
  jsStream(): JsStreamBridge {
    this.reads.stream ??= new JsStreamBridge(this.environment.natives, this, this.handle)
    return this.reads.stream
  }

  get isClosed(): boolean {
    return this.closed
  }

  // ---- upcalls ----

  /** What is due on the handle itself: one callback. */
  dispatchOwn(): void {
    const due = this.ready
    if ((due & CONNECT_DONE) !== 0) {
      this.lower(CONNECT_DONE)
      this.finishConnect(this.connectStatus)
    } else if ((due & WRITE_DONE) !== 0) {
      this.finishWrite()
    } else if ((due & SHUTDOWN_DONE) !== 0) {
      this.lower(SHUTDOWN_DONE)
      this.finishShutdown(0)
    }
  }

  /** What the socket in the stack is ready for: one callback. */
  dispatchSocket(bits: number): void {
    if (this.connectRequest !== null) {
      const tcp = this.tcp as TcpSocket
      const failed = (bits & ERROR) !== 0
      this.finishConnect(failed ? errnoOfFailure(tcp.error, 'ECONNREFUSED') : 0)
      return
    }
    if ((bits & WRITABLE) !== 0 && this.writes.blocked) {
      this.writes.flush()
      if (!this.writes.blocked && this.shutdownRequest !== null) this.startShutdown()
      this.update()
    }
    // One callback an upcall, so that ticks run in between: reading goes first, as in libuv.
    if ((bits & READABLE) !== 0 && this.reads.active && !this.given) {
      if (this.writes.due) this.raise(WRITE_DONE)
      try {
        this.reads.readOne(this.tcp as TcpSocket)
      } finally {
        if (!this.reads.active) this.update()
      }
    } else if (this.writes.due) this.finishWrite()
  }

  private finishWrite(): void {
    this.writes.finishOne()
    // The callback may have written or closed.
    if (this.closed) return
    if (!this.writes.due) this.lower(WRITE_DONE)
    else this.raise(WRITE_DONE)
    this.update()
  }

  /** The handle's async context. */
  get context(): AsyncResource {
    return this.scope as AsyncResource
  }

  /** Brings interest and the hold on the event loop in line with what the handle is doing. */
  private update(): void {
    const request = this.connectRequest !== null || this.writes.busy || this.shutdownRequest !== null
    if (this.tcp !== null && this.listener === null && !this.closed && !this.given) {
      let interest = 0
      if (this.connectRequest !== null) interest = WRITABLE | ERROR
      else {
        if (this.reads.active) interest |= READABLE
        if (this.writes.blocked) interest |= WRITABLE
      }
      this.tcp.interest = interest
    }
    // libuv: a request holds the loop; a handle does when it is referenced and active.
    const hold =
      !this.closed && (request || (this.referenced && !this.given && (this.reads.active || this.listener !== null)))
    if (hold === this.holding) return
    this.holding = hold
    if (hold) this.scheduler.hold()
    else this.scheduler.release()
  }
}

function setOption(tcp: TcpSocket, option: OptionName, value: number): number {
  try {
    tcp.setOption(option, value)
    return 0
  } catch (error) {
    return (error as { errno?: number }).errno ?? errno('ENOTSUP')
  }
}

function raise(error: unknown): never {
  throw error
}

// One function each for all handles; the handle is the source itself, or in the owner's slot.
function onHandleReady(source: Pollable): void {
  const handle = source as VirtualTcp
  handle.context.runInAsyncScope(handle.dispatchOwn, handle)
}

function onSocketReady(source: Pollable, bits: number): void {
  const handle = source.owner as VirtualTcp
  handle.context.runInAsyncScope(handle.dispatchSocket, handle, bits)
}

function onListenerReady(source: Pollable): void {
  const handle = source.owner as VirtualTcp
  handle.acceptOne()
}
