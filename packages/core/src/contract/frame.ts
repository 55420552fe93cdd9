/**
 * Frames are positions in a slab, never objects.
 *
 * @module
 */

/**
 * One slab of memory per thread, cut into reference-counted slots of 256 octets, 2 KiB and 64 KiB.
 * Positions are int32 offsets into {@link bytes}; `retain`, `release`, `refs` and `slot` accept any position inside a slot.
 */
export interface FramePool {
  /** The slab. Replaced when the slab grows, which {@link take} may do: read it again after each `take` and each call that may take. */
  readonly bytes: Uint8Array
  /** The same memory as {@link bytes}, for multi-octet fields in network order. Replaced with it. */
  readonly view: DataView
  /** A slot of at least `size` octets (at most 65536) with one reference, or -1 when the limit is reached: drop and count. */
  take(size: number): number
  /** One more reference to the slot around this position. */
  retain(at: number): void
  /** One reference less; the last one frees the slot. */
  release(at: number): void
  /** References to the slot around this position. */
  refs(at: number): number
  /** Octets of the slot around this position. */
  slot(at: number): number
  /** How many octets the slot around this position still holds from there on. */
  room(at: number): number
  /** Slots in use, for tests of leaks. */
  readonly used: number
  /** RFC 1071 sum of `length` octets at `at`, not complemented, folded to 16 bits; `initial` is a sum to go on from (an even number of octets before). */
  sum(at: number, length: number, initial?: number): number
}

/** The checksums in this frame are known to be right: a receiver need not compute them. */
export const CHECKSUM_VERIFIED = 1
/** The transport checksum is not filled in (its field holds anything): whoever hands the frame to a taker without {@link Offload.checksum} computes it. */
export const CHECKSUM_MISSING = 2
/** A TCP segment larger than the MTU: cut into pieces of `segmentSize` payload octets before a taker without {@link Offload.segment}. */
export const SEGMENT_ME = 4

/**
 * Several frames at once, as a struct of arrays of a fixed capacity. A frame is one head piece and at most one body piece
 * (`bodyLength` 0: none); together they are the whole frame, from the link header on.
 */
export interface FrameBatch {
  readonly pool: FramePool
  readonly capacity: number
  count: number
  readonly head: Int32Array
  readonly headLength: Int32Array
  readonly body: Int32Array
  readonly bodyLength: Int32Array
  /** {@link CHECKSUM_VERIFIED}, {@link CHECKSUM_MISSING}, {@link SEGMENT_ME}. */
  readonly flags: Int32Array
  /** Payload octets per wire segment, when {@link SEGMENT_ME}. */
  readonly segmentSize: Int32Array
  /** Offset of the TCP or UDP header from the start of the frame, when a flag needs it; it lies in the head piece. */
  readonly transportAt: Int32Array
}

/** What the taker of a frame can take. */
export interface Offload {
  /** Frames with {@link CHECKSUM_MISSING}. */
  readonly checksum: boolean
  /** Frames with {@link SEGMENT_ME}. */
  readonly segment: boolean
  /** Largest payload of a super-segment, in octets; 0 without {@link segment}. */
  readonly maxSegment: number
}

/** Nothing is offloaded: complete frames no longer than the MTU. */
export const NO_OFFLOAD: Offload = Object.freeze({ checksum: false, segment: false, maxSegment: 0 })
/** Everything is: frames up to 64 KiB without checksums. */
export const FULL_OFFLOAD: Offload = Object.freeze({ checksum: true, segment: true, maxSegment: 65160 })
