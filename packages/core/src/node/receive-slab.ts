/**
 * Memory for octets on their way from a socket to a stream.
 *
 * A stream keeps what it is given, so its memory cannot be used again, and fresh memory for each read is the largest single cost of a
 * transfer. So all streams of the thread read into slabs that they share, each taking away the part it filled; no octet is copied twice.
 * Messages have a smaller slab than bulk transfers: a message that someone keeps pins the whole slab.
 *
 * @module
 */
import { Buffer } from 'node:buffer'
import { castShadow } from '../api/heap-shadow.ts'
import type { TcpSocket } from '../contract/socket.ts'

class Slab {
  private readonly size: number
  private readonly leastRoom: number
  private memory: Buffer
  private used = 0

  /** @param leastRoom with less a new slab is begun. */
  constructor(size: number, leastRoom: number) {
    this.size = size
    this.leastRoom = leastRoom
    this.memory = Buffer.allocUnsafeSlow(size)
  }

  receive(socket: TcpSocket): Buffer | number {
    const { memory, used, size } = this
    const count = socket.read(memory, used, Math.min(size - used, MOST))
    if (count <= 0) return count
    this.used = used + count
    if (size - this.used < this.leastRoom) {
      this.memory = Buffer.allocUnsafeSlow(size)
      this.used = 0
    }
    // Faster than subarray() by a third.
    return Buffer.from(memory.buffer, used, count)
  }
}

/** Up to this size the octets of one read are a message. */
const MESSAGE = 4096
/** No read gives more, as in libuv. */
const MOST = 65_536

const messages = new Slab(16384, MESSAGE)
/** Large enough that the price of new memory (a system call, an object for the collector) is paid for several reads at once. */
const bulk = new Slab(262_144, 16_384)

/**
 * The octets that are there, in memory to keep; or the negative result of {@link TcpSocket.read}.
 * @param last how many the last read of this stream gave: the next will be alike.
 */
export function receive(socket: TcpSocket, last: number): Buffer | number {
  if (last <= MESSAGE) return messages.receive(socket)
  const octets = bulk.receive(socket)
  if (typeof octets !== 'number') castShadow(octets.length)
  return octets
}
