/**
 * The IPv4 addresses of a stack and what follows from them: which destinations are ours, which name everybody, which sources are impossible.
 *
 * @module
 */
import type { IpAddress } from '@ioth/core'
import type { NetInterface } from './interface.ts'

export interface LocalAddress {
  readonly address: IpAddress
  readonly word: number
  readonly prefixLength: number
  readonly mask: number
  readonly interface: NetInterface
}

export function maskOf(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (-1 << (32 - prefixLength)) | 0
}

export class AddressTable {
  readonly entries: LocalAddress[] = []
  /** Changes whenever an address comes or goes. */
  generation = 0
  /** The last source that passed {@link isPossibleSource}: most packets come from few. */
  private goodSource = 0

  add(address: IpAddress, prefixLength: number, on: NetInterface): LocalAddress {
    const entry = { address, word: address.w3, prefixLength, mask: maskOf(prefixLength), interface: on }
    this.entries.push(entry)
    this.generation++
    this.goodSource = 0
    return entry
  }

  remove(word: number): LocalAddress | null {
    const index = this.entries.findIndex((entry) => entry.word === word)
    if (index < 0) return null
    this.generation++
    this.goodSource = 0
    return this.entries.splice(index, 1)[0]!
  }

  find(word: number): LocalAddress | null {
    const { entries } = this
    for (let i = 0; i < entries.length; i++) if (entries[i]!.word === word) return entries[i]!
    return null
  }

  /** The interface's address in the target's network, else its first. */
  bestOn(on: NetInterface, target: number): LocalAddress | null {
    let first: LocalAddress | null = null
    for (const entry of this.entries) {
      if (entry.interface !== on) continue
      if (((entry.word ^ target) & entry.mask) === 0) return entry
      first ??= entry
    }
    return first
  }

  /** The network whose broadcast address this is. Networks of 31 and 32 bits have none (RFC 3021). */
  broadcastOf(word: number): LocalAddress | null {
    for (const entry of this.entries) {
      if (entry.prefixLength < 31 && (entry.word | ~entry.mask) === word) return entry
    }
    return null
  }

  /** Whether a packet from the wire may have this source (RFC 1122 3.2.1.3): a unicast address, and none of ours. */
  isPossibleSource(word: number): boolean {
    if (word === this.goodSource && word !== 0) return true
    const first = word >>> 24
    if (first === 0 || first === 127 || first >= 224) return false
    if (this.find(word) !== null || this.broadcastOf(word) !== null) return false
    this.goodSource = word
    return true
  }
}
