/**
 * What the library is to see of a frame otherwise than it came.
 *
 * @module
 */
import type { IpAddress } from '@ioth/core'
import { PacketView, type Piece } from '@ioth/ffi'

export class Rewrite {
  /** Where our FIN stands on the connection that the frame belongs to: the library is not to hear that it was acknowledged. */
  unknownFin: number | null = null
  /** Flags of TCP that it is not to see. */
  hidden = 0
  /** Which of the octets it is to see, by their places in the segment; null: all. */
  piece: Piece | null = null
  /** The echo of a timestamp in the place of one that it never sent; null: as it is. */
  echo: number | null = null
  /** The address of ours that it goes to inside the library; null: the one that it has. */
  inside: IpAddress | null = null
  private readonly packet = new PacketView()

  /** As it came. */
  clear(): void {
    this.unknownFin = null
    this.hidden = 0
    this.piece = null
    this.echo = null
    this.inside = null
  }

  /** Whether nothing is changed, but perhaps the port. */
  get isNone(): boolean {
    const { unknownFin, hidden, piece, echo, inside } = this
    return unknownFin === null && hidden === 0 && piece === null && echo === null && inside === null
  }

  /** Changes a copy of the frame that begins at 0. @param port it goes to. @returns its length from now on. */
  apply(frame: Uint8Array, length: number, linkHeader: number, port: number): number {
    const { packet, unknownFin, piece, echo, inside } = this
    if (!packet.read(frame, 0, length, linkHeader)) return length
    packet.destinationPort = port
    if (inside !== null) packet.destinationAddress = inside
    if (this.hidden !== 0) packet.flags &= ~this.hidden
    if (echo !== null) packet.write32(packet.timestampsAt + 4, echo)
    if (unknownFin !== null && packet.isTcp && ((packet.acknowledgment - unknownFin) | 0) > 0)
      packet.acknowledgment = unknownFin
    if (piece === null) return length
    packet.keepOctets(piece[0], piece[1])
    return packet.end
  }
}
