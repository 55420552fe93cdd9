/**
 * Datagrams on their way through the library. It sends no empty ones, leaves out checksums, cuts long ones into fragments that nobody puts
 * together again, and drops them where it keeps packets for a neighbour that it is asking for. So it is given a short mark in the place of
 * each, and what leaves for the wire is made of the datagram itself: see `datagram-frames.ts`.
 *
 * @module
 */
import type { Clock, Random } from '@ioth/core'

/** Nobody else can know them. */
const SECRET = 16
/** Octets of a mark: the secret, and a number. */
const MARK = SECRET + 4
/** How long a mark may be on its way: the library waits for neighbours, and gives them up after seconds. */
const LONGEST_US = 10_000_000
/** Datagrams, and octets of them, that may be on their way. */
const MOST = 1024
const MOST_OCTETS = 4 * 1024 * 1024

/** A datagram, and what the library does not put into its header. */
export interface Kept {
  readonly octets: Uint8Array
  /** 0: as the library has it. */
  readonly ttl: number
  readonly trafficClass: number
  readonly until: number
}

export class DatagramMarks {
  private readonly clock: Clock
  private readonly mark: Uint8Array = new Uint8Array(MARK)
  private readonly view: DataView = new DataView(this.mark.buffer)
  private readonly kept = new Map<number, Kept>()
  private octets = 0
  private next = 0

  constructor(clock: Clock, random: Random) {
    this.clock = clock
    random.fill(this.mark)
  }

  /** @returns the mark that stands for a copy of the octets, good until the next one; null: too much is on its way. */
  for(from: Uint8Array, offset: number, length: number, ttl: number, trafficClass: number): Uint8Array | null {
    if (this.kept.size >= MOST || (this.octets > 0 && this.octets + length > MOST_OCTETS)) return null
    this.next = (this.next + 1) >>> 0
    this.view.setUint32(SECRET, this.next)
    const octets = from.slice(offset, offset + length)
    this.kept.set(this.next, { octets, ttl, trafficClass, until: this.clock.now + LONGEST_US })
    this.octets += length
    return this.mark
  }

  /** Takes back what {@link for} gave last: the library did not want it. */
  takeBack(): void {
    this.forget(this.next)
  }

  /** Whether a mark lies here, in so many octets. */
  isMark(bytes: Uint8Array, at: number, length: number): boolean {
    if (length !== MARK) return false
    for (let i = 0; i < SECRET; i++) if (bytes[at + i] !== this.mark[i]) return false
    return true
  }

  /** What a mark stands for; null: it was forgotten. No copy of a mark comes, so it is forgotten now. */
  behind(bytes: Uint8Array, at: number): Kept | null {
    const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + SECRET)
    const kept = this.kept.get(number) ?? null
    this.forget(number)
    return kept
  }

  /** Forgets what nobody took. */
  sweep(): void {
    for (const [number, { until }] of this.kept) if (until < this.clock.now) this.forget(number)
  }

  private forget(number: number): void {
    const kept = this.kept.get(number)
    if (kept === undefined) return
    this.kept.delete(number)
    this.octets -= kept.octets.length
  }
}
