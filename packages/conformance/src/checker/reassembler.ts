/**
 * Puts fragments together again, so that the transport header and its checksum can be checked. Fragments may come in any order.
 *
 * @module
 */
import type { IpPacket } from './ip.ts'

interface Partial {
  readonly pieces: Map<number, Uint8Array>
  end: number
}

export class Reassembler {
  private readonly partials = new Map<string, Partial>()

  /** @returns the whole transport payload when this fragment completes it, else null. */
  add(packet: IpPacket): Uint8Array | null {
    const { fragment } = packet
    if (fragment === null) return packet.payload
    const key = `${packet.source}>${packet.destination}/${packet.protocol}#${fragment.id}`
    const partial = this.partials.get(key) ?? { pieces: new Map<number, Uint8Array>(), end: -1 }
    this.partials.set(key, partial)
    partial.pieces.set(fragment.offset, packet.payload.slice())
    if (!fragment.more) partial.end = fragment.offset + packet.payload.length
    const whole = partial.end === -1 ? null : join(partial)
    if (whole !== null) this.partials.delete(key)
    return whole
  }
}

function join({ pieces, end }: Partial): Uint8Array | null {
  const whole = new Uint8Array(end)
  let at = 0
  while (at < end) {
    const piece = pieces.get(at)
    if (piece === undefined || piece.length === 0) return null
    whole.set(piece.subarray(0, end - at), at)
    at += piece.length
  }
  return whole
}
