/**
 * Frames on a stream of octets, the length of each in front of it, in network order: two octets as `vde_plug` and `dpipe` write them on
 * standard output, four as QEMU's and passt's sockets have it.
 *
 * @module
 */
import { readSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import type { Carrier, CarrierLink } from './carrier-link.ts'

/** Octets of a length. */
export type LengthOctets = 2 | 4

/** Longest frame that can be meant; a greater length is no frame, and nothing can be read behind it. */
export const LONGEST_FRAME: Readonly<Record<LengthOctets, number>> = { 2: 65_535, 4: 65_553 }
/** Octets that may wait for the other side to read them. */
const QUEUE_OCTETS = 1_048_576
/** What {@link Carrier.receiveNow} reads at once. */
const READ_OCTETS = 65_536

export interface FramedStreamHooks {
  /** The other side sent something that is no frame. */
  fault(why: string): void
  close(): void
}

/** Reads frames from a stream. The length 0 is none, as in vde_plug. */
export class FrameReader {
  private readonly lengthOctets: LengthOctets
  private kept = Buffer.alloc(0)

  constructor(lengthOctets: LengthOctets) {
    this.lengthOctets = lengthOctets
  }

  /** Octets came. @param frame is called for each frame that is complete. @returns what is wrong, or null. */
  read(data: Buffer, frame: (bytes: Buffer, at: number, length: number) => void): string | null {
    const { lengthOctets } = this
    const octets = this.kept.length === 0 ? data : Buffer.concat([this.kept, data])
    let at = 0
    while (octets.length - at >= lengthOctets) {
      const length = octets.readUIntBE(at, lengthOctets)
      if (length > LONGEST_FRAME[lengthOctets]) return `a frame of ${length} octets cannot be`
      const end = at + lengthOctets + length
      if (end > octets.length) break
      if (length > 0) frame(octets, at + lengthOctets, length)
      at = end
    }
    // Of a frame that is not complete: at most one, and of a length that was checked.
    this.kept = at === octets.length ? EMPTY : Buffer.from(octets.subarray(at))
    return null
  }
}

const EMPTY = Buffer.alloc(0)

/** Lets a link's frames go over a pair of streams. */
export function carryByStream(
  link: CarrierLink,
  input: Readable,
  output: Writable,
  lengthOctets: LengthOctets,
  hooks: FramedStreamHooks,
): CarrierLink {
  const reader = new FrameReader(lengthOctets)
  const take = (data: Buffer): void => {
    const fault = reader.read(data, (bytes, at, length) => link.arrived(bytes, at, length))
    if (fault !== null) hooks.fault(fault)
  }
  input.on('data', take)
  output.on('drain', () => link.drained())
  const carrier: Carrier = {
    send(octets, ends) {
      const bytes = Buffer.from(octets.buffer, octets.byteOffset, octets.length)
      let from = 0
      for (const end of ends) {
        bytes.writeUIntBE(end - from - lengthOctets, from, lengthOctets)
        from = end
      }
      output.write(bytes)
    },
    // A stream that has taken more than its mark says `drain` later.
    ready: () => output.writableLength < QUEUE_OCTETS,
    flush: () => output.writableLength === 0,
    receiveNow: () => {
      const data = readNow(input)
      if (data !== null) take(data)
      return data !== null
    },
    close: () => hooks.close(),
    pause: () => void input.pause(),
    resume: () => void input.resume(),
  }
  return link.ride(carrier)
}

/** Reads a socket or pipe past the event loop. @returns null when nothing is there, or it has no descriptor. */
function readNow(input: Readable): Buffer | null {
  const fd = (input as { _handle?: { fd?: number } | null })._handle?.fd ?? -1
  if (fd < 0) return null
  const data = Buffer.allocUnsafeSlow(READ_OCTETS)
  try {
    const octets = readSync(fd, data, 0, data.length, null)
    return octets === 0 ? null : data.subarray(0, octets)
  } catch {
    return null
  }
}
