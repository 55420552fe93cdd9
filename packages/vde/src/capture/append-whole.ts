/**
 * Appending to a capture file, so that a disk that fills up leaves a file that can be read: it ends with the last whole piece.
 *
 * @module
 */
import { ftruncateSync, writeSync } from 'node:fs'

/**
 * @param length how long the file is, in octets.
 * @param pieces what may not be cut: records, or several.
 * @returns how long it is now. @throws what the file system says; what did not fit wholly is gone.
 */
export function appendWhole(descriptor: number, length: number, pieces: readonly Uint8Array[]): number {
  const octets = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
  let at = 0
  try {
    while (at < octets.length) at += writeSync(descriptor, octets, at)
    return length + at
  } catch (error) {
    shorten(descriptor, length + wholeOf(pieces, at))
    throw error
  }
}

function wholeOf(pieces: readonly Uint8Array[], written: number): number {
  let whole = 0
  for (const piece of pieces) {
    if (whole + piece.length > written) break
    whole += piece.length
  }
  return whole
}

function shorten(descriptor: number, length: number): void {
  try {
    ftruncateSync(descriptor, length)
  } catch {
    // A pipe or a device has no length; what was written is out.
  }
}
