/**
 * The socket in the wall: a link that one stack after another plugs into, while the cable behind it stays.
 *
 * @module
 */
import {
  type FrameBatch,
  type Link,
  type LinkSink,
  type LinkState,
  type NetError,
  NO_OFFLOAD,
  type Offload,
} from '@ioth/core'

export class Jack implements Link, LinkSink {
  readonly type = 'ethernet'
  readonly offload: Offload = NO_OFFLOAD
  readonly accepts: Offload = NO_OFFLOAD
  private readonly cable: Link
  private sink: LinkSink | null = null

  constructor(cable: Link) {
    this.cable = cable
    cable.attach(this)
  }

  get mtu(): number {
    return this.cable.mtu
  }

  get state(): LinkState {
    return this.cable.state
  }

  get name(): string {
    return this.cable.name
  }

  attach(sink: LinkSink): void {
    this.sink = sink
  }

  send(batch: FrameBatch): number {
    return this.cable.send(batch)
  }

  flush(): boolean {
    return this.cable.flush()
  }

  async close(): Promise<void> {
    this.sink = null
  }

  frames(batch: FrameBatch): void {
    this.sink?.frames(batch)
  }

  writable(): void {
    this.sink?.writable()
  }

  changed(state: LinkState, reason?: NetError): void {
    this.sink?.changed(state, reason)
  }
}
