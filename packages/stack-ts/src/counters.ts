/**
 * What a stack counts. None of it ever decreases. Drops are counted by layer and reason: `drop.ip4.checksum`.
 *
 * @module
 */

export class Counters {
  framesIn = 0
  framesOut = 0
  octetsIn = 0
  octetsOut = 0
  arpIn = 0
  arpOut = 0
  addressConflicts = 0
  icmpIn = 0
  icmpOut = 0
  udpIn = 0
  udpOut = 0
  tcpIn = 0
  tcpOut = 0
  tcpRetransmitted = 0
  tcpTimeouts = 0
  tcpFastRetransmits = 0
  tcpResetsOut = 0
  tcpChallengeAcks = 0
  tcpActiveOpens = 0
  tcpPassiveOpens = 0
  tcpZeroWindowProbes = 0
  tcpKeepAliveProbes = 0
  fragmentsIn = 0
  fragmentsOut = 0
  reassembled = 0

  private readonly drops = new Map<string, number>()

  /** @param reason layer and reason, as in `ip4.checksum`. */
  drop(reason: string): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1)
  }

  dropped(reason: string): number {
    return this.drops.get(reason) ?? 0
  }

  toRecord(): Record<string, number> {
    const record: Record<string, number> = {}
    for (const [name, value] of Object.entries(this)) if (typeof value === 'number') record[name] = value
    for (const [reason, count] of this.drops) record[`drop.${reason}`] = count
    return record
  }
}
