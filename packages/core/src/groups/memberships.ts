/**
 * Which groups an interface listens to (RFC 3376 3.2, RFC 3810 4.2): what its sockets asked for, put together. One table per interface and
 * family. How the network hears of it is the protocol's business: IGMP for IPv4, MLD for IPv6.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { NetError } from '../errors/net-error.ts'

/** How the filter of a group changed, in the words of RFC 3376 4.2.12. */
export type FilterChange = 'to-exclude' | 'to-include' | 'allow' | 'block'

/** Tells the routers of the link. Called after the table changed; a group that is gone has no sources and `any` false. */
export interface MembershipProtocol {
  /**
   * @param source of `allow` and `block`; null for `to-exclude` (every source is wanted now) and `to-include` (only the listed ones are).
   */
  changed(group: Group, change: FilterChange, source: IpAddress | null): void
}

interface WantedSource {
  readonly address: IpAddress
  users: number
}

/** A group that somebody of this host listens to. */
export class Group {
  readonly address: IpAddress
  /** Users that take every source. */
  anyUsers = 0
  /** Users that take one source, by source. */
  readonly sources: WantedSource[] = []
  /** The next group in the same place of the table. */
  next: Group | null = null

  constructor(address: IpAddress) {
    this.address = address
  }

  /** Whether every source is wanted (filter mode EXCLUDE with no sources). */
  get any(): boolean {
    return this.anyUsers > 0
  }

  get isUnused(): boolean {
    return this.anyUsers === 0 && this.sources.length === 0
  }
}

/** Groups of one interface, at most. */
const MOST_GROUPS = 1024
/** Sources of one group, at most. */
const MOST_SOURCES = 64

export class Memberships {
  private readonly protocol: MembershipProtocol
  /** By the last word of the address, with a list through `next`. */
  private groups: Map<number, Group> | null = null
  private count = 0

  constructor(protocol: MembershipProtocol) {
    this.protocol = protocol
  }

  get size(): number {
    return this.count
  }

  *list(): Iterable<Group> {
    for (const first of this.groups?.values() ?? [])
      for (let group: Group | null = first; group !== null; group = group.next) yield group
  }

  /** The group with these four words (an IPv4 group in its mapped form), or null. */
  find(w0: number, w1: number, w2: number, w3: number): Group | null {
    let group = this.groups?.get(w3) ?? null
    while (group !== null) {
      const { address } = group
      if (address.w2 === w2 && address.w1 === w1 && address.w0 === w0) return group
      group = group.next
    }
    return null
  }

  /** One more user of a group. @throws NetError ENOBUFS when there are too many. */
  join(address: IpAddress, source: IpAddress | null): void {
    const { w0, w1, w2, w3 } = address
    let group = this.find(w0, w1, w2, w3)
    if (group === null) {
      if (this.count >= MOST_GROUPS) throw new NetError('ENOBUFS', 'join', { address: address.toString() })
      group = new Group(address)
      this.groups ??= new Map()
      group.next = this.groups.get(w3) ?? null
      this.groups.set(w3, group)
      this.count++
    }
    if (source === null) {
      if (++group.anyUsers === 1) this.protocol.changed(group, 'to-exclude', null)
      return
    }
    const known = group.sources.find((each) => each.address.equals(source))
    if (known !== undefined) {
      known.users++
      return
    }
    if (group.sources.length >= MOST_SOURCES) throw new NetError('ENOBUFS', 'join', { address: address.toString() })
    group.sources.push({ address: source, users: 1 })
    // While every source is wanted one more changes nothing.
    if (!group.any) this.protocol.changed(group, 'allow', source)
  }

  /** One user less. What was never joined is ignored. */
  leave(address: IpAddress, source: IpAddress | null): void {
    const group = this.find(address.w0, address.w1, address.w2, address.w3)
    if (group === null) return
    if (source === null) {
      if (group.anyUsers === 0 || --group.anyUsers > 0) return
      if (group.isUnused) this.remove(group)
      this.protocol.changed(group, 'to-include', null)
      return
    }
    const index = group.sources.findIndex((each) => each.address.equals(source))
    const wanted = group.sources[index]
    if (wanted === undefined || --wanted.users > 0) return
    group.sources.splice(index, 1)
    if (group.isUnused) this.remove(group)
    if (!group.any) this.protocol.changed(group, 'block', source)
  }

  private remove(group: Group): void {
    const groups = this.groups as Map<number, Group>
    const key = group.address.w3
    let before = groups.get(key) as Group
    if (before === group) {
      if (group.next === null) groups.delete(key)
      else groups.set(key, group.next)
    } else {
      while (before.next !== group) before = before.next as Group
      before.next = group.next
    }
    group.next = null
    this.count--
  }
}
