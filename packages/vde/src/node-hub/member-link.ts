/**
 * A member's link to the hub of its node. It is up from the start: what is sent waits for the connection, so that a process can use its
 * network before its event loop has run. It never comes back once the hub is gone.
 *
 * @module
 */

import { join } from 'node:path'
import {
  type FrameBatch,
  type FramePool,
  FULL_OFFLOAD,
  type IpAddress,
  isAccepted,
  Job,
  type Link,
  type LinkSink,
  type LinkState,
  NetError,
  type Offload,
  releaseFrame,
  type Scheduler,
} from '@ioth/core'
import { FrameWriter } from '../plug/frame-writer.ts'
import { Inbox } from '../plug/inbox.ts'
import { PlugCounters } from '../plug/plug-counters.ts'
import { SwitchConnection } from '../plug/switch-connection.ts'
import { parseObject } from '../stream/opening.ts'
import { flagsOf } from '../stream/record.ts'
import { FRAMES_SOCKET, memberName } from './desk-protocol.ts'
import type { NodeNetwork } from './node-network.ts'

/** Octets that may wait for the hub to read them. */
const QUEUE_OCTETS = 1_048_576
const FLUSH_PATIENCE_MS = 200

export interface MemberLinkSetup {
  readonly dir: string
  readonly member: number
  readonly mtu: number
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** The hub is gone, or the network. */
  readonly onGone: (reason: NetError) => void
  /** The node has other addresses, routes or name servers. */
  readonly onNetwork: (network: NodeNetwork) => void
}

export class MemberLink extends Job implements Link {
  readonly type = 'ethernet'
  readonly mtu: number
  readonly name: string
  readonly offload: Offload = FULL_OFFLOAD
  state: LinkState = 'up'
  private readonly setup: MemberLinkSetup
  private readonly counters = new PlugCounters()
  private readonly inbox: Inbox
  private readonly writer: FrameWriter
  private readonly connection: SwitchConnection
  private readonly changes: { state: LinkState; reason: NetError | undefined }[] = []
  private sink: LinkSink | null = null
  private isBlocked = false
  private isReading = true
  private isClosed = false

  constructor(setup: MemberLinkSetup) {
    super()
    this.setup = setup
    const { dir, member, mtu, pool, scheduler } = setup
    this.mtu = mtu
    this.name = dir
    this.inbox = new Inbox(pool)
    this.writer = new FrameWriter(pool, mtu, this.counters)
    this.connection = new SwitchConnection({
      dir,
      path: join(dir, FRAMES_SOCKET),
      opening: { name: memberName(member), pid: process.pid, mtu, accepts: FULL_OFFLOAD, frames: true },
      queueOctets: QUEUE_OCTETS,
      clock: scheduler.clock,
      isBlocking: true,
      handler: {
        opened: () => {},
        frame: (at, length, first, second) => {
          if (isAccepted(flagsOf(first), FULL_OFFLOAD)) this.inbox.add(at, length, first, second)
        },
        control: (text) => this.told(text),
        read: () => this.read(),
        written: () => this.written(),
        ended: (reason) => this.ended(reason),
      },
    })
  }

  get carriesLoopback(): boolean {
    return !this.isClosed
  }

  attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a taker already` })
    this.sink = sink
  }

  send(batch: FrameBatch): number {
    let taken = 0
    if (this.isClosed) {
      while (taken < batch.count) releaseFrame(batch, taken++)
      return taken
    }
    const { outbox } = this.connection
    while (taken < batch.count && this.writer.put(outbox, FULL_OFFLOAD, batch, taken)) releaseFrame(batch, taken++)
    outbox.write()
    if (taken < batch.count) this.isBlocked = true
    return taken
  }

  flush(): boolean {
    return this.isClosed || this.connection.outbox.writeSync(FLUSH_PATIENCE_MS).empty
  }

  receiveNow(): boolean {
    return !this.isClosed && this.connection.receiveNow()
  }

  /** The hub has the node's addresses: all members do. */
  claim(_address: IpAddress, _mac: string): Promise<boolean> {
    return Promise.resolve(true)
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    this.state = 'closed'
    await this.connection.finish()
  }

  override run(): void {
    const { sink } = this
    for (const { state, reason } of this.changes.splice(0)) sink?.changed(state, reason)
    this.inbox.deliver(this.isClosed ? null : sink)
    if (!this.isReading) {
      this.isReading = true
      this.connection.resume()
    }
    if (this.isBlocked && this.hasRoom()) {
      this.isBlocked = false
      sink?.writable()
    }
  }

  private hasRoom(): boolean {
    return this.connection.outbox.octets * 2 <= QUEUE_OCTETS
  }

  private written(): void {
    if (this.isBlocked && this.hasRoom()) this.setup.scheduler.defer(this)
  }

  private read(): boolean {
    if (this.inbox.frames > 0) this.setup.scheduler.defer(this)
    this.isReading = !this.inbox.full
    return this.isReading
  }

  /** What the hub says of the network. */
  private told(text: string): void {
    const said = parseObject(text)
    if (this.isClosed) return
    if (said?.type === 'network') this.setup.onNetwork(said.network as NodeNetwork)
    if (said?.type !== 'state') return
    const state = said.state as LinkState
    const reason =
      typeof said.reason === 'string' ? new NetError('ENETDOWN', 'link', { message: said.reason }) : undefined
    if (state === 'up' || state === 'lost') this.change(state, reason)
    else if (state === 'closed') this.ended(reason ?? new NetError('ENETDOWN', 'link'))
  }

  private ended(reason: NetError): void {
    if (this.isClosed) return
    this.isClosed = true
    const message =
      reason.syscall === 'link'
        ? reason.message
        : `the hub of this node (${this.name}) is gone, and its network with it. Start the program again: ioth run SCRIPT -a ADDRESS`
    const gone = new NetError('ENETDOWN', 'read', { message, cause: reason })
    this.setup.onGone(gone)
    this.change('closed', gone)
  }

  private change(state: LinkState, reason: NetError | undefined): void {
    this.state = state
    this.changes.push({ state, reason })
    this.setup.scheduler.defer(this)
  }
}
