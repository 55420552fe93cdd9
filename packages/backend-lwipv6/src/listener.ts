/**
 * A listening socket of the library. It accepts at once whatever the library has: how many may wait is decided when their SYN comes, for the
 * library has no backlog.
 *
 * @module
 */
import { type IpAddress, NetError, type OptionName } from '@ioth/core'
import type { ListenerUser, ListenLine } from '@ioth/core/shell'
import type { Flow } from '@ioth/ffi'
import { SockaddrBuffer } from './addresses.ts'
import { Connection } from './connection.ts'
import type { Device } from './device.ts'
import type { LwipEngine } from './engine.ts'
import { DESCRIPTOR_LIMIT } from './limits.ts'
import type { Watched } from './readiness.ts'

/** How long a handshake may take, in microseconds; the library gives up on it sooner. */
const HANDSHAKE = 30_000_000

interface Handshake {
  readonly flow: Flow
  readonly device: Device
  readonly local: IpAddress
  readonly remote: IpAddress
  readonly remotePort: number
  readonly since: number
}

const peer = new SockaddrBuffer()

export class LwipListener implements ListenLine, Watched {
  /** The library's descriptor; -1 until {@link open}. */
  fd = -1
  readonly port: number
  isPaused = false
  readonly isBlocked = false
  private readonly engine: LwipEngine
  private readonly user: ListenerUser
  private readonly local: IpAddress
  private readonly isDual: boolean
  private readonly handshakes = new Map<string, Handshake>()
  private isClosed = false

  constructor(engine: LwipEngine, user: ListenerUser, local: IpAddress, port: number, isDual: boolean) {
    this.engine = engine
    this.user = user
    this.local = local
    this.port = port
    this.isDual = isDual
  }

  /** The library listens from now on, unless the program has thought better of it. */
  open(): void {
    if (this.isClosed) return
    try {
      this.fd = this.engine.listenOn(this.local, this.port)
      this.engine.readiness.add(this)
    } catch (error) {
      this.user.failed((error as NetError).code)
    }
  }

  /** Whether a SYN to this address is its business. */
  takes(address: IpAddress): boolean {
    if (!this.local.isUnspecified) return this.local.equals(address)
    return this.local.family === address.family || this.isDual
  }

  /** @returns whether there is room for one more. */
  begin(device: Device, flow: Flow, local: IpAddress, remote: IpAddress, remotePort: number): void {
    this.handshakes.set(keyOf(remote, remotePort), {
      flow,
      device,
      local,
      remote,
      remotePort,
      since: this.engine.scheduler.clock.now,
    })
  }

  get hasRoom(): boolean {
    const { now } = this.engine.scheduler.clock
    for (const [key, { flow, device, since }] of this.handshakes) {
      if (!flow.wasReset && now - since < HANDSHAKE) continue
      this.handshakes.delete(key)
      this.engine.completed(flow)
      device.flows.remove(flow)
    }
    return this.user.waiting + this.handshakes.size < this.user.backlog
  }

  readable(): void {
    const { engine, fd } = this
    const accepted = engine.lwip.accept(fd, peer.clear().octets, peer.length)
    if (accepted < 0) return
    // What accept told is no address; this call tells the peer's, for a connection that still is one.
    const isThere = engine.lwip.getsockname(accepted, peer.clear().octets, peer.length) === 0
    const key = isThere ? keyOf(peer.address, peer.port) : this.lostKey()
    const handshake = key === null ? undefined : this.handshakes.get(key)
    if (key !== null) this.handshakes.delete(key)
    if (handshake === undefined) {
      engine.closeSocket(accepted)
      return
    }
    const { flow, device, local, remote, remotePort } = handshake
    flow.isPassive = false
    engine.completed(flow)
    if (this.isClosed || !isThere || accepted >= DESCRIPTOR_LIMIT || !engine.hasRoom) {
      flow.reset()
      engine.closeSocket(accepted)
      engine.retire(device, flow)
      return
    }
    const line = new Connection(engine, device, { local, localPort: this.port, remote, remotePort })
    this.user.accepted(line, line.ends)
    line.opened(accepted, flow)
  }

  writable(): void {}

  resume(): void {}

  set(name: OptionName): void {
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', name)
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    for (const { flow, device } of this.handshakes.values()) {
      flow.reset()
      this.engine.retire(device, flow)
    }
    this.engine.closeListener(this)
  }

  /** Whether one whose handshake has been completed is still to be accepted. */
  get awaitsAccept(): boolean {
    return [...this.handshakes.values()].some(({ flow }) => flow.isEstablished && !flow.wasReset)
  }

  /** A connection that was reset before it was accepted cannot say whose it was: it is one of those that were. */
  private lostKey(): string | null {
    for (const [key, { flow }] of this.handshakes) if (flow.wasReset || flow.isDead) return key
    return null
  }
}

function keyOf(remote: IpAddress, port: number): string {
  return `${remote} ${port}`
}
