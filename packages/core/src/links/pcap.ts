/**
 * The capture file format of libpcap (draft-ietf-opsawg-pcap), which Wireshark, tshark and tcpdump read.
 *
 * Frames are written as they would be on a wire: super-segments cut to the MTU, checksums filled in.
 *
 * @module
 */
import { type FrameBatch, type FramePool, NO_OFFLOAD } from '../contract/frame.ts'
import { releaseFrame, retainFrame } from '../frame/batch.ts'
import { type FrameEmitter, finishFrames } from '../frame/finish-frames.ts'

export interface PcapOptions {
  readonly pool: FramePool
  /** Whether frames begin with an Ethernet header. */
  readonly type: 'ethernet' | 'ip'
  /** Largest IP packet. */
  readonly mtu: number
  /** Of time stamps. The clock has microseconds; the nanosecond form is for tools that want it. @default 'microseconds' */
  readonly resolution?: 'microseconds' | 'nanoseconds'
}

/** Takes a piece of the file, in memory of its own. Must not throw. */
export type PcapWriter = (chunk: Uint8Array) => void

// File header: magic(4) version(2+2) reserved(4+4) snapshot length(4) link type(4). Written little-endian, which the magic tells.
const FILE_HEADER = 24
const MAGIC_MICROSECONDS = 0xa1b2c3d4
const MAGIC_NANOSECONDS = 0xa1b23c4d
const SNAPSHOT_LENGTH = 262144
const LINKTYPE_ETHERNET = 1
const LINKTYPE_RAW = 101
// Packet record: seconds(4) fraction(4) captured length(4) original length(4)
const RECORD_HEADER = 16
const FIRST_CAPACITY = 4096

/** Encodes frames into a growing piece of a capture file. The first piece begins with the file header. */
export class PcapEncoder implements FrameEmitter {
  private readonly options: PcapOptions
  private chunk = new Uint8Array(FIRST_CAPACITY)
  private view = new DataView(this.chunk.buffer)
  private used = 0
  private seconds = 0
  private fraction = 0

  constructor(options: PcapOptions) {
    this.options = options
    const { view } = this
    view.setUint32(0, this.isNanoseconds ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS, true)
    view.setUint16(4, 2, true)
    view.setUint16(6, 4, true)
    view.setUint32(16, SNAPSHOT_LENGTH, true)
    view.setUint32(20, options.type === 'ethernet' ? LINKTYPE_ETHERNET : LINKTYPE_RAW, true)
    this.used = FILE_HEADER
  }

  /** Adds one frame of a batch. @param microseconds Unix time. */
  add(batch: FrameBatch, index: number, microseconds: number): void {
    this.seconds = Math.floor(microseconds / 1_000_000)
    this.fraction = (microseconds - this.seconds * 1_000_000) * (this.isNanoseconds ? 1000 : 1)
    // With a second reference, finishing copies a header rather than writing to it: the frame is not ours.
    retainFrame(batch, index)
    finishFrames(batch, index, this.options.type, NO_OFFLOAD, this.options.mtu, this)
    releaseFrame(batch, index)
  }

  /** What was added since the last call, in memory of its own. */
  take(): Uint8Array {
    const taken = this.chunk.slice(0, this.used)
    this.used = 0
    return taken
  }

  emit(head: number, headLength: number, body: number, bodyLength: number): void {
    const { pool } = this.options
    const length = headLength + bodyLength
    this.reserve(RECORD_HEADER + length)
    const { view, chunk, used } = this
    view.setUint32(used, this.seconds, true)
    view.setUint32(used + 4, this.fraction, true)
    view.setUint32(used + 8, length, true)
    view.setUint32(used + 12, length, true)
    chunk.set(pool.bytes.subarray(head, head + headLength), used + RECORD_HEADER)
    pool.release(head)
    if (bodyLength !== 0) {
      chunk.set(pool.bytes.subarray(body, body + bodyLength), used + RECORD_HEADER + headLength)
      pool.release(body)
    }
    this.used += RECORD_HEADER + length
  }

  private get isNanoseconds(): boolean {
    return this.options.resolution === 'nanoseconds'
  }

  private reserve(octets: number): void {
    if (this.used + octets <= this.chunk.length) return
    const chunk = new Uint8Array(Math.max(this.used + octets, this.chunk.length * 2))
    chunk.set(this.chunk.subarray(0, this.used))
    this.chunk = chunk
    this.view = new DataView(chunk.buffer)
  }
}
