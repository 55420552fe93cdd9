/**
 * A UDP port of the host that leads to a node: each client of the host becomes a socket of its own on the stack, so that answers find
 * their way back.
 *
 * @module
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import {
  FAILED,
  type IpAddress,
  type Pollable,
  READABLE,
  type Stack,
  tryParseIpAddress,
  type UdpSocket,
} from '@ioth/core'
import { lookup } from '@ioth/core/services'
import { hostPortError } from './host-port-error.ts'
import type { Publication, PublishOptions } from './publish.ts'
import { formatEndpoint, type PublishedPort } from './published-port.ts'

/** Clients at a time; the one who was silent for longest gives way. */
const MOST_FLOWS = 1024
/** A client that is silent for so long is forgotten, in milliseconds (RFC 4787 4.3 asks for two minutes at least). */
const SILENCE_MS = 120_000
/** Datagrams that wait for the node's name to be found. */
const MOST_WAITING = 64
const DATAGRAMS_AT_ONCE = 32

/** @throws NetError as {@link import('./publish.ts').publish}. */
export async function publishUdp(stack: Stack, port: PublishedPort, options: PublishOptions): Promise<Publication> {
  const socket = createSocket(port.host.includes(':') ? 'udp6' : 'udp4')
  await new Promise<void>((settle, reject) => {
    socket.once('error', (error) => {
      socket.close()
      const again = `ioth publish ${port.hostPort + (port.hostPort < 1024 ? 8000 : 1)}:${formatEndpoint(port.target, port.targetPort)}/udp`
      reject(hostPortError(error, port.host, port.hostPort, again))
    })
    socket.bind({ address: port.host, port: port.hostPort, exclusive: true }, settle)
  })
  socket.removeAllListeners('error')
  return new UdpPublication(stack, socket, port, options)
}

/** One client of the host. */
interface Flow {
  readonly publication: UdpPublication
  readonly socket: UdpSocket
  readonly client: RemoteInfo
  heardAt: number
}

class UdpPublication implements Publication {
  readonly port: PublishedPort
  private readonly stack: Stack
  private readonly socket: Socket
  private readonly options: PublishOptions
  /** In the order in which they were heard last. */
  private readonly flows = new Map<string, Flow>()
  private readonly sweep: NodeJS.Timeout
  private target: IpAddress | null
  private waiting: [Uint8Array, RemoteInfo][] | null = null
  private closed = false
  private inTrouble = false

  constructor(stack: Stack, socket: Socket, port: PublishedPort, options: PublishOptions) {
    this.stack = stack
    this.socket = socket
    this.options = options
    this.port = { ...port, hostPort: socket.address().port }
    this.target = tryParseIpAddress(port.target)
    socket.on('message', (octets, client) => this.fromClient(octets, client))
    // A client that went away: told by the host about an earlier answer.
    socket.on('error', () => {})
    this.sweep = setInterval(() => this.forgetSilent(), SILENCE_MS / 4)
    this.sweep.unref()
  }

  get open(): number {
    return this.flows.size
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    clearInterval(this.sweep)
    for (const [key] of this.flows) this.forget(key)
    await new Promise<void>((settle) => this.socket.close(() => settle()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private fromClient(octets: Uint8Array, client: RemoteInfo): void {
    if (this.target === null) {
      this.findTarget(octets, client)
      return
    }
    const key = `${client.address} ${client.port}`
    try {
      const flow = this.flows.get(key) ?? this.openFlow(client, this.target)
      flow.heardAt = this.stack.scheduler.clock.now
      this.flows.delete(key)
      this.flows.set(key, flow)
      if (flow.socket.send(octets, 0, octets.length, null, 0) === FAILED) this.trouble(flow.socket.error as Error)
    } catch (error) {
      this.trouble(error as Error)
    }
  }

  private openFlow(client: RemoteInfo, target: IpAddress): Flow {
    if (this.flows.size >= MOST_FLOWS) this.forget(this.flows.keys().next().value as string)
    const socket = this.stack.openUdp(target.family)
    try {
      socket.connect(target, this.port.targetPort)
    } catch (error) {
      socket.close()
      throw error
    }
    const flow: Flow = { publication: this, socket, client, heardAt: 0 }
    socket.owner = flow
    socket.onReady = onFlowReady
    socket.interest = READABLE
    return flow
  }

  /** @internal Answers of the node. */
  toClient(flow: Flow): void {
    const { client, socket } = flow
    const count = socket.receive(DATAGRAMS_AT_ONCE, {
      datagram: (memory, offset, length) => {
        // The memory is lent for this call only.
        this.socket.send(Buffer.from(memory.subarray(offset, offset + length)), client.port, client.address, () => {})
        this.inTrouble = false
        return true
      },
    })
    if (count === FAILED) this.trouble(socket.error as Error)
  }

  private findTarget(octets: Uint8Array, client: RemoteInfo): void {
    if (this.waiting !== null) {
      if (this.waiting.length < MOST_WAITING) this.waiting.push([octets, client])
      return
    }
    this.waiting = [[octets, client]]
    void lookup(this.stack, this.port.target)
      .then(
        ([first]) => {
          this.target = first as IpAddress
        },
        (error: Error) => this.trouble(error),
      )
      .finally(() => {
        const waiting = this.waiting ?? []
        this.waiting = null
        if (this.target === null || this.closed) return
        for (const [each, from] of waiting) this.fromClient(each, from)
      })
  }

  private forgetSilent(): void {
    const before = this.stack.scheduler.clock.now - SILENCE_MS * 1000
    for (const [key, { heardAt }] of this.flows) {
      if (heardAt > before) return
      this.forget(key)
    }
  }

  private forget(key: string): void {
    const flow = this.flows.get(key)
    if (flow === undefined) return
    this.flows.delete(key)
    flow.socket.interest = 0
    flow.socket.close()
  }

  private trouble(error: Error): void {
    if (this.inTrouble || this.closed) return
    this.inTrouble = true
    this.options.onTrouble?.(this.port, error)
  }
}

function onFlowReady(source: Pollable): void {
  const flow = source.owner as Flow
  flow.publication.toClient(flow)
}
