/**
 * Asks for neighbours in a library's place: before the library is made to speak to them, as it may wait for an absent one with the thread
 * that asked; or for each of its frames, where it has no table of its own worth the name. ARP (RFC 826) and neighbour solicitations
 * (RFC 4861).
 *
 * @module
 */
import {
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  type Clock,
  ETH_TYPE,
  ETHERNET_HEADER,
  fromBytes,
  IP6_SOURCE,
  type IpAddress,
  Timer,
  toBytes,
} from '@ioth/core'
import { groupMac, solicitedNode } from '@ioth/core/groups'
import {
  ADVERTISEMENT,
  isNd,
  ND_FLAGS,
  ND_TARGET,
  ndFrame,
  ndOption,
  OVERRIDE,
  SOLICITATION,
  SOURCE_MAC,
  TARGET_MAC,
} from './nd-frame.ts'
import { isArp } from './neighbor-answer.ts'

export interface NeighborWires {
  readonly clock: Clock
  readonly mac: Uint8Array
  /** Which address of ours asks. */
  sourceFor(destination: IpAddress): IpAddress | null
  /** Who asks for one is known from then on (RFC 826, packet reception; RFC 4861 7.2.3). */
  isOurs(address: IpAddress): boolean
  toPeer(frame: Uint8Array): void
}

export interface KnownNeighbor {
  readonly address: IpAddress
  readonly mac: Uint8Array
  /** When it was heard of, in microseconds. */
  readonly at: number
}

/** Questions, a second apart, before a neighbour is taken for absent. */
const QUESTIONS = 3
const ARP_REQUEST = 1
const INTERVAL = 1_000_000
/** A neighbour heard of so recently is not asked again. */
const FRESH = 30_000_000
/** Neighbours remembered, at most. */
const MOST = 1024
/** Neighbours asked for at once: whoever makes the library answer to many absent ones must not make it flood its network (RFC 6583). */
const MOST_QUESTIONS = 64
/** With those for whom a program here waits: strangers cannot take its turn, whatever they make the library answer. */
const MOST_WITH_OWN = 96
/** Frames that wait for one neighbour (RFC 1122 2.3.2.2 asks for one at least). */
const MOST_WAITING = 16

export class NeighborProbe {
  /** Frames whose neighbour did not answer, or that had no room to wait. */
  dropped = 0
  private readonly wires: NeighborWires
  private readonly known = new Map<string, KnownNeighbor>()
  private readonly questions = new Map<string, Question>()

  constructor(wires: NeighborWires) {
    this.wires = wires
  }

  /** Tells the neighbour's MAC, at once when it was heard of just now; null: nobody answers. */
  resolve(address: IpAddress, done: (mac: Uint8Array | null) => void): void {
    const key = address.withScope(0).toString()
    const known = this.known.get(key)
    if (known !== undefined && this.isFresh(known)) {
      done(known.mac)
      return
    }
    const question = this.question(key, address, MOST_WITH_OWN)
    if (question === null) done(null)
    else question.waiting.push(done)
    question?.begin()
  }

  /** Asks for a neighbour whose answer the library takes from the link. @returns its MAC when it is known; else whether it is asked for. */
  seek(address: IpAddress): Uint8Array | boolean {
    const key = address.withScope(0).toString()
    const known = this.known.get(key)
    if (known !== undefined && this.isFresh(known)) return known.mac
    const question = this.question(key, address)
    question?.begin()
    return question !== null
  }

  /**
   * Addresses a frame of the library's to a neighbour, in place. @returns whether it can go now; else it was copied and goes when the
   * neighbour has answered.
   */
  address(frame: Uint8Array, length: number, neighbor: IpAddress): boolean {
    const key = neighbor.withScope(0).toString()
    const known = this.known.get(key)
    if (known !== undefined) {
      // One not heard of for a while is asked on the way (RFC 4861 7.3.3).
      if (!this.isFresh(known)) this.question(key, neighbor)?.begin()
      frame.set(known.mac)
      return true
    }
    const question = this.question(key, neighbor)
    if (question === null || question.frames.length >= MOST_WAITING) {
      this.dropped++
      return false
    }
    question.frames.push(frame.slice(0, length))
    question.begin()
    return false
  }

  /** The question that is being asked, or a new one; null: there are so many. */
  private question(key: string, address: IpAddress, most = MOST_QUESTIONS): Question | null {
    const asked = this.questions.get(key)
    if (asked !== undefined) return asked
    if (this.questions.size >= most) return null
    const question: Question = new Question(() => this.ask(key, question), address)
    this.questions.set(key, question)
    return question
  }

  list(): Iterable<KnownNeighbor> {
    return this.known.values()
  }

  /** A frame from the link: it may be an answer. */
  arriving(frame: Uint8Array, length: number): void {
    if (isArp(frame, length)) {
      const sender = fromBytes(frame, ETHERNET_HEADER + ARP_SENDER_IP, 4)
      const target = fromBytes(frame, ETHERNET_HEADER + ARP_TARGET_IP, 4)
      const isRequest = frame[ETHERNET_HEADER + ARP_OPERATION + 1] === ARP_REQUEST
      if (!this.isHeardOf(sender) && !(isRequest && this.wires.isOurs(target))) return
      this.learn(sender, frame, ETHERNET_HEADER + ARP_SENDER_MAC)
    } else if (isNd(frame, length, ADVERTISEMENT)) this.advertised(frame, length)
    else if (isNd(frame, length, SOLICITATION)) {
      const mac = ndOption(frame, length, SOURCE_MAC)
      const sender = fromBytes(frame, ETHERNET_HEADER + IP6_SOURCE, 16)
      if (mac >= 0 && this.wires.isOurs(fromBytes(frame, ND_TARGET, 16))) this.learn(sender, frame, mac)
    }
  }

  /** RFC 4861 7.2.5: nobody is known by its own word alone, and one that is known moves only when it says so. */
  private advertised(frame: Uint8Array, length: number): void {
    const target = fromBytes(frame, ND_TARGET, 16)
    const mac = ndOption(frame, length, TARGET_MAC)
    if (mac < 0 || !this.isHeardOf(target)) return
    const known = this.known.get(target.toString())
    const isElsewhere = known?.mac.some((octet, at) => octet !== frame[mac + at]) === true
    if (isElsewhere && ((frame[ND_FLAGS] as number) & OVERRIDE) === 0) return
    this.learn(target, frame, mac)
  }

  private isFresh({ at }: KnownNeighbor): boolean {
    return this.wires.clock.now - at < FRESH
  }

  /** Whether it is known, or asked for. */
  private isHeardOf(address: IpAddress): boolean {
    const key = address.toString()
    return this.known.has(key) || this.questions.has(key)
  }

  /** A neighbour that did not answer, or is to be forgotten. */
  forget(address: IpAddress): void {
    this.known.delete(address.withScope(0).toString())
  }

  /** Nobody is asked any more: whoever waits hears that nobody answers. */
  close(): void {
    for (const [key, question] of this.questions) this.answer(key, question, null)
  }

  private learn(address: IpAddress, frame: Uint8Array, at: number): void {
    if (address.isUnspecified) return
    const key = address.toString()
    const mac = frame.slice(at, at + 6)
    this.known.delete(key)
    this.known.set(key, { address, mac, at: this.wires.clock.now })
    // The one heard of longest ago makes room.
    if (this.known.size > MOST) this.known.delete(this.known.keys().next().value as string)
    const question = this.questions.get(key)
    if (question !== undefined) this.answer(key, question, mac)
  }

  private ask(key: string, question: Question): void {
    const { clock } = this.wires
    const source = this.wires.sourceFor(question.address)
    if (question.count++ >= QUESTIONS || source === null) {
      this.answer(key, question, null)
      return
    }
    clock.arm(question, clock.now + INTERVAL)
    const { address } = question
    this.wires.toPeer(address.family === 4 ? this.request(source, address) : this.solicitation(source, address))
  }

  private answer(key: string, question: Question, mac: Uint8Array | null): void {
    this.wires.clock.disarm(question)
    this.questions.delete(key)
    if (mac === null) this.known.delete(key)
    for (const done of question.waiting) done(mac)
    for (const frame of question.frames) {
      if (mac === null) this.dropped++
      else {
        frame.set(mac)
        this.wires.toPeer(frame)
      }
    }
  }

  private request(source: IpAddress, target: IpAddress): Uint8Array {
    const { mac } = this.wires
    const frame = new Uint8Array(ETHERNET_HEADER + ARP_LENGTH)
    frame.fill(0xff, 0, 6)
    frame.set(mac, 6)
    frame.set([0x08, 0x06, 0, 1, 0x08, 0, 6, 4], ETH_TYPE)
    frame[ETHERNET_HEADER + ARP_OPERATION + 1] = 1
    frame.set(mac, ETHERNET_HEADER + ARP_SENDER_MAC)
    frame.set(toBytes(source), ETHERNET_HEADER + ARP_SENDER_IP)
    frame.set(toBytes(target), ETHERNET_HEADER + ARP_TARGET_IP)
    return frame
  }

  private solicitation(source: IpAddress, target: IpAddress): Uint8Array {
    const group = solicitedNode(target)
    return ndFrame({
      kind: SOLICITATION,
      target: toBytes(target),
      source: toBytes(source),
      destination: toBytes(group),
      to: groupMac(group),
      mac: this.wires.mac,
    })
  }
}

class Question extends Timer {
  readonly address: IpAddress
  readonly waiting: ((mac: Uint8Array | null) => void)[] = []
  /** They go when the answer comes. */
  readonly frames: Uint8Array[] = []
  count = 0
  private readonly again: () => void

  constructor(again: () => void, address: IpAddress) {
    super()
    this.again = again
    this.address = address
  }

  /** Asks, unless it was asked already. */
  begin(): void {
    if (this.count === 0) this.again()
  }

  override fire(): void {
    this.again()
  }
}
