/**
 * Queues of memory pieces: send buffers, receive queues and out-of-order queues of all connections of a stack in a few typed arrays.
 * A node is an integer; a queue is the number of its first node, kept by its owner. Nothing is allocated per piece.
 *
 * @module
 */

/** No node. */
export const NONE = -1
const FIRST_CAPACITY = 32
/** Until the first of them: many stacks never have one. */
const NOTHING = new Int32Array(0)

export class Pieces {
  /** The next node of the same queue, or {@link NONE}. */
  next: Int32Array = NOTHING
  /** Position of the octets in the frame pool. */
  at: Int32Array = NOTHING
  length: Int32Array = NOTHING
  /** Octets of memory that the node stands for, where the queue counts them. */
  charge: Int32Array = NOTHING
  /** Nodes in use, for tests of leaks. */
  used = 0
  private free = NONE
  private fresh = 0

  /** A node with `next` = {@link NONE}. */
  take(at: number, length: number, charge = 0): number {
    let node = this.free
    if (node !== NONE) this.free = this.next[node]!
    else {
      if (this.fresh === this.next.length) this.grow()
      node = this.fresh++
    }
    this.used++
    this.next[node] = NONE
    this.at[node] = at
    this.length[node] = length
    this.charge[node] = charge
    return node
  }

  release(node: number): void {
    this.next[node] = this.free
    this.free = node
    this.used--
  }

  private grow(): void {
    const capacity = Math.max(this.next.length * 2, FIRST_CAPACITY)
    this.next = enlarged(this.next, capacity)
    this.at = enlarged(this.at, capacity)
    this.length = enlarged(this.length, capacity)
    this.charge = enlarged(this.charge, capacity)
  }
}

function enlarged(from: Int32Array, capacity: number): Int32Array {
  const into = new Int32Array(capacity)
  into.set(from)
  return into
}
