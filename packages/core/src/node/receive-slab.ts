/**
 * Memory for octets on their way from a socket to a stream.
 *
 * A stream keeps what it is given, so its memory cannot be used again; a fresh slab for each read is the largest single cost of a bulk
 * transfer, and a small message must not pin a large slab. So all sockets of the thread read into one slab; a small message is then copied
 * out of it, a large one takes its part of the slab away.
 *
 * @module
 */
import { Buffer } from 'node:buffer'
import type { TcpSocket } from '../contract/socket.ts'

const SLAB = 65536
/** Up to this size a copy into Node's own pool is cheaper than a part of a slab. */
const SMALL = 4096
/** With less room than this a new slab is begun. */
const LEAST_ROOM = 16384

let slab: Buffer = Buffer.allocUnsafeSlow(SLAB)
let used = 0

/** The octets that are there, in memory to keep; or the negative result of {@link TcpSocket.read}. */
export function receive(socket: TcpSocket): Buffer | number {
  const count = socket.read(slab, used, SLAB - used)
  if (count <= 0) return count
  if (count <= SMALL) {
    const message = Buffer.allocUnsafe(count)
    slab.copy(message, 0, used, used + count)
    return message
  }
  const octets = slab.subarray(used, used + count)
  used += count
  if (SLAB - used < LEAST_ROOM) {
    slab = Buffer.allocUnsafeSlow(SLAB)
    used = 0
  }
  return octets
}
