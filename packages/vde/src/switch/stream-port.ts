/**
 * A port whose plug speaks the stream plug protocol (docs/stream-plug.md).
 *
 * @module
 */
import type { Socket } from 'node:net'
import { Outbox } from '../stream/outbox.ts'
import { adopt } from '../stream/read-into.ts'
import { StreamInput } from '../stream/stream-input.ts'
import { Port } from './port.ts'

export class StreamPort extends Port {
  readonly socket: Socket
  readonly input: StreamInput = new StreamInput()
  readonly outbox: Outbox
  /** Ticks that went by since it was closed. */
  closingTicks = 0

  constructor(
    accepted: Socket,
    setup: {
      number: number
      tick: number
      now: number
      queueOctets: number
      received(port: StreamPort, octets: number): boolean
    },
  ) {
    super(setup)
    this.socket = adopt(accepted, (octets) => setup.received(this, octets))
    this.outbox = new Outbox(this.socket, setup.queueOctets, () => {})
  }

  unref(): void {
    this.socket.unref()
  }
}
