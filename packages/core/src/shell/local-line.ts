/**
 * Loopback: connections and datagrams between sockets of one shell, carried in memory. Libraries would carry them where nobody sees their
 * acknowledgements, or not at all; and a blocked reader in the same thread would wait for itself.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { type Ends, type ListenerUser, TcpLine } from './engine.ts'
import { Later } from './later.ts'

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

/** All that one stack carries within itself. */
export class LocalLines extends Later {
  readonly listeners: Set<LocalListener> = new Set()
  readonly receivers: Set<LocalReceiver> = new Set()

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
    const octets = from.slice(offset, offset + length)
    this.soon(() => this.deliver(octets, ends, refused))
  }

  private deliver(octets: Uint8Array, { local, localPort, remote, remotePort }: Ends, refused: () => void): void {
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
