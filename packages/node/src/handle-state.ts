/**
 * What the interception knows of a native handle, kept in a private field on the handle itself: nothing that a program can see or copy.
 *
 * @module
 */
import type { NativeTcp, NativeUdp } from './native.ts'
import type { VirtualTcp } from './virtual-tcp.ts'
import type { VirtualUdp } from './virtual-udp.ts'

export interface HandleState<Handle, Side> {
  /** A stack's side; null: decided for the host; undefined: not decided yet. */
  of(handle: Handle): Side | null | undefined
  /** Decides. Once for each handle. */
  decide(handle: Handle, side: Side | null): void
  /** Gives a handle that was decided for a stack to the host: its destination is the host's. */
  giveToHost(handle: Handle): void
}

class Identity {
  constructor(handle: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is what puts a subclass's private field on an object made elsewhere
    return handle
  }
}

class TcpMark extends Identity {
  #side: VirtualTcp | null

  constructor(handle: object, side: VirtualTcp | null) {
    super(handle)
    this.#side = side
  }

  static of(handle: object): VirtualTcp | null | undefined {
    return #side in handle ? handle.#side : undefined
  }

  static clear(handle: object): void {
    if (#side in handle) handle.#side = null
  }
}

class UdpMark extends Identity {
  #side: VirtualUdp | null

  constructor(handle: object, side: VirtualUdp | null) {
    super(handle)
    this.#side = side
  }

  static of(handle: object): VirtualUdp | null | undefined {
    return #side in handle ? handle.#side : undefined
  }

  static clear(handle: object): void {
    if (#side in handle) handle.#side = null
  }
}

export const tcpState: HandleState<NativeTcp, VirtualTcp> = {
  of: (handle) => TcpMark.of(handle),
  decide(handle, side) {
    new TcpMark(handle, side)
  },
  giveToHost: (handle) => TcpMark.clear(handle),
}

export const udpState: HandleState<NativeUdp, VirtualUdp> = {
  of: (handle) => UdpMark.of(handle),
  decide(handle, side) {
    new UdpMark(handle, side)
  },
  giveToHost: (handle) => UdpMark.clear(handle),
}
