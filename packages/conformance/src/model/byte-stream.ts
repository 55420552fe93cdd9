/**
 * One direction of a connection as a model: what was written arrives in order, once, and the end is seen iff the writer ended.
 *
 * @module
 */

/** What a stack did that no schedule of faults excuses. */
export class ModelViolation extends Error {
  override readonly name = 'ModelViolation'
}

/**
 * A stream of octets that are computed from their position, so that nothing has to be kept and a misplaced octet shows where it
 * belongs. Different streams have different octets.
 */
export class ByteStreamModel {
  /** Octets the sender's stack took. */
  written = 0
  /** Octets the receiver read. */
  read = 0
  /** The writer ended the stream: no octet comes after {@link written}. */
  ended = false
  /** The reader saw the end. */
  endSeen = false

  readonly name: string
  private readonly salt: number

  /** @param name for messages. @param salt tells streams apart. */
  constructor(name: string, salt: number) {
    this.name = name
    this.salt = Math.imul(salt + 1, 0x9e37_79b1)
  }

  /** Fills a buffer with the octets that come next. Those the stack takes are counted by {@link wrote}. */
  produce(into: Uint8Array, length: number): void {
    for (let i = 0; i < length; i++) into[i] = this.octet(this.written + i)
  }

  wrote(count: number): void {
    if (this.ended) throw new ModelViolation(`${this.name}: ${count} octets taken after the end of the stream`)
    this.written += count
  }

  /** Checks octets that were read. @throws ModelViolation at the first that is not the one expected there. */
  received(memory: Uint8Array, offset: number, length: number): void {
    if (this.endSeen) throw new ModelViolation(`${this.name}: ${length} octets read after the end of the stream`)
    if (this.read + length > this.written) {
      throw new ModelViolation(`${this.name}: ${this.read + length} octets read, only ${this.written} were written`)
    }
    for (let i = 0; i < length; i++) {
      const expected = this.octet(this.read + i)
      const octet = memory[offset + i]
      if (octet !== expected) {
        throw new ModelViolation(`${this.name}: octet ${this.read + i} is ${octet}, ${expected} was written there`)
      }
    }
    this.read += length
  }

  /** The reader saw the end (P-02). @throws ModelViolation when the writer did not end, or octets are missing. */
  receivedEnd(): void {
    if (!this.ended) throw new ModelViolation(`${this.name}: end of stream after ${this.read} octets, nobody ended it`)
    if (this.read !== this.written) {
      throw new ModelViolation(`${this.name}: end of stream after ${this.read} octets of ${this.written}`)
    }
    this.endSeen = true
  }

  /** Whether all that was written has been read, and the end seen if there is one. */
  get isComplete(): boolean {
    return this.read === this.written && this.ended === this.endSeen
  }

  private octet(position: number): number {
    const word = Math.imul((position >>> 2) ^ this.salt, 0x85eb_ca6b)
    return ((word ^ (word >>> 15)) >>> ((position & 3) << 3)) & 255
  }
}
