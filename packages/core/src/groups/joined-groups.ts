/**
 * The groups one socket listens to, with the errors of the contract's `join` and `leave`.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { NetError } from '../errors/net-error.ts'
import type { Memberships } from './memberships.ts'

/** A group a socket listens to; `source` null: from everybody. */
export interface JoinedGroup<On> {
  /** Without a scope: the interface is known. */
  readonly group: IpAddress
  readonly on: On
  readonly source: IpAddress | null
  readonly table: Memberships
}

/** Of a socket. `On` is the interface. */
export class JoinedGroups<On> {
  private joined: readonly JoinedGroup<On>[] = []

  get list(): readonly JoinedGroup<On>[] {
    return this.joined
  }

  /**
   * @param table of the interface and the group's family.
   * @throws NetError EADDRINUSE, ENOBUFS; EINVAL for a source of a group that is heard from everybody.
   */
  join(given: IpAddress, on: On, source: IpAddress | null, table: Memberships): void {
    const where = { address: given.toString() }
    const group = given.withScope(0)
    for (const known of this.joined) {
      if (known.on !== on || !known.group.equals(group)) continue
      if (known.source === null && source !== null) throw new NetError('EINVAL', 'join', where)
      if (source === null || known.source?.equals(source)) throw new NetError('EADDRINUSE', 'join', where)
    }
    table.join(group, source)
    this.joined = [...this.joined, { group, on, source, table }]
  }

  /** @param source null: whatever it is heard from. @throws NetError EADDRNOTAVAIL */
  leave(given: IpAddress, on: On, source: IpAddress | null): void {
    const group = given.withScope(0)
    const isMeant = (known: JoinedGroup<On>): boolean =>
      known.on === on && known.group.equals(group) && (source === null || known.source?.equals(source) === true)
    if (!this.drop(isMeant)) throw new NetError('EADDRNOTAVAIL', 'leave', { address: given.toString() })
  }

  /** Leaves all that fit. @returns whether there were any. */
  drop(isMeant: (known: JoinedGroup<On>) => boolean): boolean {
    const left = this.joined.filter(isMeant)
    this.joined = this.joined.filter((known) => !left.includes(known))
    for (const { table, group, source } of left) table.leave(group, source)
    return left.length > 0
  }
}
