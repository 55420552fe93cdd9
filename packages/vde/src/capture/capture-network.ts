/**
 * A live capture of a network: every frame that comes in at its switch, as it would be on a wire, with the programs as interfaces.
 *
 * @module
 */
import {
  CHECKSUM_MISSING,
  createBatch,
  defaultPool,
  type FrameBatch,
  type FramePool,
  finishFrames,
  NO_OFFLOAD,
  pushFrame,
  releaseAll,
  SEGMENT_ME,
} from '@ioth/core'
import { type PortSource, watchFrames } from '../stream/control-client.ts'
import { flagsOf, RECORD_HEADER, segmentSizeOf, transportAtOf } from '../stream/record.ts'
import { KeyLog } from './key-log.ts'
import { PcapngEncoder } from './pcapng.ts'

export interface CaptureNetworkOptions {
  /** The switch's directory. */
  readonly dir: string
  /** Takes pieces of the file, whole blocks each; false: it is in trouble, and the capture ends. */
  readonly write: (pieces: readonly Buffer[]) => boolean
  /** Whether a frame is wanted. @default all are */
  readonly wants?: (from: PortSource, frame: Uint8Array) => boolean
  /** A key log whose lines go into the capture. */
  readonly keyLog?: string
  /** Ends after so many frames. @default never */
  readonly count?: number
}

export interface NetworkCapture {
  /** Frames so far. */
  readonly frames: number
  /** Settles when the capture is over, with the reason; `''`: it was ended. */
  readonly over: Promise<string>
  /** Writes what is there, and ends. Idempotent. */
  end(): void
}

/** How long a switch may take to answer, in milliseconds. */
const PATIENCE_MS = 5_000
/** How long frames are gathered, in milliseconds; the secrets of a connection are written a moment after its first frames. */
const GATHER_MS = 50
const GATHER_FOR_SECRETS_MS = 300
/** Octets that are gathered at most. */
const MOST_GATHERED = 4_194_304
/** Packets are cut to what a network carries; jumbo frames are not cut. */
const LARGEST_PACKET = 9_000
const SMALL_PACKET = 1_500

/** @throws NetError ERR_IOTH_NETWORK */
export async function captureNetwork(options: CaptureNetworkOptions): Promise<NetworkCapture> {
  const capture = new Capture(options)
  await capture.start()
  return capture
}

class Capture implements NetworkCapture {
  frames = 0
  readonly over: Promise<string>
  private readonly options: CaptureNetworkOptions
  private readonly encoder = new PcapngEncoder()
  private readonly interfaces = new Map<string, number>()
  private readonly keyLog: KeyLog | null
  private readonly pool: FramePool = defaultPool()
  private readonly batch: FrameBatch = createBatch(this.pool, 1)
  private gathered: Buffer[] = []
  private octets = 0
  private timer: NodeJS.Timeout | null = null
  private stop: () => void = () => {}
  private isOver = false
  private settle!: (why: string) => void

  constructor(options: CaptureNetworkOptions) {
    this.options = options
    this.keyLog = options.keyLog === undefined ? null : new KeyLog(options.keyLog)
    this.over = new Promise((settle) => {
      this.settle = settle
    })
  }

  async start(): Promise<void> {
    this.stop = await watchFrames(this.options.dir, PATIENCE_MS, {
      frame: (from, record) => this.take(from, record),
      ended: (why) => this.finish(why),
    })
    // Wireshark wants to see something at once.
    if (!this.options.write([this.encoder.header()])) this.finish('')
  }

  end(): void {
    this.finish('')
  }

  private take(from: PortSource, record: Buffer): void {
    const { wants, count } = this.options
    if (this.isOver || wants?.(from, record.subarray(RECORD_HEADER)) === false) return
    const index = this.interfaceOf(from)
    const microseconds = (performance.timeOrigin + performance.now()) * 1000
    for (const frame of this.finished(record)) {
      if (this.frames === count) break
      this.keep(this.encoder.frame(index, Math.floor(microseconds), frame))
      this.frames++
    }
    if (this.frames === count) this.finish('')
    else this.timer ??= setTimeout(() => this.flush(), this.keyLog === null ? GATHER_MS : GATHER_FOR_SECRETS_MS)
  }

  /** What a sender left to others is done here: large segments cut, checksums filled in. */
  private finished(record: Buffer): Uint8Array[] {
    const first = record.readInt32BE(0)
    const flags = flagsOf(first)
    const frame = record.subarray(RECORD_HEADER)
    if ((flags & (CHECKSUM_MISSING | SEGMENT_ME)) === 0) return [frame]
    const { pool, batch } = this
    const at = pool.take(frame.length)
    if (at < 0) return []
    pool.bytes.set(frame, at)
    pushFrame(batch, at, frame.length, 0, 0, flags, segmentSizeOf(first), transportAtOf(record.readInt32BE(4)))
    const frames: Uint8Array[] = []
    const mtu = segmentSizeOf(first) > SMALL_PACKET ? LARGEST_PACKET : SMALL_PACKET
    pool.retain(at)
    finishFrames(batch, 0, 'ethernet', NO_OFFLOAD, mtu, {
      emit: (head, headLength, body, bodyLength) => {
        const whole = new Uint8Array(headLength + bodyLength)
        whole.set(pool.bytes.subarray(head, head + headLength))
        pool.release(head)
        if (bodyLength !== 0) {
          whole.set(pool.bytes.subarray(body, body + bodyLength), headLength)
          pool.release(body)
        }
        frames.push(whole)
      },
    })
    releaseAll(batch)
    return frames
  }

  private interfaceOf({ port, name, pid }: PortSource): number {
    const text = `${name || 'port'} (${pid === 0 ? port : pid})`
    const known = this.interfaces.get(text)
    if (known !== undefined) return known
    const { octets, index } = this.encoder.addInterface(text)
    this.interfaces.set(text, index)
    this.keep(octets)
    return index
  }

  private keep(octets: Buffer): void {
    this.gathered.push(octets)
    this.octets += octets.length
    if (this.octets > MOST_GATHERED) this.flush()
  }

  private flush(): void {
    clearTimeout(this.timer ?? undefined)
    this.timer = null
    if (this.gathered.length === 0) return
    const secrets = this.keyLog?.more() ?? null
    const pieces = secrets === null ? this.gathered : [this.encoder.secrets(secrets), ...this.gathered]
    this.gathered = []
    this.octets = 0
    if (!this.options.write(pieces)) this.finish('')
  }

  private finish(why: string): void {
    if (this.isOver) return
    this.isOver = true
    this.stop()
    this.flush()
    this.settle(why)
  }
}
