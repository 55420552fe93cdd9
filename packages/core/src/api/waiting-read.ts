/**
 * Reads that wait for octets: as a piece of memory, into the reader's memory, or for a stream.
 *
 * @module
 */
import { END, WOULD_BLOCK } from '../contract/readiness.ts'
import type { TcpSocket } from '../contract/socket.ts'
import { Pending, type WaitOptions } from './pending.ts'
import { receive } from './receive.ts'

/** A read that waits, whatever it gives. */
export interface Reader {
  /** Whether it waits no more. */
  readonly over: boolean
  /** Takes what is there. */
  serve(): void
  fail(reason: unknown): void
}

export abstract class WaitingRead<T> extends Pending<T> implements Reader {
  over = false
  protected readonly socket: TcpSocket

  constructor(socket: TcpSocket, options: WaitOptions) {
    super(socket.scheduler, { syscall: 'read' }, options)
    this.socket = socket
  }

  abstract serve(): void

  protected override ended(): void {
    this.over = true
  }

  /** Settles by the negative result of a read. */
  protected settleBy(result: number, atEnd: T): void {
    if (result === END) this.succeed(atEnd)
    else if (result !== WOULD_BLOCK) this.fail(this.socket.error)
  }
}

export class ReadPiece extends WaitingRead<Uint8Array | null> {
  private readonly max: number | undefined

  constructor(socket: TcpSocket, options: WaitOptions, max: number | undefined) {
    super(socket, options)
    this.max = max
  }

  override serve(): void {
    const octets = receive(this.socket, this.max)
    if (typeof octets === 'number') this.settleBy(octets, null)
    else this.succeed(octets)
  }
}

export class ReadInto extends WaitingRead<number> {
  private readonly into: Uint8Array

  constructor(socket: TcpSocket, options: WaitOptions, into: Uint8Array) {
    super(socket, options)
    this.into = into
  }

  override serve(): void {
    const count = this.socket.read(this.into, 0, this.into.length)
    if (count < 0) this.settleBy(count, 0)
    else this.succeed(count)
  }
}
