/**
 * Loopback: connections and datagrams between sockets of one shell, carried in memory. Libraries would carry them where nobody sees their
 * acknowledgements, or not at all; and a blocked reader in the same thread would wait for itself.
 *
 * @module
 */
import { type IpAddress, Job, NetError, type OptionName, type Scheduler } from '@ioth/core'
import { type Ends, type ListenerUser, TcpLine } from './engine.ts'

/** A listener that can be reached from within. */
export interface LocalListener extends ListenerUser {
  takes(address: IpAddress, port: number): boolean
}

/** A datagram socket that can be reached from within. */
export interface LocalReceiver {
  /** How well a datagram fits; 0: not at all. The socket of a fixed peer comes before the others. */
  fits(to: IpAddress, port: number, from: IpAddress, fromPort: number): number
  datagram(bytes: Uint8Array, offset: number, length: number, from: IpAddress, port: number, to: IpAddress): boolean
}

interface Letter {
  readonly octets: Uint8Array
  readonly ends: Ends
  readonly refused: () => void
}

/** All that one stack carries within itself. */
export class LocalLines extends Job {
  readonly listeners: Set<LocalListener> = new Set()
  readonly receivers: Set<LocalReceiver> = new Set()
  private readonly scheduler: Scheduler
  private work: (() => void)[] = []
  private letters: Letter[] = []

  constructor(scheduler: Scheduler) {
    super()
    this.scheduler = scheduler
  }

  /** The connection is made, or refused, in the next job. */
  connect(ends: Ends): TcpLine {
    const near = new LocalLine(this)
    this.soon(() => {
      if (near.isOver) return
      const listener = [...this.listeners].find((each) => each.takes(ends.remote, ends.remotePort))
      if (listener === undefined) {
        near.user.failed('ECONNREFUSED')
        return
      }
      // As on a wire: who finds no place waits until there is one, or gives up.
      if (listener.waiting >= listener.backlog) {
        near.user.failed('ETIMEDOUT')
        return
      }
      const far = new LocalLine(this)
      near.far = far
      far.far = near
      const { local, localPort, remote, remotePort } = ends
      listener.accepted(far, { local: remote, localPort: remotePort, remote: local, remotePort: localPort })
      near.user.connected()
      far.user.connected()
    })
    return near
  }

  /** @param refused called when nobody has the port. */
  send(from: Uint8Array, offset: number, length: number, ends: Ends, refused: () => void): void {
    this.letters.push({ octets: from.slice(offset, offset + length), ends, refused })
    this.scheduler.defer(this)
  }

  /** @internal in the next job, in order */
  soon(work: () => void): void {
    this.work.push(work)
    this.scheduler.defer(this)
  }

  run(): void {
    const { work, letters } = this
    this.work = []
    this.letters = []
    for (const each of work) each()
    for (const { octets, ends, refused } of letters) {
      const { local, localPort, remote, remotePort } = ends
      let best: LocalReceiver | null = null
      let fit = 0
      for (const each of this.receivers) {
        const fits = each.fits(remote, remotePort, local, localPort)
        if (fits <= fit) continue
        best = each
        fit = fits
      }
      if (best === null) refused()
      else best.datagram(octets, 0, octets.length, local, localPort, remote)
    }
  }
}

/** One end of a connection to ourselves. */
class LocalLine extends TcpLine {
  far: LocalLine | null = null
  /** Nothing more is told to this end's user. */
  isOver = false
  private readonly lines: LocalLines
  private endTold = false

  constructor(lines: LocalLines) {
    super()
    this.lines = lines
  }

  override pump(): void {
    const { far, user } = this
    if (far === null) return
    if (far.isOver) {
      // The far program closed without having read all, or reads no more: as a RST would tell.
      if (user.outgoing.length > 0) this.broken()
      else this.end()
      return
    }
    while (user.outgoing.length > 0 && far.user.room > 0) {
      const piece = user.outgoing.front(far.user.room)
      far.user.received(piece, 0, piece.length)
      user.outgoing.drop(piece.length)
      user.drained()
    }
    if (user.outgoing.length === 0) this.end()
  }

  override resume(): void {
    this.lines.soon(() => this.far?.pump())
  }

  override finish(): void {
    this.isOver = true
    this.lines.soon(() => this.pump())
  }

  override reset(): void {
    const { far } = this
    this.isOver = true
    this.far = null
    this.lines.soon(() => {
      if (far !== null && !far.isOver) far.user.failed('ECONNRESET')
      this.user.gone()
    })
  }

  override set(name: OptionName): void {
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', name)
  }

  private end(): void {
    const { far, user } = this
    if (!user.isEnding || this.endTold) return
    this.endTold = true
    if (far !== null && !far.isOver) far.user.ended()
    if (this.isOver) user.gone()
  }

  private broken(): void {
    const { user } = this
    user.outgoing.clear()
    this.far = null
    if (this.isOver) user.gone()
    else user.failed('ECONNRESET')
  }
}
