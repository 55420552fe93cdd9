/**
 * Reads from a socket into memory that belongs to the receiver alone, who may transfer it to another thread.
 *
 * @module
 */
import type { TcpSocket } from '../contract/socket.ts'
import { castShadow } from './heap-shadow.ts'

const SCRATCH = 65536

let scratch = new Uint8Array(SCRATCH)

/** The octets that are there, at most `max`; or the negative result of {@link TcpSocket.read}. */
export function receive(socket: TcpSocket, max: number = SCRATCH): Uint8Array<ArrayBuffer> | number {
  const count = socket.read(scratch, 0, Math.min(max, SCRATCH))
  if (count <= 0) return count
  castShadow(count)
  if (count * 2 < SCRATCH) return scratch.slice(0, count)
  // A large piece takes the scratch memory with it: a new one costs less than the copy.
  const octets = scratch.subarray(0, count)
  scratch = new Uint8Array(SCRATCH)
  return octets
}
