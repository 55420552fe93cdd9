/**
 * The send buffer: what the user wrote and the peer has not acknowledged, in slots of the frame pool. Octets are copied in once; segments
 * refer to them, retransmissions too. An idle connection has no slot.
 *
 * @module
 */
import { NONE, type Pieces } from './pieces.ts'
import { LARGE_SLOT, MEDIUM_SLOT, type SendMemory, SMALL_SLOT } from './send-memory.ts'
import { add } from './seq.ts'
import { queuedOctets, type Tcb } from './tcb.ts'

/** From this much on, queued or about to be, a large slot pays. */
const LARGE_FROM = 8192

/** Where octets stand: a node, and octets to skip in it. Filled by {@link locate}. */
export interface Place {
  node: number
  skip: number
}

/** Octets the buffer still takes. */
export function sendRoom(tcb: Tcb): number {
  return tcb.sndLimit - queuedOctets(tcb)
}

/** Copies octets in, as many as there is room and memory for. @returns how many. */
export function append(tcb: Tcb, memory: SendMemory, from: Uint8Array, offset: number, length: number): number {
  const { pieces, pool } = memory
  const most = Math.min(length, sendRoom(tcb))
  let taken = 0
  while (taken < most) {
    if (tcb.sndTailRoom === 0 && !extend(tcb, memory, most - taken)) break
    const node = tcb.sndTail
    const count = Math.min(most - taken, tcb.sndTailRoom)
    const at = pieces.at[node]! + pieces.length[node]!
    const start = offset + taken
    pool.bytes.set(start === 0 && count === from.length ? from : from.subarray(start, start + count), at)
    pieces.length[node] = pieces.length[node]! + count
    tcb.sndTailRoom -= count
    taken += count
  }
  tcb.sndEnd = add(tcb.sndEnd, taken)
  return taken
}

/** Adds a slot that suits what comes and what is there already. */
function extend(tcb: Tcb, memory: SendMemory, octets: number): boolean {
  const wanted = Math.max(octets, queuedOctets(tcb))
  const node = memory.take(tcb, wanted <= SMALL_SLOT ? SMALL_SLOT : wanted < LARGE_FROM ? MEDIUM_SLOT : LARGE_SLOT)
  if (node === NONE) return false
  const { pieces } = memory
  if (tcb.sndTail === NONE) {
    tcb.sndHead = node
    tcb.sndHeadSkip = 0
  } else {
    pieces.next[tcb.sndTail] = node
  }
  if (tcb.sndNode === NONE) {
    tcb.sndNode = node
    tcb.sndNodeSkip = 0
  }
  tcb.sndTail = node
  tcb.sndTailRoom = pieces.charge[node]!
  return true
}

/** Finds the octet that lies `offset` octets behind the oldest unacknowledged one. */
export function locate(tcb: Tcb, pieces: Pieces, offset: number, place: Place): void {
  let node = tcb.sndHead
  let skip = tcb.sndHeadSkip + offset
  while (node !== NONE && skip >= pieces.length[node]!) {
    skip -= pieces.length[node]!
    node = pieces.next[node]!
  }
  place.node = node
  place.skip = skip
}

/** Moves a place ahead. At the end of the buffer it stays behind the last octet of the last node, where appended octets will be. */
export function advance(pieces: Pieces, place: Place, octets: number): void {
  place.skip += octets
  while (place.skip >= pieces.length[place.node]! && pieces.next[place.node] !== NONE) {
    place.skip -= pieces.length[place.node]!
    place.node = pieces.next[place.node]!
  }
}

/** Releases the oldest octets: they are acknowledged. */
export function releaseSent(tcb: Tcb, memory: SendMemory, octets: number): void {
  const { pieces } = memory
  let skip = tcb.sndHeadSkip + octets
  let node = tcb.sndHead
  while (node !== NONE && skip >= pieces.length[node]!) {
    const next = pieces.next[node]!
    skip -= pieces.length[node]!
    if (tcb.sndNode === node) {
      tcb.sndNode = next
      tcb.sndNodeSkip = 0
    }
    memory.release(tcb, node)
    node = next
  }
  tcb.sndHead = node
  tcb.sndHeadSkip = skip
  if (node === NONE) {
    tcb.sndTail = NONE
    tcb.sndTailRoom = 0
    tcb.sndNode = NONE
    tcb.sndNodeSkip = 0
    tcb.sndHeadSkip = 0
  }
}

/** Releases everything. */
export function clearSent(tcb: Tcb, memory: SendMemory): void {
  for (let node = tcb.sndHead; node !== NONE; ) {
    const next = memory.pieces.next[node]!
    memory.release(tcb, node)
    node = next
  }
  tcb.sndHead = NONE
  tcb.sndTail = NONE
  tcb.sndTailRoom = 0
  tcb.sndNode = NONE
  tcb.sndNodeSkip = 0
  tcb.sndHeadSkip = 0
}
