/**
 * Captures of a failed run, one file for each host as that host saw it, in the format of libpcap.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface RecordedFrame {
  readonly direction: 'in' | 'out'
  /** Microseconds. */
  readonly time: number
  readonly octets: Uint8Array
}

const LINKTYPE_ETHERNET = 1

/** A capture file as octets. */
export function encodeCapture(frames: readonly RecordedFrame[]): Uint8Array {
  const length = frames.reduce((sum, { octets }) => sum + 16 + octets.length, 24)
  const file = new Uint8Array(length)
  const view = new DataView(file.buffer)
  view.setUint32(0, 0xa1b2c3d4)
  view.setUint16(4, 2)
  view.setUint16(6, 4)
  view.setUint32(16, 262144)
  view.setUint32(20, LINKTYPE_ETHERNET)
  let at = 24
  for (const { time, octets } of frames) {
    view.setUint32(at, Math.floor(time / 1e6))
    view.setUint32(at + 4, time % 1e6)
    view.setUint32(at + 8, octets.length)
    view.setUint32(at + 12, octets.length)
    file.set(octets, at + 16)
    at += 16 + octets.length
  }
  return file
}

/**
 * Writes the capture of one host and tells its path. The same name overwrites: after shrinking, the file is that of the smallest failure.
 * The folder is `$IOTH_CAPTURES`, else one in the system's temporary folder.
 */
export function writeCapture(name: string, host: string, frames: readonly RecordedFrame[]): string {
  const folder = process.env.IOTH_CAPTURES ?? join(tmpdir(), 'ioth-conformance')
  mkdirSync(folder, { recursive: true })
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 80)
    .replace(/^-|-$/g, '')
  const path = join(folder, `${slug}.${host}.pcap`)
  writeFileSync(path, encodeCapture(frames))
  return path
}
