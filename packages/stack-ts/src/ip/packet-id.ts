/**
 * Identification of IPv4 packets that may be cut (RFC 6864 4, RFC 7739 5): for each source, destination and protocol a sequence of its own,
 * in which a value comes back after 65536 others and whose order nobody can predict. What one destination sees tells nothing about what
 * others get.
 *
 * @module
 */
import type { Random } from '@ioth/core'

const ROUNDS = 4
/** Destinations remembered; the one unused for longest is forgotten. */
const MOST = 512

/** A counter, sent through a keyed permutation of 16 bits (a Feistel network). */
class Sequence {
  readonly source: number
  readonly destination: number
  readonly protocol: number
  /** Another source or protocol of the same destination. */
  next: Sequence | null
  private counter: number
  private readonly keys: Int32Array

  constructor(source: number, destination: number, protocol: number, random: Random, next: Sequence | null) {
    this.source = source
    this.destination = destination
    this.protocol = protocol
    this.next = next
    this.counter = random.int32() & 0xffff
    this.keys = Int32Array.from({ length: ROUNDS }, () => random.int32())
  }

  draw(): number {
    this.counter = (this.counter + 1) & 0xffff
    let left = this.counter >>> 8
    let right = this.counter & 0xff
    for (let round = 0; round < ROUNDS; round++) {
      let mixed = Math.imul(right + 1, 0x9e3779b1) ^ this.keys[round]!
      mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
      const swap = left ^ (((mixed ^ (mixed >>> 13)) >>> 16) & 0xff)
      left = right
      right = swap
    }
    return (left << 8) | right
  }
}

export class PacketIds {
  private readonly random: Random
  /** By destination, the least recently used first. */
  private sequences: Map<number, Sequence> | null = null
  /** Most packets go where the one before went. */
  private last: Sequence | null = null

  constructor(random: Random) {
    this.random = random
  }

  next(source: number, destination: number, protocol: number): number {
    const { last } = this
    if (last !== null && isFor(last, source, destination, protocol)) return last.draw()
    const sequence = this.find(source, destination, protocol)
    this.last = sequence
    return sequence.draw()
  }

  private find(source: number, destination: number, protocol: number): Sequence {
    this.sequences ??= new Map()
    const { sequences } = this
    const first = sequences.get(destination) ?? null
    let sequence = first
    while (sequence !== null && !isFor(sequence, source, destination, protocol)) sequence = sequence.next
    // Whoever is used goes to the end.
    sequences.delete(destination)
    if (sequence === null) {
      if (sequences.size >= MOST) sequences.delete(sequences.keys().next().value as number)
      sequence = new Sequence(source, destination, protocol, this.random, first)
      sequences.set(destination, sequence)
    } else {
      sequences.set(destination, first as Sequence)
    }
    return sequence
  }
}

function isFor(sequence: Sequence, source: number, destination: number, protocol: number): boolean {
  return sequence.destination === destination && sequence.source === source && sequence.protocol === protocol
}
