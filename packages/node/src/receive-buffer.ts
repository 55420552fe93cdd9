/**
 * Memory for what is read. The stack copies into one large space; small pieces move on into Node's own buffer pool, large ones
 * take the space with them.
 *
 * @module
 */
import { castShadow } from '@ioth/core'

const SIZE = 65536
/** From here on handing over the space costs less than a copy, and wastes at most half of it. */
const HAND_OVER = SIZE / 2
/** Below it a buffer is part of Node's pool. */
const POOLED = Buffer.poolSize >>> 1

let current: Buffer | null = null

export const receiveBuffer = {
  /** Where to read into. */
  space(): Buffer {
    current ??= Buffer.allocUnsafeSlow(SIZE)
    return current
  },

  /** The first `count` octets of the space, as memory that belongs to the reader from now on. */
  take(count: number): Buffer {
    const space = current as Buffer
    if (count >= POOLED) castShadow(count)
    if (count < HAND_OVER) {
      const bytes = Buffer.allocUnsafe(count)
      space.copy(bytes, 0, 0, count)
      return bytes
    }
    current = null
    return space
  },
}
