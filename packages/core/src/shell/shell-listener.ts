/**
 * Listeners of a shell: connections that the library took wait here until the program accepts them.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import type { PortBinding } from '../contract/ports.ts'
import { READABLE } from '../contract/readiness.ts'
import type { Listener, OptionName, TcpSocket } from '../contract/socket.ts'
import type { SocketInfo } from '../contract/stack.ts'
import type { ErrorCode } from '../errors/codes.ts'
import { NetError } from '../errors/net-error.ts'
import type { Ends, ListenLine, TcpLine } from './engine.ts'
import type { LocalListener } from './local-line.ts'
import { SocketOptions } from './options.ts'
import { type ShellHost, ShellSocket } from './shell-socket.ts'
import { ShellTcpSocket } from './shell-tcp.ts'

export class ShellListener extends ShellSocket implements Listener, LocalListener {
  override readonly remoteAddress: IpAddress | null = null
  override readonly remotePort: number = 0
  readonly backlog: number
  private readonly binding: PortBinding
  private readonly options: SocketOptions
  private readonly line: ListenLine
  private readonly isDual: boolean
  private queue: ShellTcpSocket[] = []

  constructor(
    host: ShellHost,
    family: 4 | 6,
    binding: PortBinding,
    ipv6Only: boolean,
    backlog: number,
    options: SocketOptions,
  ) {
    super(host, family)
    this.binding = binding
    this.ipv6Only = ipv6Only
    this.backlog = backlog
    this.options = options
    this.isDual = family === 6 && !ipv6Only && binding.address.family === 6 && binding.address.isUnspecified
    this.line = host.engine.listen(this, binding.address, binding.port, this.isDual, options.all)
    if (!host.engine.carriesLoopback) host.local.listeners.add(this)
  }

  override get comesFirst(): boolean {
    return true
  }

  override get localAddress(): IpAddress {
    return this.shown(this.binding.address) as IpAddress
  }

  override get localPort(): number {
    return this.binding.port
  }

  override get info(): SocketInfo {
    return { endpoint: this, transport: 'tcp', state: 'LISTEN' }
  }

  get waiting(): number {
    return this.queue.length
  }

  takes(address: IpAddress, port: number): boolean {
    const { address: own } = this.binding
    if (port !== this.binding.port) return false
    if (!own.isUnspecified) return own.equals(address)
    return own.family === address.family || this.isDual
  }

  accept(): TcpSocket | null {
    if (this.isClosed) return null
    const socket = this.queue.shift() ?? null
    if (this.queue.length === 0) this.lower(READABLE)
    if (socket !== null) this.line.resume()
    return socket
  }

  accepted(line: TcpLine, ends: Ends): void {
    const { host, family } = this
    const { backend, engine, limits } = host
    const options = new SocketOptions(
      { ...engine.tcpOptions, sendBuffer: limits.sendBuffer, receiveBuffer: limits.receiveBuffer, ...this.options.all },
      `a TCP socket of the stack "${backend}"`,
    )
    const socket = ShellTcpSocket.accepted(host, family, line, ends, options)
    if (this.isClosed) {
      socket.reset()
      return
    }
    this.queue.push(socket)
    this.raise(READABLE)
  }

  failed(code: ErrorCode): void {
    this.error ??= new NetError(code, 'listen', { address: `${this.localAddress}`, port: this.localPort })
    this.close()
  }

  override died(code: ErrorCode): void {
    this.failed(code)
  }

  override abandon(): void {}

  override bind(): void {
    throw new NetError('EINVAL', 'bind')
  }

  override setOption(name: OptionName): void {
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', name, {
      message: `a listener of the stack "${this.host.backend}" has no option ${name}`,
    })
  }

  override getOption(name: OptionName): number {
    return this.options.get(name)
  }

  override close(): void {
    if (this.isClosed) return
    this.host.local.listeners.delete(this)
    this.line.close()
    this.binding.release()
    this.depart()
    for (const socket of this.queue.splice(0)) socket.reset()
  }
}
