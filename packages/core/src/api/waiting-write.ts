/**
 * A write that waits for room in the send buffer.
 *
 * @module
 */
import { FAILED } from '../contract/readiness.ts'
import type { TcpSocket } from '../contract/socket.ts'
import { Pending, type WaitOptions } from './pending.ts'

export class WaitingWrite extends Pending<void> {
  private readonly socket: TcpSocket
  private readonly octets: Uint8Array
  private taken: number
  private over = false

  /** @param taken octets the send buffer has already. */
  constructor(socket: TcpSocket, octets: Uint8Array, taken: number, options: WaitOptions) {
    super(socket.scheduler, { syscall: 'write' }, options)
    this.socket = socket
    this.octets = octets
    this.taken = taken
  }

  /** Hands over what there is room for; tells whether the next write may begin. */
  serve(): boolean {
    if (this.over) return true
    const count = this.socket.write(this.octets, this.taken, this.octets.length - this.taken)
    if (count === FAILED) this.fail(this.socket.error)
    else if (count > 0) this.taken += count
    if (this.taken === this.octets.length) this.succeed()
    return this.over
  }

  protected override ended(): void {
    this.over = true
  }
}
