/**
 * A link of the program, as the stack in the helper sees it.
 *
 * @module
 */
import {
  createBatch,
  discardFrames,
  type FrameBatch,
  type FramePool,
  frameLength,
  type IpAddress,
  type Link,
  type LinkSink,
  type LinkState,
  NetError,
  NO_OFFLOAD,
  type Offload,
  pushFrame,
  readFrame,
  releaseAll,
  releaseFrame,
} from '@ioth/core'
import type { Calls } from './calls.ts'
import { type Channel, KIND } from './channel.ts'

/** What the program says of one of its links. */
export interface LinkFacts {
  readonly port: number
  readonly type: 'ethernet' | 'ip'
  readonly mtu: number
  readonly linkName: string
  readonly canClaim: boolean
}

export class ChannelLink implements Link {
  readonly type: 'ethernet' | 'ip'
  readonly mtu: number
  readonly name: string
  readonly offload: Offload = NO_OFFLOAD
  state: LinkState = 'up'
  readonly claim?: (address: IpAddress, mac: string) => Promise<boolean>
  readonly unclaim?: (address: IpAddress) => void
  private readonly pool: FramePool
  private readonly channel: Channel
  private readonly head: Uint8Array
  private readonly scratch = new Uint8Array(65_536 + 18)
  private readonly arrived: FrameBatch
  private sink: LinkSink | null = null

  constructor({ port, type, mtu, linkName, canClaim }: LinkFacts, pool: FramePool, channel: Channel, calls: Calls) {
    this.type = type
    this.mtu = mtu
    this.name = linkName
    this.pool = pool
    this.channel = channel
    this.head = Uint8Array.of(port >> 8, port)
    this.arrived = createBatch(pool, 1)
    if (canClaim) {
      this.claim = async (address, mac) => (await calls.call('claim', port, address.toString(), mac)) === true
      this.unclaim = (address) => void calls.call('unclaim', port, address.toString()).catch(() => {})
    }
  }

  attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a sink already` })
    this.sink = sink
  }

  send(batch: FrameBatch): number {
    if (this.state === 'closed') return discardFrames(batch)
    for (let index = 0; index < batch.count; index++) {
      const length = frameLength(batch, index)
      if (length <= this.scratch.length) {
        readFrame(batch, index, this.scratch)
        this.channel.send(KIND.frame, this.head, this.scratch.subarray(0, length))
      }
      releaseFrame(batch, index)
    }
    return batch.count
  }

  /** A frame of the program's. Called from a job. */
  frame(octets: Uint8Array): void {
    const { pool, sink, arrived } = this
    if (sink === null || this.state === 'closed') return
    const at = pool.take(octets.length)
    if (at < 0) return
    pool.bytes.set(octets, at)
    pushFrame(arrived, at, octets.length)
    try {
      sink.frames(arrived)
    } finally {
      releaseAll(arrived)
    }
  }

  flush(): boolean {
    return true
  }

  async close(): Promise<void> {
    this.state = 'closed'
  }
}
