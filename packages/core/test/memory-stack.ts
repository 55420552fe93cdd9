/**
 * A stack in memory, for tests of what stands on top of the contract: no frames, no loss, one network of stacks in one scheduler.
 * It keeps the contract's promises: bounded buffers on both sides, carried by a job, never inside a call.
 */
import {
  type BindFlags,
  CLOSED,
  createPortTable,
  type DatagramSink,
  END,
  ERROR,
  FAILED,
  type IpAddress,
  Job,
  type Listener,
  NetError,
  type OptionName,
  Pollable,
  type PortBinding,
  type PortTable,
  parseIpAddress,
  READABLE,
  type Scheduler,
  type Stack,
  type TcpSocket,
  type UdpSocket,
  WOULD_BLOCK,
  WRITABLE,
} from '../src/index.ts'

/** Octets each side buffers. */
export const BUFFER = 16384

/** A stack at one address; stacks made with the same `network` reach each other. */
export function createMemoryStack(scheduler: Scheduler, address: string, network: Map<string, MemoryStack>): Stack {
  const stack = new MemoryStack(scheduler, parseIpAddress(address), network)
  network.set(address, stack)
  return stack as unknown as Stack
}

class MemoryStack {
  readonly scheduler: Scheduler
  readonly address: IpAddress
  readonly network: Map<string, MemoryStack>
  readonly ports: PortTable
  readonly capabilities = { ipv6: false }
  readonly listeners = new Map<number, MemoryListener>()
  readonly datagrams = new Map<number, MemoryUdp>()

  constructor(scheduler: Scheduler, address: IpAddress, network: Map<string, MemoryStack>) {
    this.scheduler = scheduler
    this.address = address
    this.network = network
    this.ports = createPortTable(scheduler.random)
  }

  openTcp(): TcpSocket {
    return new MemoryTcp(this)
  }

  openUdp(): UdpSocket {
    return new MemoryUdp(this)
  }
}

abstract class MemoryEndpoint extends Pollable {
  readonly stack: MemoryStack
  readonly scheduler: Scheduler
  localAddress: IpAddress | null = null
  remoteAddress: IpAddress | null = null
  remotePort = 0
  error: NetError | null = null
  readonly options = new Map<OptionName, number>()
  protected binding: PortBinding | null = null
  protected abstract readonly transport: 6 | 17

  constructor(stack: MemoryStack) {
    super()
    this.stack = stack
    this.scheduler = stack.scheduler
  }

  get localPort(): number {
    return this.binding?.port ?? 0
  }

  bind(address: IpAddress, port: number, flags?: BindFlags): void {
    this.binding = this.stack.ports.bind(this.transport, address, port, flags)
    this.localAddress = address
  }

  setOption(name: OptionName, value: number): void {
    this.options.set(name, value)
  }

  getOption(name: OptionName): number {
    return this.options.get(name) ?? 0
  }
}

class MemoryTcp extends MemoryEndpoint implements TcpSocket {
  protected readonly transport = 6
  state = 'CLOSED'
  peer: MemoryTcp | null = null
  readonly outgoing: number[] = []
  readonly incoming: number[] = []
  private finQueued = false
  private finArrived = false
  private readonly carrier = new Carrier(this)

  get bytesQueued(): number {
    return this.outgoing.length
  }

  listen(backlog: number): Listener {
    this.binding?.listen()
    return new MemoryListener(this.stack, this.binding as PortBinding, this.localAddress as IpAddress, backlog)
  }

  connect(address: IpAddress, port: number): void {
    if (!this.stack.network.has(address.toString())) {
      throw new NetError('ENETUNREACH', 'connect', { address: address.toString(), port })
    }
    this.localAddress ??= this.stack.address
    this.binding ??= this.stack.ports.bindFor(6, this.localAddress, address, port, () => true)
    this.remoteAddress = address
    this.remotePort = port
    this.state = 'SYN-SENT'
    this.scheduler.defer(this.carrier)
  }

  /** The other end of a connection. */
  accepted(peer: MemoryTcp, binding: PortBinding): this {
    this.binding = binding
    this.localAddress = peer.remoteAddress
    this.remoteAddress = peer.localAddress
    this.remotePort = peer.localPort
    this.peer = peer
    peer.peer = this
    this.established()
    return this
  }

  established(): void {
    this.state = 'ESTABLISHED'
    this.raise(WRITABLE)
  }

  carry(): void {
    if (this.state === 'SYN-SENT') {
      const far = this.stack.network.get((this.remoteAddress as IpAddress).toString())
      const listener = far?.listeners.get(this.remotePort)
      if (listener === undefined) this.fail('ECONNREFUSED', 'connect')
      else if (listener.offer(this)) this.established()
      return
    }
    const { peer } = this
    if (peer === null) return
    const count = Math.min(this.outgoing.length, BUFFER - peer.incoming.length)
    if (count > 0) peer.incoming.push(...this.outgoing.splice(0, count))
    if (this.outgoing.length * 3 <= BUFFER * 2 && this.state === 'ESTABLISHED') this.raise(WRITABLE)
    if (this.finQueued && this.outgoing.length === 0) peer.finArrived = true
    if (peer.incoming.length > 0 || peer.finArrived) peer.raise(READABLE)
  }

  read(into: Uint8Array, offset: number, length: number): number {
    const count = Math.min(length, this.incoming.length)
    if (count > 0) {
      into.set(this.incoming.splice(0, count), offset)
      if (this.incoming.length === 0 && !this.finArrived && this.error === null) this.lower(READABLE)
      if (this.peer !== null) this.scheduler.defer(this.peer.carrier)
      return count
    }
    if (this.finArrived) return END
    return this.error === null ? WOULD_BLOCK : FAILED
  }

  lend(): number {
    throw new Error('not used')
  }

  write(from: Uint8Array, offset: number, length: number): number {
    if (this.error !== null) return FAILED
    const count = Math.min(length, BUFFER - this.outgoing.length)
    if (count === 0 || this.state === 'SYN-SENT') return length === 0 ? 0 : WOULD_BLOCK
    this.outgoing.push(...from.subarray(offset, offset + count))
    if (this.outgoing.length * 3 > BUFFER * 2) this.lower(WRITABLE)
    this.scheduler.defer(this.carrier)
    return count
  }

  shutdown(): void {
    this.finQueued = true
    this.scheduler.defer(this.carrier)
  }

  close(): void {
    if (this.state === 'CLOSED') return
    if (this.incoming.length > 0) {
      this.reset()
      return
    }
    this.shutdown()
    this.closed()
  }

  reset(): void {
    if (this.state === 'CLOSED') return
    this.peer?.fail('ECONNRESET', 'read')
    this.peer = null
    this.closed()
  }

  private closed(): void {
    this.state = 'CLOSED'
    this.binding?.release()
    this.raise(CLOSED)
  }

  private fail(code: 'ECONNREFUSED' | 'ECONNRESET', syscall: string): void {
    this.state = 'CLOSED'
    this.peer = null
    const where = { address: (this.remoteAddress as IpAddress).toString(), port: this.remotePort }
    this.error = new NetError(code, syscall, code === 'ECONNRESET' ? {} : where)
    this.raise(READABLE | WRITABLE | ERROR)
  }
}

/** Carries what one end has written. */
class Carrier extends Job {
  private readonly socket: MemoryTcp

  constructor(socket: MemoryTcp) {
    super()
    this.socket = socket
  }

  override run(): void {
    this.socket.carry()
  }
}

class MemoryListener extends MemoryEndpoint implements Listener {
  protected readonly transport = 6
  private readonly waiting: MemoryTcp[] = []
  private readonly backlog: number

  constructor(stack: MemoryStack, binding: PortBinding, address: IpAddress, backlog: number) {
    super(stack)
    this.binding = binding
    this.localAddress = address
    this.backlog = backlog
    stack.listeners.set(binding.port, this)
  }

  offer(peer: MemoryTcp): boolean {
    if (this.waiting.length === this.backlog) return false
    this.waiting.push(new MemoryTcp(this.stack).accepted(peer, { ...(this.binding as PortBinding), release() {} }))
    this.raise(READABLE)
    return true
  }

  accept(): TcpSocket | null {
    const socket = this.waiting.shift() ?? null
    if (this.waiting.length === 0) this.lower(READABLE)
    return socket
  }

  close(): void {
    this.stack.listeners.delete(this.localPort)
    this.binding?.release()
    for (const socket of this.waiting) socket.reset()
    this.raise(CLOSED)
  }
}

class MemoryUdp extends MemoryEndpoint implements UdpSocket {
  protected readonly transport = 17
  private readonly queue: { data: Uint8Array; from: IpAddress; port: number }[] = []

  override bind(address: IpAddress, port: number, flags?: BindFlags): void {
    super.bind(address, port, flags)
    this.stack.datagrams.set(this.localPort, this)
    this.raise(WRITABLE)
  }

  connect(address: IpAddress, port: number): void {
    this.remoteAddress = address
    this.remotePort = port
  }

  disconnect(): void {
    this.remoteAddress = null
  }

  send(from: Uint8Array, offset: number, length: number, to: IpAddress | null, port: number): number {
    const address = to ?? this.remoteAddress
    if (address === null || length > 65507) {
      this.error = new NetError(address === null ? 'EDESTADDRREQ' : 'EMSGSIZE', 'send')
      return FAILED
    }
    const far = this.stack.network.get(address.toString())?.datagrams.get(to === null ? this.remotePort : port)
    far?.queue.push({ data: from.slice(offset, offset + length), from: this.stack.address, port: this.localPort })
    far?.raise(READABLE)
    return length
  }

  receive(max: number, sink: DatagramSink): number {
    let count = 0
    while (count < max && this.queue.length > 0) {
      const { data, from, port } = this.queue.shift() as (typeof this.queue)[0]
      count++
      if (!sink.datagram(data, 0, data.length, from, port)) break
    }
    if (this.queue.length === 0) this.lower(READABLE)
    return count === 0 ? WOULD_BLOCK : count
  }

  join(): void {}
  leave(): void {}

  close(): void {
    this.stack.datagrams.delete(this.localPort)
    this.binding?.release()
    this.raise(CLOSED)
  }
}
