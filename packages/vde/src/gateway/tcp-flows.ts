/**
 * Connections through a gateway. The far side is asked first, by a socket of the host, while the SYN waits; when it answers, the SYN goes to
 * the stack, which accepts it in the far side's name. So a connection that stands stands on both sides, and one that was refused is refused.
 *
 * @module
 */
import { connect as hostConnect, type Socket } from 'node:net'
import { type IpAddress, type Listener, type Pollable, READABLE, type Stack, type TcpSocket } from '@ioth/core'
import { toDuplex } from '@ioth/core/node'
import { breakStream, joinStreams } from '../streams/join-streams.ts'
import type { HeldFrame } from './front-link.ts'
import type { Packet } from './packet.ts'

/** Connections at a time, half-open ones among them. */
const MOST_FLOWS = 8192
/** Attempts at a time: what a scan of ports can make of the host's descriptors. */
const MOST_ATTEMPTS = 1024
/** How long the far side may take, in milliseconds: less than the sender's own patience. */
const CONNECT_MS = 60_000
/** How long the sender may take to complete a connection that the far side accepted, in milliseconds. */
const HANDSHAKE_MS = 30_000

export interface TcpFlowsOptions {
  readonly stack: Stack
  /** Gives a SYN that was held to the stack. */
  readonly admit: (syn: HeldFrame) => void
  /** The far side cannot be reached: `error` is the host's. */
  readonly refuse: (syn: Packet, error: NodeJS.ErrnoException) => void
}

interface Flow {
  readonly key: string
  /** Address and port of who asked. */
  readonly sender: string
  readonly host: Socket
  /** Null: the stack has it. */
  syn: HeldFrame | null
  timer: NodeJS.Timeout | null
  listener: SharedListener | null
}

/** The listener of one destination, for all flows to it that have not been accepted yet. */
interface SharedListener {
  readonly key: string
  readonly listener: Listener
  readonly flows: Map<string, Flow>
}

export class TcpFlows {
  readonly counters = { opened: 0, refused: 0, overflowed: 0 }
  private readonly options: TcpFlowsOptions
  private readonly flows = new Map<string, Flow>()
  private readonly listeners = new Map<string, SharedListener>()
  private attempts = 0

  constructor(options: TcpFlowsOptions) {
    this.options = options
  }

  get open(): number {
    return this.flows.size
  }

  /** Whether a SYN belongs to a flow there is: the sender says again what waits already, or what the stack knows. */
  has(packet: Packet): 'no' | 'waiting' | 'admitted' {
    const flow = this.flows.get(keyOf(packet))
    return flow === undefined ? 'no' : flow.syn !== null ? 'waiting' : 'admitted'
  }

  /** Opens a flow. @param to where the host connects to. @returns false: there are too many. */
  dial(packet: Packet, syn: () => HeldFrame, to: IpAddress): boolean {
    if (this.flows.size >= MOST_FLOWS || this.attempts >= MOST_ATTEMPTS) {
      this.counters.overflowed++
      return false
    }
    const key = keyOf(packet)
    const host = hostConnect({ host: to.toString(), port: packet.destinationPort, allowHalfOpen: true, noDelay: true })
    const sender = senderOf(packet.source, packet.sourcePort)
    const flow: Flow = { key, sender, host, syn: syn(), timer: null, listener: null }
    this.flows.set(key, flow)
    this.attempts++
    const answered = (): void => {
      if (!isAttempt) return
      isAttempt = false
      this.attempts--
    }
    let isAttempt = true
    host.pause()
    flow.timer = setTimeout(() => {
      host.destroy(Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' }))
    }, CONNECT_MS)
    const failed = (error: NodeJS.ErrnoException): void => {
      if (flow.syn !== null) {
        this.counters.refused++
        this.options.refuse(packet, error)
      }
    }
    host.on('error', failed)
    host.once('connect', () => {
      answered()
      this.admit(flow, packet)
    })
    host.once('close', () => {
      answered()
      this.forget(flow)
    })
    return true
  }

  close(): void {
    for (const flow of this.flows.values()) breakStream(flow.host)
    for (const { listener } of this.listeners.values()) listener.close()
    this.listeners.clear()
  }

  private admit(flow: Flow, packet: Packet): void {
    const syn = flow.syn as HeldFrame
    try {
      flow.listener = this.listenerFor(packet)
    } catch {
      // The stack has no room for another socket.
      this.counters.overflowed++
      breakStream(flow.host)
      return
    }
    flow.listener.flows.set(flow.sender, flow)
    flow.syn = null
    clearTimeout(flow.timer ?? undefined)
    flow.timer = setTimeout(() => breakStream(flow.host), HANDSHAKE_MS)
    this.options.admit(syn)
  }

  private listenerFor({ destination, destinationPort }: Packet): SharedListener {
    const key = senderOf(destination, destinationPort)
    const there = this.listeners.get(key)
    if (there !== undefined) return there
    const socket = this.options.stack.openTcp(destination.family)
    try {
      socket.bind(destination, destinationPort)
      const listener = socket.listen(MOST_ATTEMPTS)
      const shared: SharedListener = { key, listener, flows: new Map() }
      listener.owner = this
      listener.onReady = (source: Pollable) => this.accept(shared, source as Listener)
      listener.interest = READABLE
      this.listeners.set(key, shared)
      return shared
    } catch (error) {
      socket.close()
      throw error
    }
  }

  private accept(shared: SharedListener, listener: Listener): void {
    for (let socket = listener.accept(); socket !== null; socket = listener.accept()) {
      const flow = shared.flows.get(senderOf(socket.remoteAddress as IpAddress, socket.remotePort))
      if (flow === undefined) socket.reset()
      else this.join(shared, flow, socket)
    }
    this.closeIfUnused(shared)
  }

  private join(shared: SharedListener, flow: Flow, socket: TcpSocket): void {
    this.leave(shared, flow)
    clearTimeout(flow.timer ?? undefined)
    this.counters.opened++
    socket.setOption('noDelay', 1)
    joinStreams(flow.host, toDuplex(socket, { allowHalfOpen: true }))
  }

  private forget(flow: Flow): void {
    clearTimeout(flow.timer ?? undefined)
    flow.syn?.forget()
    flow.syn = null
    this.flows.delete(flow.key)
    if (flow.listener !== null) {
      const shared = flow.listener
      this.leave(shared, flow)
      this.closeIfUnused(shared)
    }
  }

  private leave(shared: SharedListener, flow: Flow): void {
    flow.listener = null
    shared.flows.delete(flow.sender)
  }

  private closeIfUnused(shared: SharedListener): void {
    if (shared.flows.size > 0 || this.listeners.get(shared.key) !== shared) return
    this.listeners.delete(shared.key)
    shared.listener.close()
  }
}

function keyOf({ source, sourcePort, destination, destinationPort }: Packet): string {
  return `${source} ${sourcePort} ${destination} ${destinationPort}`
}

function senderOf(address: IpAddress, port: number): string {
  return `${address} ${port}`
}
