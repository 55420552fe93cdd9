/**
 * A listening program on a host of a LAN, and conversations with it.
 *
 * @module
 */
import { type Listener, type Pollable, READABLE, type TcpSocket } from '@ioth/core'
import { ByteStreamModel } from '../model/byte-stream.ts'
import type { Host } from './host.ts'
import { StreamDriver, type StreamPlan } from './stream-driver.ts'

/** A connection with its two programs and the two streams between them. */
export class Conversation {
  /** What the client writes. */
  readonly up: ByteStreamModel
  /** What the server writes. */
  readonly down: ByteStreamModel
  readonly client: StreamDriver
  /** Null until the connection was accepted. */
  server: StreamDriver | null = null
  private readonly serverPlan: StreamPlan

  constructor(socket: TcpSocket, from: Host, number: number, clientPlan: StreamPlan, serverPlan: StreamPlan) {
    this.up = new ByteStreamModel(`upward stream ${number}`, 2 * number)
    this.down = new ByteStreamModel(`downward stream ${number}`, 2 * number + 1)
    this.client = new StreamDriver(socket, this.up, this.down, clientPlan, (action) => from.attempt(action))
    this.serverPlan = serverPlan
  }

  /** @internal */
  accepted(socket: TcpSocket, on: Host): void {
    if (this.server !== null) throw new Error(`port ${socket.remotePort} was accepted twice`)
    this.server = new StreamDriver(socket, this.down, this.up, this.serverPlan, (action) => on.attempt(action))
  }

  /** Both programs ended in order, and everything was read. */
  get isDone(): boolean {
    return this.client.isDone && this.server?.isDone === true
  }

  /** Both sockets are gone from their stacks. */
  get isClosed(): boolean {
    return this.client.closed && (this.server === null || this.server.closed)
  }

  /** For failure messages. */
  toString(): string {
    return `client ${this.client} | server ${this.server ?? 'not accepted'}`
  }
}

export class Service {
  readonly host: Host
  readonly port: number
  readonly listener: Listener
  readonly conversations: Conversation[] = []
  private readonly awaited = new Map<string, Conversation>()

  /** @param port 0: the stack chooses. */
  constructor(host: Host, port = 0, backlog = 64) {
    this.host = host
    const socket = host.openTcp()
    socket.bind(host.any, port)
    this.listener = socket.listen(backlog)
    this.port = this.listener.localPort
    this.listener.owner = this
    this.listener.onReady = Service.onReady
    this.listener.interest = READABLE
  }

  /** Connects from a host and lets both sides talk. */
  converse(from: Host, clientPlan: StreamPlan = {}, serverPlan: StreamPlan = {}): Conversation {
    const socket = from.stack.openTcp(this.host.address.family)
    const conversation = new Conversation(socket, from, this.conversations.length, clientPlan, serverPlan)
    socket.connect(this.host.address, this.port)
    this.conversations.push(conversation)
    this.awaited.set(`${socket.localAddress}:${socket.localPort}`, conversation)
    return conversation
  }

  close(): void {
    this.listener.close()
  }

  private static onReady(source: Pollable): void {
    const service = source.owner as Service
    service.host.attempt(() => service.accept())
  }

  private accept(): void {
    const socket = this.listener.accept()
    if (socket === null) throw new Error('accept found no connection although READABLE was reported')
    const peer = `${socket.remoteAddress}:${socket.remotePort}`
    const conversation = this.awaited.get(peer)
    if (conversation === undefined) throw new Error(`accepted a connection from ${peer}, which nobody made`)
    conversation.accepted(socket, this.host)
  }
}
