/**
 * Listeners: the contract's passive socket.
 *
 * @module
 */
import {
  type EventQueue,
  type IpAddress,
  type Listener,
  type OptionName,
  READABLE,
  type SocketInfo,
  type TcpSocket,
} from '@ioth/core'
import type { Connection } from '../tcp/connection.ts'
import type { ListenerUser, TcpListener } from '../tcp/listener.ts'
import type { TraceEvent } from '../tcp/trace.ts'
import { invalid, notImplemented, type SocketHost, StackSocket } from './endpoint.ts'

/** What a listener's options are called in the options of its connections. */
export interface ListenerOptions {
  noDelay: number
  ttl: number
  sendBuffer: number
  receiveBuffer: number
}

export class ListenerSocket extends StackSocket implements Listener, ListenerUser {
  override readonly remoteAddress: IpAddress | null = null
  override readonly remotePort: number = 0
  private readonly listener: TcpListener
  private readonly options: ListenerOptions
  private readonly wrap: (connection: Connection) => TcpSocket

  constructor(
    host: SocketHost,
    family: 4 | 6,
    listener: TcpListener,
    options: ListenerOptions,
    wrap: (connection: Connection) => TcpSocket,
  ) {
    super(host, family)
    this.listener = listener
    this.options = options
    this.wrap = wrap
    listener.user = this
  }

  override get comesFirst(): boolean {
    return true
  }

  override get localAddress(): IpAddress {
    return this.shown(this.listener.address) as IpAddress
  }

  override get localPort(): number {
    return this.listener.port
  }

  override get info(): SocketInfo {
    return { endpoint: this, transport: 'tcp', state: 'LISTEN' }
  }

  accept(): TcpSocket | null {
    const { listener } = this
    if (this.isClosed) return null
    const connection = listener.accept()
    if (listener.acceptable === 0) this.lower(READABLE)
    return connection === null ? null : this.wrap(connection)
  }

  acceptable(): void {
    this.raise(READABLE)
  }

  unacceptable(): void {
    this.lower(READABLE)
  }

  /** Tells what happens to the connections to come. */
  trace(events: EventQueue<TraceEvent>): void {
    this.listener.trace = events
  }

  override bind(): void {
    throw invalid('bind')
  }

  override setOption(name: OptionName): void {
    throw notImplemented(`the option ${name} on a listener`)
  }

  override getOption(name: OptionName): number {
    const value = this.options[name as keyof ListenerOptions]
    if (value === undefined) throw notImplemented(`the option ${name} on a listener`)
    return value
  }

  override close(): void {
    if (this.isClosed) return
    this.host.tcp.closeListener(this.listener)
    this.depart()
  }
}
