/**
 * What a stack counts. None of it ever decreases.
 *
 * Each frame that comes in ends in one of two ways: delivered, or dropped for one reason, counted by layer: `drop.ip4.checksum`. Packets
 * of our own to ourselves are counted with them. So `framesIn + packetsLooped = framesDelivered + ` the sum of all `drop.*`, and
 * `octetsIn + octetsLooped = octetsDelivered + octetsDropped`. What is lost otherwise (packets of ours that could not leave, copies
 * for a full queue, fragments that were taken and never met) is counted as `lost.*`.
 *
 * @module
 */

export class Counters {
  framesIn = 0
  framesOut = 0
  octetsIn = 0
  octetsOut = 0
  framesDelivered = 0
  octetsDelivered = 0
  octetsDropped = 0
  packetsLooped = 0
  octetsLooped = 0
  arpIn = 0
  arpOut = 0
  addressConflicts = 0
  neighborsEvicted = 0
  dhcpIn = 0
  dhcpOut = 0
  icmpIn = 0
  icmpOut = 0
  igmpIn = 0
  igmpOut = 0
  udpIn = 0
  udpOut = 0
  tcpIn = 0
  tcpOut = 0
  tcpRetransmitted = 0
  tcpTimeouts = 0
  tcpFastRetransmits = 0
  tcpLossProbes = 0
  tcpSpuriousRecoveries = 0
  tcpResetsOut = 0
  tcpResetsIn = 0
  tcpChallengeAcks = 0
  /** Challenge ACKs that were not sent, for there had been too many. */
  tcpChallengesHeld = 0
  tcpActiveOpens = 0
  tcpPassiveOpens = 0
  tcpEstablished = 0
  /** Attempts that failed, of either side. */
  tcpAttemptFails = 0
  /** Connections taken up where another one was in TIME-WAIT. */
  tcpTimeWaitReused = 0
  /** Segments behind a gap. */
  tcpOutOfOrder = 0
  tcpDelayedAcks = 0
  /** Path MTUs that routers made smaller. */
  tcpMtuLowered = 0
  tcpUserTimeouts = 0
  tcpZeroWindowProbes = 0
  tcpKeepAliveProbes = 0
  fragmentsIn = 0
  fragmentsOut = 0
  reassembled = 0

  private readonly drops = new Map<string, number>()
  private readonly losses = new Map<string, number>()
  /** Octets of the frame in hand; -1: there is none, or its end is counted already. */
  private inHand = -1

  /** A frame came from a link: the next {@link drop} is about it. */
  frameArrives(octets: number): void {
    this.framesIn++
    this.octetsIn += octets
    this.inHand = octets
  }

  /** A packet of our own came back to us: as {@link frameArrives}. */
  packetLoops(octets: number): void {
    this.packetsLooped++
    this.octetsLooped += octets
    this.inHand = octets
  }

  /** The frame was worked off. Unless it was dropped, it was delivered. */
  frameEnds(): void {
    if (this.inHand < 0) return
    this.framesDelivered++
    this.octetsDelivered += this.inHand
    this.inHand = -1
  }

  /**
   * The frame in hand goes nowhere. When there is none, or it was dropped already, this is about something else: {@link lose}.
   * @param reason layer and reason, as in `ip4.checksum`.
   */
  drop(reason: string): void {
    if (this.inHand < 0) {
      this.lose(reason)
      return
    }
    this.octetsDropped += this.inHand
    this.inHand = -1
    increment(this.drops, reason)
  }

  /** Something else than the frame in hand is lost: a packet of ours, or what was kept of earlier frames. */
  lose(reason: string): void {
    increment(this.losses, reason)
  }

  toRecord(): Record<string, number> {
    const record: Record<string, number> = {}
    for (const [name, value] of Object.entries(this)) {
      if (typeof value === 'number' && name !== 'inHand') record[name] = value
    }
    for (const [reason, count] of this.drops) record[`drop.${reason}`] = count
    for (const [reason, count] of this.losses) record[`lost.${reason}`] = count
    return record
  }
}

function increment(counts: Map<string, number>, reason: string): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1)
}
