/**
 * Datagrams as a model: what is delivered was sent, whole, by the sender it names, and no oftener than the link may copy it (P-22).
 *
 * @module
 */
import { ModelViolation } from './byte-stream.ts'

/** All datagrams to one receiver. Each carries its number, so that none can be taken for another. */
export class DatagramModel {
  /** How often each was delivered, by number. */
  readonly deliveries: number[] = []
  private readonly senders: string[] = []
  private readonly lengths: number[] = []
  private readonly mostCopies: number

  /** @param mostCopies how often the link may deliver one datagram. */
  constructor(mostCopies = 1) {
    this.mostCopies = mostCopies
  }

  get sent(): number {
    return this.deliveries.length
  }

  /** How many were delivered, copies not counted. */
  get delivered(): number {
    return this.deliveries.filter((count) => count > 0).length
  }

  /** Makes the next datagram. @param length at least 4. @param sender `address:port` the receiver must be told. */
  next(length: number, sender: string): Uint8Array {
    const number = this.deliveries.length
    this.deliveries.push(0)
    this.senders.push(sender)
    this.lengths.push(length)
    const datagram = new Uint8Array(length)
    new DataView(datagram.buffer).setUint32(0, number)
    for (let at = 4; at < length; at++) datagram[at] = contentAt(number, at)
    return datagram
  }

  /** Takes note of a delivery. @throws ModelViolation */
  received(memory: Uint8Array, offset: number, length: number, sender: string): void {
    if (length < 4) throw new ModelViolation(`a datagram of ${length} octets arrived, none was sent`)
    const number = new DataView(memory.buffer, memory.byteOffset + offset, 4).getUint32(0)
    const times = this.deliveries[number]
    if (times === undefined) throw new ModelViolation(`datagram ${number} arrived, it was never sent`)
    if (length !== this.lengths[number])
      throw new ModelViolation(`datagram ${number} arrived with ${length} octets of ${this.lengths[number]}`)
    if (sender !== this.senders[number])
      throw new ModelViolation(
        `datagram ${number} is said to be from ${sender}, it was sent by ${this.senders[number]}`,
      )
    for (let at = 4; at < length; at++) {
      if (memory[offset + at] !== contentAt(number, at))
        throw new ModelViolation(`octet ${at} of datagram ${number} is not what was sent`)
    }
    if (times >= this.mostCopies)
      throw new ModelViolation(`datagram ${number} was delivered ${times + 1} times; the link makes ${this.mostCopies}`)
    this.deliveries[number] = times + 1
  }
}

function contentAt(number: number, at: number): number {
  return (Math.imul(number + 1, 31) + at) & 255
}
