/**
 * A stack without packets: connections are two byte queues in memory. It keeps the contract's promises and no more, so that a failure
 * seen on it is the interception's.
 *
 * @module
 */
import {
  ANY_V4,
  type Capabilities,
  CLOSED,
  END,
  ERROR,
  FAILED,
  type IpAddress,
  Job,
  type Listener,
  NetError,
  Pollable,
  parseIpAddress,
  READABLE,
  type Scheduler,
  type SocketInfo,
  type Stack,
  type TcpSocket,
  WOULD_BLOCK,
  WRITABLE,
} from '@ioth/core'

/** More than an HTTP/2 connection may have in flight: its sessions do not read while a write of theirs waits. */
const BUFFER = 262144

/** Runs things after the call that caused them, as a stack's segments do. */
class Courier extends Job {
  private errands: (() => void)[] = []
  private readonly scheduler: Scheduler
  constructor(scheduler: Scheduler) {
    super()
    this.scheduler = scheduler
  }
  later(errand: () => void): void {
    this.errands.push(errand)
    this.scheduler.defer(this)
  }
  run(): void {
    const errands = this.errands
    this.errands = []
    for (const errand of errands) errand()
  }
}

abstract class FakeEndpoint extends Pollable {
  readonly scheduler: Scheduler
  localAddress: IpAddress | null = null
  localPort = 0
  remoteAddress: IpAddress | null = null
  remotePort = 0
  error: NetError | null = null
  constructor(scheduler: Scheduler) {
    super()
    this.scheduler = scheduler
  }
  setOption(): void {}
  getOption(): number {
    return 0
  }
}

class FakeListener extends FakeEndpoint implements Listener {
  readonly waiting: FakeTcp[] = []
  private readonly stack: FakeStack
  constructor(stack: FakeStack, from: FakeTcp) {
    super(stack.scheduler)
    this.stack = stack
    this.localAddress = from.localAddress
    this.localPort = from.localPort
  }
  override get comesFirst(): boolean {
    return true
  }
  bind(): void {
    throw new NetError('EINVAL', 'bind')
  }
  accept(): TcpSocket | null {
    const next = this.waiting.shift() ?? null
    if (this.waiting.length === 0) this.lower(READABLE)
    return next
  }
  close(): void {
    this.stack.unbind(this.localPort)
    for (const socket of this.waiting.splice(0)) socket.reset()
    this.raise(CLOSED)
  }
}

class FakeTcp extends FakeEndpoint implements TcpSocket {
  state = 'CLOSED'
  peer: FakeTcp | null = null
  private received: Buffer[] = []
  private size = 0
  private finReceived = false
  private finSent = false
  private gone = false
  private readonly stack: FakeStack
  private readonly bound: { held: boolean } = { held: false }

  constructor(stack: FakeStack) {
    super(stack.scheduler)
    this.stack = stack
  }
  get bytesQueued(): number {
    return this.peer?.size ?? 0
  }
  bind(address: IpAddress, port: number): void {
    if (this.localAddress !== null) throw new NetError('EINVAL', 'bind')
    if (!this.stack.owns(address)) throw new NetError('EADDRNOTAVAIL', 'bind', { address: address.toString(), port })
    this.localPort = this.stack.bind(port)
    this.localAddress = address
    this.bound.held = true
  }
  listen(): Listener {
    if (this.localAddress === null) this.bind(ANY_V4, 0)
    const listener = new FakeListener(this.stack, this)
    this.stack.listeners.set(this.localPort, listener)
    return listener
  }
  connect(address: IpAddress, port: number): void {
    const source = this.stack.sourceFor(address)
    if (source === null) throw new NetError('ENETUNREACH', 'connect', { address: address.toString(), port })
    if (this.localAddress === null) this.localPort = this.stack.bind(0)
    if (this.localAddress === null || this.localAddress.isUnspecified) this.localAddress = source
    this.remoteAddress = address
    this.remotePort = port
    this.state = 'SYN-SENT'
    this.stack.courier.later(() => this.arrive(address, port))
  }
  private arrive(address: IpAddress, port: number): void {
    if (this.gone) return
    const listener = this.stack.listeners.get(port)
    if (listener === undefined) {
      this.fail(new NetError('ECONNREFUSED', 'connect', { address: address.toString(), port }))
      return
    }
    const peer = new FakeTcp(this.stack)
    peer.localAddress = address
    peer.localPort = port
    peer.remoteAddress = this.localAddress
    peer.remotePort = this.localPort
    peer.peer = this
    this.peer = peer
    this.state = peer.state = 'ESTABLISHED'
    peer.raise(WRITABLE)
    this.raise(WRITABLE)
    listener.waiting.push(peer)
    listener.raise(READABLE)
  }
  private fail(error: NetError): void {
    this.error = error
    this.peer = null
    this.state = 'CLOSED'
    this.raise(READABLE | WRITABLE | ERROR)
  }
  read(into: Uint8Array, offset: number, length: number): number {
    const first = this.received[0]
    if (first === undefined) {
      if (this.finReceived) return END
      return this.error !== null ? FAILED : WOULD_BLOCK
    }
    const count = Math.min(length, first.length)
    into.set(first.subarray(0, count), offset)
    if (count === first.length) this.received.shift()
    else this.received[0] = first.subarray(count)
    this.size -= count
    const { peer } = this
    if (peer !== null && !peer.finSent && this.size < (BUFFER * 2) / 3) peer.raise(WRITABLE)
    if (this.received.length === 0 && !this.finReceived && this.error === null) this.lower(READABLE)
    return count
  }
  lend(): number {
    throw new Error('not used here')
  }
  write(from: Uint8Array, offset: number, length: number): number {
    if (this.error !== null) return FAILED
    const { peer } = this
    if (peer === null || this.finSent) return FAILED
    const count = Math.min(length, BUFFER - peer.size)
    if (count < length) this.lower(WRITABLE)
    if (count <= 0) return WOULD_BLOCK
    const bytes = Buffer.from(from.slice(offset, offset + count))
    peer.size += count
    this.stack.courier.later(() => {
      if (peer.gone) return this.stack.courier.later(() => this.peer && this.fail(new NetError('ECONNRESET', 'read')))
      peer.received.push(bytes)
      peer.raise(READABLE)
    })
    return count
  }
  shutdown(): void {
    if (this.finSent) return
    this.finSent = true
    const { peer } = this
    this.stack.courier.later(() => {
      if (peer === null) return
      peer.finReceived = true
      peer.raise(READABLE)
    })
  }
  reset(): void {
    this.leave(true)
  }
  close(): void {
    this.leave(this.size > 0)
  }
  private leave(abortive: boolean): void {
    if (this.gone) return
    this.gone = true
    if (this.bound.held) this.stack.unbind(this.localPort)
    const { peer } = this
    if (abortive) {
      this.stack.courier.later(() => {
        if (peer !== null && !peer.gone) peer.fail(new NetError('ECONNRESET', 'read'))
      })
    } else this.shutdown()
    this.raise(CLOSED)
  }
}

/** The part of a stack that the interception uses. */
export class FakeStack {
  readonly backend = 'fake'
  readonly name = 'fake'
  readonly capabilities = { ipv6: false } as Capabilities
  readonly interfaces: Stack['interfaces'] = []
  readonly scheduler: Scheduler
  readonly courier: Courier
  readonly listeners: Map<number, FakeListener> = new Map()
  readonly closed: Promise<void> = new Promise(() => {})
  readonly nameServers: readonly IpAddress[] = []
  readonly searchDomains: readonly string[] = []
  private readonly ports = new Set<number>()
  private readonly addresses: readonly IpAddress[]
  private nextPort = 40000
  flushed = 0

  constructor(scheduler: Scheduler, addresses: readonly string[]) {
    this.scheduler = scheduler
    this.courier = new Courier(scheduler)
    this.addresses = addresses.map(parseIpAddress)
  }
  bind(port: number): number {
    if (port === 0) while (this.ports.has((port = ++this.nextPort)));
    if (this.ports.has(port)) throw new NetError('EADDRINUSE', 'bind')
    this.ports.add(port)
    return port
  }
  unbind(port: number): void {
    this.ports.delete(port)
    this.listeners.delete(port)
  }
  owns(address: IpAddress): boolean {
    return address.isUnspecified || address.isLoopback || this.addresses.some((own) => own.equals(address))
  }
  sourceFor(destination: IpAddress): IpAddress | null {
    return this.owns(destination) ? destination : null
  }
  openTcp(family: 4 | 6): TcpSocket {
    if (family === 6) throw new NetError('EAFNOSUPPORT', 'socket')
    return new FakeTcp(this)
  }
  sockets(): Iterable<SocketInfo> {
    return []
  }
  flush(): boolean {
    this.flushed++
    return true
  }
}

export function createFakeStack(scheduler: Scheduler, addresses: readonly string[]): Stack {
  return new FakeStack(scheduler, addresses) as unknown as Stack
}
