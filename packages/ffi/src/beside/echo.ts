/**
 * Echo of both families in a library's place (RFC 792; RFC 4443 4): its questions of any length and time to live, what the network says about
 * them, and the answers to those of others.
 *
 * @module
 */
import {
  AbortError,
  checkPing,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  ICMP_CHECKSUM,
  ICMP_CODE,
  ICMP_HEADER,
  ICMP_ID,
  ICMP_TYPE,
  IP4_DESTINATION,
  IP4_HEADER,
  IP4_ID,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TTL,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_HOP_LIMIT,
  IP6_NEXT_HEADER,
  IP6_SOURCE,
  type IpAddress,
  NetError,
  type PingOptions,
  type PingRefusal,
  type PingReply,
  PROTO_ICMP,
  PROTO_ICMP6,
  type Scheduler,
  Task,
  Timer,
  toBytes,
} from '@ioth/core'
import { sumOf } from './checksum.ts'
import { packetFrames } from './packet-frames.ts'
import type { PacketView } from './packet-view.ts'

/** How packets get to a link. */
export interface EchoWay {
  /** Ours; null on a link without hardware addresses. */
  readonly mac: Uint8Array | null
  readonly mtu: number
  emit(frame: Uint8Array): void
}

/** The way of a question. */
export interface QuestionWay extends EchoWay {
  readonly source: IpAddress
  /** Finds out where the next one on the way is; null: it does not answer. Not asked where there are no hardware addresses. */
  resolve(done: (mac: Uint8Array | null) => void): void
}

/** Types (RFC 792, RFC 4443). */
const KINDS = {
  4: { request: 8, reply: 0, unreachable: 3, timeExceeded: 11 },
  6: { request: 128, reply: 129, unreachable: 1, timeExceeded: 3 },
} as const
const HOPS = 64
/** Questions that wait at the same time. */
const MOST = 1024
const PLAIN_IP4 = 0x45
const PLAIN_IP6 = 0x60

class Question extends Timer {
  readonly key: number
  readonly to: IpAddress
  readonly since: number
  readonly outcome: (error: Error | null, reply: PingReply | null) => void
  isResolved = false
  private readonly late: (question: Question) => void

  constructor(key: number, to: IpAddress, since: number, outcome: Question['outcome'], late: Question['late']) {
    super()
    this.key = key
    this.to = to
    this.since = since
    this.outcome = outcome
    this.late = late
  }

  override fire(): void {
    this.late(this)
  }
}

export class Echo {
  private readonly scheduler: Scheduler
  private readonly questions = new Map<number, Question>()
  /** RFC 792: tells the questions of this stack from those of others. A new one for every 65536 of them. */
  private identifier = 0
  private sequence = 0

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler
  }

  /**
   * Asks, and holds the process meanwhile.
   * @param way null: the destination is ourselves.
   * @throws NetError ETIMEDOUT; EHOSTUNREACH, ENETUNREACH, told by a router or for want of a neighbour; EMSGSIZE, EINVAL, ENOBUFS; AbortError.
   */
  async ask(to: IpAddress, way: QuestionWay | null, options: PingOptions): Promise<PingReply> {
    const { size, timeoutMs, ttl = HOPS, signal } = checkPing(to, options)
    const where = { address: to.toString() }
    if (this.questions.size >= MOST) throw new NetError('ENOBUFS', 'ping', where)
    return await new Promise<PingReply>((resolve, reject) => {
      const { clock } = this.scheduler
      const abort = (): void => this.settle(question, new AbortError(signal?.reason), null)
      const outcome: Question['outcome'] = (error, reply) => {
        signal?.removeEventListener('abort', abort)
        if (error === null) resolve(reply as PingReply)
        else reject(error)
      }
      const late = (asked: Question): void => {
        // A neighbour that has not answered by now is told apart from a host that keeps silent.
        this.settle(asked, new NetError(asked.isResolved ? 'ETIMEDOUT' : 'EHOSTUNREACH', 'ping', where), null)
      }
      const question = new Question(this.nextKey(), to, clock.now, outcome, late)
      this.questions.set(question.key, question)
      this.scheduler.hold()
      clock.arm(question, clock.now + timeoutMs * 1000)
      signal?.addEventListener('abort', abort, { once: true })
      this.send(question, way, ttl, size)
    })
  }

  private send(question: Question, way: QuestionWay | null, ttl: number, size: number): void {
    const { to, key } = question
    if (way === null) {
      question.isResolved = true
      this.scheduler.defer(new Task(() => this.answered(question, HOPS, size)))
      return
    }
    const message = new Uint8Array(ICMP_HEADER + size)
    message[ICMP_TYPE] = KINDS[to.family].request
    new DataView(message.buffer).setInt32(ICMP_ID, key)
    for (let at = 0; at < size; at++) message[ICMP_HEADER + at] = at
    const go = (mac: Uint8Array | null): void => {
      if (!this.questions.has(key)) return
      question.isResolved = true
      this.emit(way, mac, toBytes(way.source), toBytes(to), ttl, message)
    }
    if (way.mac === null) {
      go(null)
      return
    }
    way.resolve((mac) => {
      if (mac !== null) go(mac)
      else this.settle(question, new NetError('EHOSTUNREACH', 'ping', { address: to.toString() }), null)
    })
  }

  private emit(
    way: EchoWay,
    station: Uint8Array | null,
    source: Uint8Array,
    destination: Uint8Array,
    hops: number,
    message: Uint8Array,
  ): void {
    const family = source.length === 4 ? 4 : 6
    const ip = way.mac === null ? 0 : ETHERNET_HEADER
    const headers = new Uint8Array(ip + (family === 4 ? IP4_HEADER : IP6_HEADER))
    const view = new DataView(headers.buffer)
    if (way.mac !== null && station !== null) {
      headers.set(station)
      headers.set(way.mac, ETH_SOURCE)
      view.setUint16(ETH_TYPE, family === 4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6)
    }
    const id = this.scheduler.random.int32()
    if (family === 4) {
      headers[ip] = PLAIN_IP4
      view.setUint16(ip + IP4_ID, id)
      headers[ip + IP4_TTL] = hops
      headers[ip + IP4_PROTOCOL] = PROTO_ICMP
      headers.set(source, ip + IP4_SOURCE)
      headers.set(destination, ip + IP4_DESTINATION)
    } else {
      headers[ip] = PLAIN_IP6
      headers[ip + IP6_HOP_LIMIT] = hops
      headers[ip + IP6_NEXT_HEADER] = PROTO_ICMP6
      headers.set(source, ip + IP6_SOURCE)
      headers.set(destination, ip + IP6_DESTINATION)
    }
    sum(message, headers, ip, family)
    for (const frame of packetFrames(headers, ip, message, way.mtu, id)) way.emit(frame)
  }

  /**
   * Looks at a whole packet of the link: answers a question to an address of ours, and takes an answer to ours.
   * @param way where it came from. @returns whether the library has nothing to do with it.
   */
  arriving(packet: PacketView, way: EchoWay, isOurs: (address: IpAddress) => boolean): boolean {
    const { bytes, payloadAt, end, family, isIcmp, isFragment } = packet
    if (!isIcmp || isFragment) return false
    const type = bytes[payloadAt + ICMP_TYPE] as number
    const { request, reply } = KINDS[family]
    if (type !== request && type !== reply) return false
    const { destinationAddress: to, sourceAddress: from } = packet
    if (to.isMulticast || !isOurs(to)) return false
    // A question with a code is none (RFC 792), and nobody can be answered who is nobody in particular (RFC 1122 3.2.2).
    const isSound = bytes[payloadAt + ICMP_CODE] === 0 && packet.isSummed && !from.isUnspecified && !from.isMulticast
    if (!isSound) return true
    if (type === reply) {
      const question = this.questions.get(packet.word32(payloadAt + ICMP_ID))
      const isMeant = question?.to.withScope(0).equals(from) === true
      if (question !== undefined && isMeant) this.answered(question, packet.hops, end - payloadAt - ICMP_HEADER)
      return true
    }
    const message = bytes.slice(payloadAt, end)
    message[ICMP_TYPE] = reply
    const station = way.mac === null ? null : bytes.slice(packet.at + ETH_SOURCE, packet.at + ETH_TYPE)
    this.emit(way, station, toBytes(to), toBytes(from), HOPS, message)
    return true
  }

  /** What the network says about a packet. @param quoted is set on that packet. @returns whether it was a question of ours. */
  errorArrives(packet: PacketView, quoted: PacketView): boolean {
    const { bytes, payloadAt, end, family } = packet
    const type = bytes[payloadAt + ICMP_TYPE] as number
    const { unreachable, timeExceeded, request } = KINDS[family]
    if (type !== unreachable && type !== timeExceeded) return false
    if (!packet.isSummed || !quoted.readCut(bytes, payloadAt + ICMP_HEADER, end)) return false
    if (quoted.family !== family || !quoted.isIcmp || quoted.bytes[quoted.payloadAt + ICMP_TYPE] !== request)
      return false
    const question = this.questions.get(quoted.word32(quoted.payloadAt + ICMP_ID))
    if (question === undefined || !question.to.withScope(0).equals(quoted.destinationAddress)) return false
    const isOver = type === timeExceeded
    const code = !isOver && bytes[payloadAt + ICMP_CODE] === 0 ? 'ENETUNREACH' : 'EHOSTUNREACH'
    const from = packet.sourceAddress
    const cause: PingRefusal = { kind: isOver ? 'time-exceeded' : 'unreachable', from }
    const says = isOver ? 'that its time to live is over' : 'that it cannot be reached'
    const message = `ping ${code} ${question.to}: ${from} says ${says}`
    this.settle(question, new NetError(code, 'ping', { address: from.toString(), cause, message }), null)
    return true
  }

  /** The stack closes. */
  clear(): void {
    for (const question of [...this.questions.values()]) {
      this.settle(question, new NetError('ENETDOWN', 'ping', { address: question.to.toString() }), null)
    }
  }

  private answered(question: Question, ttl: number, size: number): void {
    const { to, since } = question
    const microseconds = Math.max(1, this.scheduler.clock.now - since)
    this.settle(question, null, { microseconds, ttl, size, from: to })
  }

  private settle(question: Question, error: Error | null, reply: PingReply | null): void {
    if (!this.questions.delete(question.key)) return
    this.scheduler.clock.disarm(question)
    this.scheduler.release()
    question.outcome(error, reply)
  }

  /** Identifier and sequence number in one word. */
  private nextKey(): number {
    do {
      this.sequence = (this.sequence + 1) & 0xffff
      if (this.sequence === 1) this.identifier = this.scheduler.random.int32() << 16
    } while (this.questions.has(this.identifier | this.sequence))
    return this.identifier | this.sequence
  }
}

/** Sums a message behind these headers; that of ICMP for IPv4 has no pseudo-header. */
function sum(message: Uint8Array, headers: Uint8Array, ip: number, family: 4 | 6): void {
  message[ICMP_CHECKSUM] = 0
  message[ICMP_CHECKSUM + 1] = 0
  let total = sumOf(message, 0, message.length)
  if (family === 6) total = sumOf(headers, ip + IP6_SOURCE, 32, total + PROTO_ICMP6 + message.length)
  const value = ~total & 0xffff
  message[ICMP_CHECKSUM] = value >>> 8
  message[ICMP_CHECKSUM + 1] = value
}
