/**
 * Datagrams through a gateway: each pair of ends has a socket of the host and a socket of the stack that carries the far side's address, so
 * that answers and errors find their way back. A mapping depends on both ends (RFC 4787 4.1).
 *
 * @module
 */
import { createSocket, type Socket } from 'node:dgram'
import { FAILED, hasCode, type IpAddress, type Pollable, READABLE, type Stack, type UdpSocket } from '@ioth/core'
import type { Packet } from './packet.ts'

/** Flows at a time; the one that was silent for longest gives way. */
const MOST_FLOWS = 4096
/** RFC 4787 4.3: two minutes at least. */
const SILENCE_MS = 120_000
/** Port 53 is asked once and answers once. */
const DNS_SILENCE_MS = 20_000
const DNS_PORT = 53
const SWEEP_MS = 5_000
/** Datagrams that wait for the host's socket to open. */
const MOST_WAITING = 32
const DATAGRAMS_AT_ONCE = 32

interface Flow {
  readonly flows: UdpFlows
  readonly key: string
  readonly near: UdpSocket
  readonly far: Socket
  readonly silenceMs: number
  readonly refused: () => void
  /** Null: the host's socket is connected. */
  waiting: Uint8Array[] | null
  heardAt: number
}

export class UdpFlows {
  readonly counters = { opened: 0, dropped: 0, refused: 0 }
  private readonly stack: Stack
  /** In the order in which they were heard last. */
  private readonly flows = new Map<string, Flow>()
  private readonly sweep: NodeJS.Timeout

  constructor(stack: Stack) {
    this.stack = stack
    this.sweep = setInterval(() => this.forgetSilent(), SWEEP_MS)
    this.sweep.unref()
  }

  get open(): number {
    return this.flows.size
  }

  /** Whether a datagram has a flow already. */
  has(packet: Packet): boolean {
    const flow = this.flows.get(keyOf(packet))
    if (flow === undefined) return false
    this.touch(flow)
    return true
  }

  /**
   * Opens a flow; the datagram itself then goes to the stack.
   * @param to where the host sends to.
   * @param refused called when nobody listens there.
   * @returns false: the stack has no room for it.
   */
  dial(packet: Packet, to: IpAddress, refused: () => void): boolean {
    if (this.flows.size >= MOST_FLOWS) this.forget(this.flows.values().next().value as Flow)
    const { source, sourcePort, destination, destinationPort } = packet
    const near = this.stack.openUdp(packet.family)
    try {
      near.bind(destination, destinationPort, { reuse: true })
      near.connect(source, sourcePort)
    } catch {
      near.close()
      this.counters.dropped++
      return false
    }
    const far = createSocket(to.family === 4 ? 'udp4' : 'udp6')
    const flow: Flow = {
      flows: this,
      key: keyOf(packet),
      near,
      far,
      silenceMs: destinationPort === DNS_PORT ? DNS_SILENCE_MS : SILENCE_MS,
      refused,
      waiting: [],
      heardAt: 0,
    }
    near.owner = flow
    near.onReady = onNearReady
    near.interest = READABLE
    far.on('message', (octets) => this.answer(flow, octets))
    far.on('error', (error) => this.failed(flow, error))
    far.connect(destinationPort, to.toString(), () => {
      const waiting = flow.waiting ?? []
      flow.waiting = null
      for (const octets of waiting) this.send(flow, octets)
    })
    this.flows.set(flow.key, flow)
    this.touch(flow)
    this.counters.opened++
    return true
  }

  close(): void {
    clearInterval(this.sweep)
    for (const flow of this.flows.values()) this.forget(flow)
  }

  /** @internal Datagrams from the network. */
  ask(flow: Flow): void {
    flow.near.receive(DATAGRAMS_AT_ONCE, {
      datagram: (memory, offset, length) => {
        // The memory is lent for this call only.
        const octets = Buffer.from(memory.subarray(offset, offset + length))
        if (flow.waiting === null) this.send(flow, octets)
        else if (flow.waiting.length < MOST_WAITING) flow.waiting.push(octets)
        else this.counters.dropped++
        return true
      },
    })
  }

  private send(flow: Flow, octets: Uint8Array): void {
    if (this.flows.get(flow.key) !== flow) return
    flow.far.send(octets, (error) => {
      if (error !== null) this.failed(flow, error)
    })
  }

  private answer(flow: Flow, octets: Uint8Array): void {
    this.touch(flow)
    if (flow.near.send(octets, 0, octets.length, null, 0) === FAILED) this.counters.dropped++
  }

  private failed(flow: Flow, error: Error): void {
    this.counters.refused++
    if (hasCode(error, 'ECONNREFUSED')) flow.refused()
    // Bound and connected sockets survive what one datagram met; one that could not be opened does not.
    else if (flow.waiting !== null) this.forget(flow)
  }

  private touch(flow: Flow): void {
    flow.heardAt = this.stack.scheduler.clock.now
    this.flows.delete(flow.key)
    this.flows.set(flow.key, flow)
  }

  private forgetSilent(): void {
    const { now } = this.stack.scheduler.clock
    for (const flow of this.flows.values()) if (now - flow.heardAt > flow.silenceMs * 1000) this.forget(flow)
  }

  private forget(flow: Flow): void {
    if (this.flows.get(flow.key) !== flow) return
    this.flows.delete(flow.key)
    flow.near.interest = 0
    flow.near.close()
    flow.far.close()
  }
}

function onNearReady(source: Pollable): void {
  const flow = source.owner as Flow
  flow.flows.ask(flow)
}

function keyOf({ source, sourcePort, destination, destinationPort }: Packet): string {
  return `${source} ${sourcePort} ${destination} ${destinationPort}`
}
