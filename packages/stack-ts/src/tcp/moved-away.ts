/**
 * The connections that another stack of the node goes on with: what still comes for them is sent after them.
 *
 * @module
 */
import { TCP_SYN } from '@ioth/core'
import type { Packet } from '../ip/packet.ts'
import type { Segment } from './segment.ts'
import type { Tcb } from './tcb.ts'

/** Remembered at most; the oldest is forgotten first. */
const MOST = 4_096

type Tuple = Pick<Tcb, 'local' | 'localPort' | 'remote' | 'remotePort'>

export class MovedAway {
  /** Takes what comes for them. */
  strayed: ((packet: Packet) => void) | null = null
  private readonly keys = new Set<string>()

  get size(): number {
    return this.keys.size
  }

  add(tuple: Tuple): void {
    this.keys.add(keyOf(tuple))
    if (this.keys.size <= MOST) return
    const [oldest] = this.keys
    this.keys.delete(oldest as string)
  }

  /** It has come back, or its addresses and ports are somebody else's. */
  delete(tuple: Tuple): void {
    this.keys.delete(keyOf(tuple))
  }

  /** @returns whether the segment was for one of them; a SYN is for a new connection. */
  takes(packet: Packet, segment: Segment, local: Tcb['local'], remote: Tcb['remote']): boolean {
    const key = keyOf({ local, localPort: segment.destinationPort, remote, remotePort: segment.sourcePort })
    if (!this.keys.has(key)) return false
    if ((segment.flags & TCP_SYN) !== 0) {
      this.keys.delete(key)
      return false
    }
    this.strayed?.(packet)
    return true
  }
}

function keyOf({ local, localPort, remote, remotePort }: Tuple): string {
  return `${local} ${localPort} ${remote} ${remotePort}`
}
