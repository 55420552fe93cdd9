/**
 * What the interception knows of a native handle, kept in a private field on the handle itself: nothing that a program can see or copy.
 *
 * @module
 */
import type { NativeTcp } from './native.ts'
import type { VirtualTcp } from './virtual-tcp.ts'

/** A stack's side; null: decided for the host; undefined: not decided yet. */
export type HandleState = VirtualTcp | null | undefined

class Identity {
  constructor(handle: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is what puts a subclass's private field on an object made elsewhere
    return handle
  }
}

class Mark extends Identity {
  #state: VirtualTcp | null

  constructor(handle: object, state: VirtualTcp | null) {
    super(handle)
    this.#state = state
  }

  static get(handle: object): HandleState {
    return #state in handle ? handle.#state : undefined
  }
}

export function stateOf(handle: NativeTcp): HandleState {
  return Mark.get(handle)
}

/** Decides for good. Once for each handle. */
export function decide(handle: NativeTcp, state: VirtualTcp | null): void {
  new Mark(handle, state)
}
