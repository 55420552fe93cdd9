/**
 * TCP options (RFC 9293 3.2, RFC 7323, RFC 2018).
 *
 * @module
 */

export const OPTION_END = 0
export const OPTION_NOP = 1
export const OPTION_MSS = 2
export const OPTION_WINDOW_SCALE = 3
export const OPTION_SACK_PERMITTED = 4
export const OPTION_SACK = 5
export const OPTION_TIMESTAMPS = 8

/** Two NOPs, then kind and length of the timestamps: how everybody aligns them (RFC 7323 appendix A). */
export const ALIGNED_TIMESTAMPS = 0x0101080a
export const ALIGNED_TIMESTAMPS_LENGTH = 12

export interface TcpOptions {
  readonly mss?: number
  readonly windowScale?: number
  readonly sackPermitted?: boolean
  readonly timestamps?: { readonly value: number; readonly echo: number }
  /** Pairs of left and right edge. */
  readonly sack?: readonly (readonly [number, number])[]
}

/** Where the parser puts what it found, so that reading options allocates nothing. */
export interface OptionSink {
  /** 0: absent. */
  mss: number
  /** -1: absent. */
  windowScale: number
  sackPermitted: boolean
  hasTimestamps: boolean
  timestampValue: number
  timestampEcho: number
  /** Position of the first SACK block, and how many there are. */
  sackAt: number
  sackBlocks: number
}

export function clearOptions(sink: OptionSink): void {
  sink.mss = 0
  sink.windowScale = -1
  sink.sackPermitted = false
  sink.hasTimestamps = false
  sink.timestampValue = 0
  sink.timestampEcho = 0
  sink.sackAt = 0
  sink.sackBlocks = 0
}

/**
 * View level: reads the options between `at` and `end` into the sink. An option of a wrong length is ignored; one of length 0 or 1, or
 * that runs past the end, ends the list.
 */
export function readOptions(view: DataView, at: number, end: number, sink: OptionSink): void {
  clearOptions(sink)
  while (at < end) {
    const kind = view.getUint8(at)
    if (kind === OPTION_END) return
    if (kind === OPTION_NOP) {
      at++
      continue
    }
    if (at + 1 >= end) return
    const length = view.getUint8(at + 1)
    if (length < 2 || at + length > end) return
    if (kind === OPTION_MSS && length === 4) sink.mss = view.getUint16(at + 2)
    else if (kind === OPTION_WINDOW_SCALE && length === 3) sink.windowScale = view.getUint8(at + 2)
    else if (kind === OPTION_SACK_PERMITTED && length === 2) sink.sackPermitted = true
    else if (kind === OPTION_TIMESTAMPS && length === 10) {
      sink.hasTimestamps = true
      sink.timestampValue = view.getInt32(at + 2)
      sink.timestampEcho = view.getInt32(at + 6)
    } else if (kind === OPTION_SACK && length >= 10 && (length - 2) % 8 === 0) {
      sink.sackAt = at + 2
      sink.sackBlocks = (length - 2) >>> 3
    }
    at += length
  }
}

export function parseOptions(octets: Uint8Array): TcpOptions {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const sink = {} as OptionSink
  readOptions(view, 0, octets.length, sink)
  const sack = Array.from(
    { length: sink.sackBlocks },
    (_, i) => [view.getInt32(sink.sackAt + i * 8), view.getInt32(sink.sackAt + i * 8 + 4)] as const,
  )
  return {
    ...(sink.mss === 0 ? {} : { mss: sink.mss }),
    ...(sink.windowScale < 0 ? {} : { windowScale: sink.windowScale }),
    ...(sink.sackPermitted ? { sackPermitted: true } : {}),
    ...(sink.hasTimestamps ? { timestamps: { value: sink.timestampValue, echo: sink.timestampEcho } } : {}),
    ...(sack.length === 0 ? {} : { sack }),
  }
}

/** Options in the order of {@link TcpOptions}, each aligned to four octets by NOPs in front. */
export function serializeOptions(options: TcpOptions): Uint8Array {
  const octets: number[] = []
  const word = (value: number): void =>
    void octets.push(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
  if (options.mss !== undefined) octets.push(OPTION_MSS, 4, options.mss >>> 8, options.mss & 255)
  if (options.windowScale !== undefined) octets.push(OPTION_NOP, OPTION_WINDOW_SCALE, 3, options.windowScale)
  if (options.sackPermitted) octets.push(OPTION_NOP, OPTION_NOP, OPTION_SACK_PERMITTED, 2)
  if (options.timestamps !== undefined) {
    word(ALIGNED_TIMESTAMPS)
    word(options.timestamps.value)
    word(options.timestamps.echo)
  }
  if (options.sack !== undefined && options.sack.length > 0) {
    octets.push(OPTION_NOP, OPTION_NOP, OPTION_SACK, 2 + options.sack.length * 8)
    for (const [left, right] of options.sack) {
      word(left)
      word(right)
    }
  }
  return Uint8Array.from(octets)
}
