/**
 * The flows of a library, found by the addresses and ports of a segment.
 *
 * @module
 */
import type { IpAddress } from '@ioth/core'
import { Flow, type FlowWires } from './flow.ts'
import type { PacketView } from './packet-view.ts'

/** The ends of a connection as integers. An IPv4 address has its mapped form. */
interface Tuple {
  readonly l0: number
  readonly l1: number
  readonly l2: number
  readonly l3: number
  readonly r0: number
  readonly r1: number
  readonly r2: number
  readonly r3: number
  readonly localPort: number
  readonly remotePort: number
}

interface Entry extends Tuple {
  readonly flow: Flow
  next: Entry | null
}

export class FlowTable {
  size = 0
  private readonly wires: FlowWires
  private readonly chains = new Map<number, Entry>()

  constructor(wires: FlowWires) {
    this.wires = wires
  }

  /** A new flow; one that had the same ends is forgotten. */
  add(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): Flow {
    return this.put(tupleOf(local, localPort, remote, remotePort))
  }

  /** A new flow for a segment that comes in. */
  addFor(frame: PacketView): Flow {
    const word = (n: 0 | 1 | 2 | 3): [number, number] => [frame.destination(n), frame.source(n)]
    const [[l0, r0], [l1, r1], [l2, r2], [l3, r3]] = [word(0), word(1), word(2), word(3)]
    return this.put({ l0, l1, l2, l3, r0, r1, r2, r3, localPort: frame.destinationPort, remotePort: frame.sourcePort })
  }

  /** The flow of a segment, in either direction; null: there is none. */
  find(frame: PacketView, direction: 'in' | 'out'): Flow | null {
    const isOut = direction === 'out'
    const localPort = isOut ? frame.sourcePort : frame.destinationPort
    const remotePort = isOut ? frame.destinationPort : frame.sourcePort
    const l3 = isOut ? frame.source(3) : frame.destination(3)
    const r3 = isOut ? frame.destination(3) : frame.source(3)
    let entry = this.chains.get(hash(localPort, remotePort, r3)) ?? null
    for (; entry !== null; entry = entry.next) {
      if (entry.localPort !== localPort || entry.remotePort !== remotePort || entry.l3 !== l3 || entry.r3 !== r3)
        continue
      if (isOut ? isBetween(entry, frame, 'out') : isBetween(entry, frame, 'in')) return entry.flow
    }
    return null
  }

  /** A flow by its ends. */
  get(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): Flow | null {
    const tuple = tupleOf(local, localPort, remote, remotePort)
    let entry = this.chains.get(hash(localPort, remotePort, tuple.r3)) ?? null
    while (entry !== null && !isSame(entry, tuple)) entry = entry.next
    return entry?.flow ?? null
  }

  remove(flow: Flow): void {
    for (const [key, first] of this.chains) {
      let before: Entry | null = null
      for (let entry: Entry | null = first; entry !== null; before = entry, entry = entry.next) {
        if (entry.flow !== flow) continue
        if (before !== null) before.next = entry.next
        else if (entry.next !== null) this.chains.set(key, entry.next)
        else this.chains.delete(key)
        this.size--
        flow.forget()
        return
      }
    }
  }

  /** Forgets all. */
  clear(): void {
    for (const first of this.chains.values()) {
      for (let entry: Entry | null = first; entry !== null; entry = entry.next) entry.flow.forget()
    }
    this.chains.clear()
    this.size = 0
  }

  private put(tuple: Tuple): Flow {
    const key = hash(tuple.localPort, tuple.remotePort, tuple.r3)
    for (let entry = this.chains.get(key) ?? null; entry !== null; entry = entry.next) {
      if (!isSame(entry, tuple)) continue
      this.remove(entry.flow)
      break
    }
    const flow = new Flow(this.wires)
    this.chains.set(key, { ...tuple, flow, next: this.chains.get(key) ?? null })
    this.size++
    return flow
  }
}

function hash(localPort: number, remotePort: number, remote: number): number {
  return Math.imul(localPort * 65536 + remotePort, 0x9e3779b1) ^ Math.imul(remote, 0x85ebca6b)
}

function isSame(a: Tuple, b: Tuple): boolean {
  return (
    a.localPort === b.localPort &&
    a.remotePort === b.remotePort &&
    a.l3 === b.l3 &&
    a.r3 === b.r3 &&
    a.l2 === b.l2 &&
    a.r2 === b.r2 &&
    a.l1 === b.l1 &&
    a.r1 === b.r1 &&
    a.l0 === b.l0 &&
    a.r0 === b.r0
  )
}

function isBetween(entry: Tuple, frame: PacketView, direction: 'in' | 'out'): boolean {
  for (const [word, local, remote] of [
    [0, entry.l0, entry.r0],
    [1, entry.l1, entry.r1],
    [2, entry.l2, entry.r2],
  ] as const) {
    const source = frame.source(word)
    const destination = frame.destination(word)
    if (direction === 'out' ? source !== local || destination !== remote : destination !== local || source !== remote) {
      return false
    }
  }
  return true
}

function tupleOf(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): Tuple {
  const { w0: l0, w1: l1, w2: l2, w3: l3 } = local
  const { w0: r0, w1: r1, w2: r2, w3: r3 } = remote
  return { l0, l1, l2, l3, r0, r1, r2, r3, localPort, remotePort }
}
