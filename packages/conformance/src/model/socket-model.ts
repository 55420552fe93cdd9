/**
 * What TCP sockets promise a program, as a small reference model: no packets, no timers, a network that delivers at once. What a real
 * stack may do one way or another is open here too (`uncertain`).
 *
 * @module
 */
import { ByteStreamModel } from './byte-stream.ts'

export type Phase = 'new' | 'bound' | 'listening' | 'connecting' | 'connected' | 'failed' | 'closed'

/** A socket as a program knows it. */
export interface SocketModel {
  readonly name: string
  /** 0 or 1: the host it lives on. */
  readonly host: number
  phase: Phase
  /** 0: chosen by the stack. */
  port: number
  /** Options as they were set. */
  readonly options: Map<string, number>
  /** Of a connection: what is written here, what is read here, and the other end. */
  out: ByteStreamModel | null
  in: ByteStreamModel | null
  peer: SocketModel | null
  hasShutDown: boolean
  /** The connection broke, and this end knows: data that came before may still be read, then it fails. */
  isReset: boolean
  /** It may have broken: this end cannot know before it hears of the other. */
  isUncertain: boolean
  /** Of a listener: connections nobody accepted, oldest first, as their clients. */
  readonly waiting: SocketModel[]
}

/** Two hosts with their sockets, and the line between them. */
export class NetworkModel {
  readonly sockets: SocketModel[] = []
  isDown = false
  /** Milliseconds the line has been cut. */
  downFor = 0
  /** Connects that nobody answered yet. */
  readonly pending: { readonly client: SocketModel; readonly port: number }[] = []
  private connections = 0

  open(host: number): SocketModel {
    const socket: SocketModel = {
      name: `${'ab'[host]}${this.sockets.length}`,
      host,
      phase: 'new',
      port: 0,
      options: new Map(),
      out: null,
      in: null,
      peer: null,
      hasShutDown: false,
      isReset: false,
      isUncertain: false,
      waiting: [],
    }
    this.sockets.push(socket)
    return socket
  }

  /** Who listens on a port of a host. */
  listener(host: number, port: number): SocketModel | undefined {
    return this.sockets.find((socket) => socket.host === host && socket.port === port && socket.phase === 'listening')
  }

  /** @returns the code of the error, or null. */
  bind(socket: SocketModel, port: number): string | null {
    if (socket.phase !== 'new') return 'EINVAL'
    if (port !== 0 && this.listener(socket.host, port) !== undefined) return 'EADDRINUSE'
    socket.phase = 'bound'
    socket.port = port
    return null
  }

  listen(socket: SocketModel): string | null {
    if (socket.phase !== 'new' && socket.phase !== 'bound') return 'EINVAL'
    if (socket.port !== 0 && this.listener(socket.host, socket.port) !== undefined) return 'EADDRINUSE'
    socket.phase = 'listening'
    return null
  }

  connect(socket: SocketModel, port: number): string | null {
    if (socket.phase === 'connecting') return 'EALREADY'
    if (socket.phase === 'connected') return 'EISCONN'
    if (socket.phase !== 'new' && socket.phase !== 'bound') return 'EINVAL'
    socket.phase = 'connecting'
    this.pending.push({ client: socket, port })
    this.deliver()
    return null
  }

  /** What a sound line brings about: connects are answered. */
  deliver(): void {
    if (this.isDown) return
    for (const { client, port } of this.pending.splice(0)) {
      if (client.phase !== 'connecting') continue
      const listener = this.listener(1 - client.host, port)
      if (listener === undefined) {
        client.phase = 'failed'
        continue
      }
      client.phase = 'connected'
      const number = this.connections++
      client.out = new ByteStreamModel(`${client.name} outward`, 2 * number)
      client.in = new ByteStreamModel(`${client.name} inward`, 2 * number + 1)
      listener.waiting.push(client)
    }
  }

  /** The program takes a waiting connection. */
  accept(listener: SocketModel, client: SocketModel): SocketModel {
    listener.waiting.splice(listener.waiting.indexOf(client), 1)
    const socket = this.open(listener.host)
    socket.phase = 'connected'
    socket.out = client.in
    socket.in = client.out
    socket.peer = client
    client.peer = socket
    if (client.phase === 'closed') {
      // It left before it was accepted: gracefully, or by a reset.
      socket.isReset = client.isReset
      socket.isUncertain = client.isUncertain
    }
    return socket
  }

  wrote(socket: SocketModel, count: number): void {
    socket.out?.wrote(count)
    // What comes after the peer left is answered by a reset (R-TCP-18).
    if (socket.peer?.phase === 'closed') socket.isUncertain = true
  }

  shutdown(socket: SocketModel): void {
    socket.hasShutDown = true
    if (socket.out !== null) socket.out.ended = true
  }

  close(socket: SocketModel): void {
    if (socket.phase === 'listening') {
      for (const client of socket.waiting.splice(0)) this.breaks(client)
    } else if (socket.phase === 'connected' && !socket.isReset) {
      if (socket.out !== null) socket.out.ended = true
      // Unread octets make it a reset. What is under way on a cut line may yet become unread.
      const unread = (socket.in?.written ?? 0) - (socket.in?.read ?? 0)
      if (unread > 0) this.breaks(socket.peer)
      if (unread > 0 && socket.peer === null) socket.isReset = true
    }
    socket.phase = 'closed'
  }

  reset(socket: SocketModel): void {
    const isConnected = socket.phase === 'connected'
    if (socket.phase === 'listening') {
      this.close(socket)
      return
    }
    socket.phase = 'closed'
    socket.isReset = true
    if (isConnected) this.breaks(socket.peer)
  }

  /** An end hears that its connection is gone; over a cut line it may, or may not. */
  private breaks(end: SocketModel | null): void {
    if (end === null || end.phase !== 'connected') return
    if (this.isDown) end.isUncertain = true
    else end.isReset = true
  }
}
