/**
 * The host's part of the group membership protocols, which is the same for both families: IGMPv3 (RFC 3376 5) and MLDv2 (RFC 3810 6),
 * falling back to IGMPv2 (RFC 2236 3), IGMPv1 or MLDv1 (RFC 2710 4) while an older querier is on the link. What goes over the wire is the
 * {@link GroupWire}'s business.
 *
 * A response never comes sooner than one response interval after the one before, so that a flood of queries draws one report per interval.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { type Clock, type Random, Timer } from '../contract/clock.ts'
import type { FilterChange, Group, MembershipProtocol, Memberships } from './memberships.ts'

/** Types of records, RFC 3376 4.2.12 and RFC 3810 5.2.12. */
export const MODE_IS_INCLUDE = 1
export const MODE_IS_EXCLUDE = 2
export const CHANGE_TO_INCLUDE = 3
export const CHANGE_TO_EXCLUDE = 4
export const ALLOW_NEW_SOURCES = 5
export const BLOCK_OLD_SOURCES = 6

export interface GroupRecord {
  readonly type: number
  readonly group: IpAddress
  readonly sources: readonly IpAddress[]
}

/** Generations of the protocols: 3 is IGMPv3 and MLDv2, 2 is IGMPv2 and MLDv1, 1 is IGMPv1. */
export type Generation = 1 | 2 | 3

export interface GroupWire {
  /** A report of the newest generation, in as many packets as it takes. */
  report(records: readonly GroupRecord[]): void
  /** A report of an older generation, to the group. */
  reportOld(generation: Generation, group: IpAddress): void
  /** The last member leaves; only of generation 2. */
  leaveOld(group: IpAddress): void
}

const SECOND = 1_000_000
/** RFC 3376 8.1, RFC 3810 9.1. */
const ROBUSTNESS = 2
/** RFC 3376 8.11, and 10 s in the older generations. */
const UNSOLICITED_INTERVAL = SECOND
const OLD_UNSOLICITED_INTERVAL = 10 * SECOND
const QUERY_INTERVAL = 125 * SECOND
/** What "at once" means: the quickest a query is answered. */
const SHORTEST_RESPONSE = SECOND / 10
/** Sources a response to a query about sources remembers, at most; beyond it the whole group is told. */
const MOST_QUERIED = 64
const NEVER = Number.POSITIVE_INFINITY

/** What a group still has to tell. */
class Report {
  readonly address: IpAddress
  /** A change of the filter mode is told this many times more. */
  modeLeft = 0
  /** Changes of sources, and how often each is told. */
  readonly changes: { readonly address: IpAddress; readonly allow: boolean; left: number }[] = []
  /** When a query about this group is answered. */
  responseAt = NEVER
  /** What it asked about; null: everything. */
  queried: IpAddress[] | null = null
  lastResponseAt = Number.NEGATIVE_INFINITY
  /** Reports of an older generation still to come by themselves. */
  oldLeft = 0
  /** Whether the last report of this group on the link was ours (RFC 2236 3). */
  wasLast = false

  constructor(address: IpAddress) {
    this.address = address
  }

  get hasChanges(): boolean {
    return this.modeLeft > 0 || this.changes.length > 0
  }
}

export class GroupReporter extends Timer implements MembershipProtocol {
  /** Set by who makes both. */
  memberships!: Memberships
  private readonly clock: Clock
  private readonly random: Random
  private readonly wire: GroupWire
  /** Groups that nobody reports: all hosts, and what has interface scope. */
  private readonly isSilent: (group: IpAddress) => boolean
  private readonly reports = new Map<string, Report>()
  private changesAt = NEVER
  private generalAt = NEVER
  private lastGeneralAt = Number.NEGATIVE_INFINITY
  /** Until when an older querier counts as present. */
  private readonly olderUntil = { 1: 0, 2: 0 }
  private generation: Generation = 3
  private isStopped = false

  constructor(clock: Clock, random: Random, wire: GroupWire, isSilent: (group: IpAddress) => boolean) {
    super()
    this.clock = clock
    this.random = random
    this.wire = wire
    this.isSilent = isSilent
  }

  // ---------- events ----------

  changed(group: Group, change: FilterChange, source: IpAddress | null): void {
    if (this.isStopped || this.isSilent(group.address)) return
    this.age()
    const report = this.reportOf(group.address)
    if (this.generation < 3) this.changedOld(report, group, change)
    else {
      if (source === null) {
        report.modeLeft = ROBUSTNESS
        // A record of the mode carries all sources.
        report.changes.length = 0
      } else if (report.modeLeft > 0) {
        report.modeLeft = ROBUSTNESS
      } else {
        const before = report.changes.findIndex(({ address }) => address.equals(source))
        if (before >= 0) report.changes.splice(before, 1)
        report.changes.push({ address: source, allow: change === 'allow', left: ROBUSTNESS })
      }
      this.tellChanges()
    }
    this.forget(report)
    this.rearm()
  }

  /**
   * A router asks.
   * @param group null: about all groups.
   * @param sources empty: about all sources.
   * @param maxResponse microseconds within which to answer.
   */
  queried(generation: Generation, group: IpAddress | null, sources: readonly IpAddress[], maxResponse: number): void {
    const { now } = this.clock
    if (generation < 3) this.olderUntil[generation as 1 | 2] = now + ROBUSTNESS * QUERY_INTERVAL + maxResponse
    this.age()
    const within = Math.max(maxResponse, SHORTEST_RESPONSE)
    const at = now + this.between(within)
    if (group === null && this.generation === 3) {
      // RFC 3376 5.2, first and second: one pending answer to a general query is enough.
      this.generalAt = Math.min(this.generalAt, Math.max(at, this.lastGeneralAt + within))
    } else if (group === null) {
      for (const { address } of this.memberships.list()) this.respond(address, [], now + this.between(within), within)
    } else if (this.find(group) !== null && this.generalAt > at) {
      this.respond(group, sources, at, within)
    }
    this.rearm()
  }

  /** Somebody else reported a group (IGMPv2 3, MLDv1 4): in the older generations we need not. */
  reported(group: IpAddress): void {
    const report = this.reports.get(group.toString())
    if (report === undefined || this.generation === 3) return
    report.responseAt = NEVER
    report.oldLeft = 0
    report.wasLast = false
    this.forget(report)
    this.rearm()
  }

  /** The link is back, perhaps elsewhere: all is told anew. */
  refresh(): void {
    this.age()
    for (const group of this.memberships.list()) {
      if (!this.isSilent(group.address)) this.reportOf(group.address).modeLeft = ROBUSTNESS
    }
    if (this.generation === 3) this.tellChanges()
    else for (const report of this.reports.values()) this.tellOld(report, ROBUSTNESS - 1)
    this.rearm()
  }

  /** The interface is gone: nothing is said any more. */
  stop(): void {
    this.isStopped = true
    this.clock.disarm(this)
    this.reports.clear()
    this.changesAt = NEVER
    this.generalAt = NEVER
  }

  override fire(): void {
    const { now } = this.clock
    this.age()
    if (this.generalAt <= now) this.answerGeneral()
    if (this.changesAt <= now) this.tellChanges()
    for (const report of this.reports.values()) {
      if (report.responseAt <= now) this.answer(report)
      this.forget(report)
    }
    this.rearm()
  }

  // ---------- generation 3 ----------

  /** State changes are told at once, and once more a little later (RFC 3376 5.1). */
  private tellChanges(): void {
    const records: GroupRecord[] = []
    let isDone = true
    for (const report of this.reports.values()) {
      if (!report.hasChanges) continue
      this.addChanges(report, records)
      isDone &&= !report.hasChanges
      this.forget(report)
    }
    this.changesAt = isDone ? NEVER : this.clock.now + this.between(UNSOLICITED_INTERVAL)
    if (records.length > 0) this.wire.report(records)
  }

  private addChanges(report: Report, records: GroupRecord[]): void {
    const { address: group, changes } = report
    if (report.modeLeft > 0) {
      report.modeLeft--
      records.push(this.stateOf(group, CHANGE_TO_INCLUDE, CHANGE_TO_EXCLUDE))
      return
    }
    for (const [type, allow] of [
      [ALLOW_NEW_SOURCES, true],
      [BLOCK_OLD_SOURCES, false],
    ] as const) {
      const sources = changes.filter((change) => change.allow === allow).map(({ address }) => address)
      if (sources.length > 0) records.push({ type, group, sources })
    }
    const left = changes.filter((change) => --change.left > 0)
    changes.splice(0, changes.length, ...left)
  }

  private stateOf(group: IpAddress, include: number, exclude: number): GroupRecord {
    const wanted = this.find(group)
    if (wanted?.any === true) return { type: exclude, group, sources: [] }
    return { type: include, group, sources: (wanted?.sources ?? []).map(({ address }) => address) }
  }

  private answerGeneral(): void {
    this.generalAt = NEVER
    this.lastGeneralAt = this.clock.now
    const records: GroupRecord[] = []
    for (const { address } of this.memberships.list()) {
      if (!this.isSilent(address)) records.push(this.stateOf(address, MODE_IS_INCLUDE, MODE_IS_EXCLUDE))
    }
    if (records.length > 0) this.wire.report(records)
  }

  /** RFC 3376 5.2: what a query about a group, or about sources of it, is answered with. */
  private answer(report: Report): void {
    const { address, queried } = report
    report.responseAt = NEVER
    report.queried = null
    report.lastResponseAt = this.clock.now
    const group = this.find(address)
    if (group === null) return
    if (this.generation < 3) this.tellOld(report, report.oldLeft - 1)
    else if (queried === null) this.wire.report([this.stateOf(address, MODE_IS_INCLUDE, MODE_IS_EXCLUDE)])
    else {
      const sources = group.any ? queried : queried.filter((source) => isAmong(source, group.sources))
      if (sources.length > 0) this.wire.report([{ type: MODE_IS_INCLUDE, group: address, sources }])
    }
  }

  private respond(group: IpAddress, sources: readonly IpAddress[], at: number, within: number): void {
    if (this.isSilent(group)) return
    const report = this.reportOf(group)
    const isPending = report.responseAt !== NEVER
    const asksAll = sources.length === 0 || (isPending && report.queried === null)
    if (asksAll) report.queried = null
    else {
      const queried = isPending ? (report.queried as IpAddress[]) : []
      for (const source of sources) if (!queried.some((known) => known.equals(source))) queried.push(source)
      report.queried = queried.length > MOST_QUERIED ? null : queried
    }
    report.responseAt = Math.min(report.responseAt, Math.max(at, report.lastResponseAt + within))
  }

  // ---------- older generations ----------

  private changedOld(report: Report, group: Group, change: FilterChange): void {
    const isNew =
      change === 'to-exclude' ? group.sources.length === 0 : change === 'allow' && group.sources.length === 1
    if (isNew) this.tellOld(report, ROBUSTNESS - 1)
    else if (group.isUnused) {
      if (this.generation === 2 && report.wasLast) this.wire.leaveOld(group.address)
      this.reports.delete(group.address.toString())
    }
  }

  /** Reports a group, and again by itself as often as said. */
  private tellOld(report: Report, more: number): void {
    if (this.find(report.address) === null) return
    report.modeLeft = 0
    report.changes.length = 0
    report.oldLeft = Math.max(0, more)
    report.wasLast = true
    report.responseAt = report.oldLeft > 0 ? this.clock.now + this.between(OLD_UNSOLICITED_INTERVAL) : NEVER
    this.wire.reportOld(this.generation, report.address)
  }

  /** RFC 3376 7.2.1: the generation follows the oldest querier heard lately. What waits under another one is forgotten. */
  private age(): void {
    const { now } = this.clock
    const generation: Generation = now < this.olderUntil[1] ? 1 : now < this.olderUntil[2] ? 2 : 3
    if (generation === this.generation) return
    this.generation = generation
    this.reports.clear()
    this.changesAt = NEVER
    this.generalAt = NEVER
  }

  // ---------- inside ----------

  private find(group: IpAddress): Group | null {
    return this.memberships.find(group.w0, group.w1, group.w2, group.w3)
  }

  private reportOf(group: IpAddress): Report {
    const key = group.toString()
    let report = this.reports.get(key)
    if (report === undefined) {
      report = new Report(group)
      this.reports.set(key, report)
    }
    return report
  }

  /** Keeps what still has something to say, or remembers something about a group that is joined. */
  private forget(report: Report): void {
    if (report.hasChanges || report.responseAt !== NEVER || this.find(report.address) !== null) return
    this.reports.delete(report.address.toString())
  }

  private rearm(): void {
    let at = Math.min(this.changesAt, this.generalAt)
    for (const report of this.reports.values()) at = Math.min(at, report.responseAt)
    if (at === NEVER) this.clock.disarm(this)
    else if (!this.armed || this.at !== at) this.clock.arm(this, at)
  }

  /** A random time of at least a microsecond, at most the one given. */
  private between(most: number): number {
    return 1 + ((this.random.int32() >>> 0) % most)
  }
}

function isAmong(source: IpAddress, wanted: readonly { readonly address: IpAddress }[]): boolean {
  return wanted.some(({ address }) => address.equals(source))
}
