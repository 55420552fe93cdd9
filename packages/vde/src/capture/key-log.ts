/**
 * A key log of TLS that programs write while they are looked at (`node --tls-keylog=FILE`): what is new in it, in whole lines.
 *
 * @module
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

export class KeyLog {
  private readonly path: string
  private read = 0

  /** The file need not be there yet. */
  constructor(path: string) {
    this.path = path
  }

  /** @returns null: nothing new. */
  more(): Buffer | null {
    let descriptor: number
    try {
      descriptor = openSync(this.path, 'r')
    } catch {
      return null
    }
    try {
      const { size } = fstatSync(descriptor, { bigint: true })
      const octets = Buffer.alloc(Math.max(0, Number(size) - this.read))
      const count = readSync(descriptor, octets, 0, octets.length, this.read)
      const end = octets.subarray(0, count).lastIndexOf(0x0a) + 1
      if (end === 0) return null
      this.read += end
      return octets.subarray(0, end)
    } finally {
      closeSync(descriptor)
    }
  }
}
