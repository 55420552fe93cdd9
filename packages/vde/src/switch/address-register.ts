/**
 * Who has which IP address on a switch. A plug claims its addresses, and one that another port has is refused at once, so that nobody
 * need wait for address conflict detection (RFC 5227). Of ports that do not claim, ARP tells the addresses; whether they still have them
 * only the network can say, for a port may lead to another switch.
 *
 * @module
 */
import type { AddressInfo } from '../stream/control.ts'

interface Entry {
  readonly address: string
  /** Each VLAN has addresses of its own; 0: there are none. */
  vlan: number
  readonly port: number
  mac: string
  claimed: boolean
  /** Claimed after another port was seen to use it: whoever claims it must ask the network too. */
  unsure: boolean
  /** Tick of the last ARP, of an address that is only seen. */
  seen: number
}

export class AddressRegister {
  private readonly entries = new Map<string, Entry>()
  private readonly counts = new Map<number, number>()
  /** Addresses of one port at most. */
  readonly perPort: number

  constructor(perPort: number) {
    this.perPort = perPort
  }

  /** Gives an address to a port. @returns null when granted, else the port that has it, or -1 when this port has too many. */
  claim(address: string, port: number, mac: string, vlan = 0): number | null {
    const entry = this.entries.get(keyOf(address, vlan))
    if (entry === undefined) {
      if (!this.add({ address, vlan, port, mac, claimed: true, unsure: false, seen: 0 })) return -1
    } else if (entry.port === port) {
      entry.mac = mac
      entry.claimed = true
    } else if (entry.claimed) {
      return entry.port
    } else {
      this.delete(entry)
      if (!this.add({ address, vlan, port, mac, claimed: true, unsure: true, seen: 0 })) return -1
    }
    return null
  }

  /** Whether who claimed an address must ask the network too. */
  isUnsure(address: string, vlan = 0): boolean {
    return this.entries.get(keyOf(address, vlan))?.unsure === true
  }

  /** Takes an address from whoever has it, but for this port. */
  free(address: string, port: number, vlan = 0): void {
    const entry = this.entries.get(keyOf(address, vlan))
    if (entry !== undefined && entry.port !== port) this.delete(entry)
  }

  /** Takes an address back from the port that claimed it. */
  unclaim(address: string, port: number, vlan = 0): void {
    const entry = this.entries.get(keyOf(address, vlan))
    if (entry?.port === port && entry.claimed) this.delete(entry)
  }

  /**
   * An ARP message showed who uses an address.
   * @returns false when another port has claimed it: two use the same address.
   */
  see(address: string, port: number, mac: string, tick: number, vlan = 0): boolean {
    const entry = this.entries.get(keyOf(address, vlan))
    if (entry?.claimed) return entry.port === port
    if (entry !== undefined && entry.port === port) {
      entry.mac = mac
      entry.seen = tick
      return true
    }
    // The address has moved: what was only seen gives way.
    if (entry !== undefined) this.delete(entry)
    this.add({ address, vlan, port, mac, claimed: false, unsure: false, seen: tick })
    return true
  }

  /** The MAC address that goes with an address. */
  macOf(address: string, vlan = 0): string {
    return this.entries.get(keyOf(address, vlan))?.mac ?? ''
  }

  /** The addresses of a port. */
  *of(port: number): Iterable<AddressInfo> {
    if (!this.counts.has(port)) return
    for (const { address, mac, claimed, port: owner } of this.entries.values()) {
      if (owner === port) yield { address, mac, claimed }
    }
  }

  /** Forgets all addresses of a port. */
  removePort(port: number): void {
    if (!this.counts.has(port)) return
    for (const entry of this.entries.values()) if (entry.port === port) this.delete(entry)
  }

  /** A port is in another VLAN from now on, with all that it claimed and nobody has there. */
  move(port: number, vlan: number): void {
    if (!this.counts.has(port)) return
    for (const entry of [...this.entries.values()]) {
      if (entry.port !== port || entry.vlan === vlan) continue
      this.delete(entry)
      if (entry.claimed && !this.entries.has(keyOf(entry.address, vlan))) this.add({ ...entry, vlan })
    }
  }

  /** Forgets what was only seen, and not since a tick. */
  expire(oldest: number): void {
    for (const entry of this.entries.values()) if (!entry.claimed && entry.seen < oldest) this.delete(entry)
  }

  get size(): number {
    return this.entries.size
  }

  private add(entry: Entry): boolean {
    const count = this.counts.get(entry.port) ?? 0
    if (count >= this.perPort) return false
    this.counts.set(entry.port, count + 1)
    this.entries.set(keyOf(entry.address, entry.vlan), entry)
    return true
  }

  private delete(entry: Entry): void {
    this.entries.delete(keyOf(entry.address, entry.vlan))
    const count = (this.counts.get(entry.port) as number) - 1
    if (count === 0) this.counts.delete(entry.port)
    else this.counts.set(entry.port, count)
  }
}

function keyOf(address: string, vlan: number): string {
  return vlan === 0 ? address : `${vlan} ${address}`
}
