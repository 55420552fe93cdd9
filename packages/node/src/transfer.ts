/**
 * `worker.postMessage(socket, [socket])`, which newer versions of Node have: the native handle of a socket on a stack has nothing to
 * transfer, so what stands for the socket travels in its place, and the other thread makes one of it.
 *
 * @module
 */
import net from 'node:net'
import { NetError } from '@ioth/core'
import { tcpState } from './handle-state.ts'
import type { NativeTcp } from './native.ts'

/** How sockets go to another thread. */
export interface Transfer {
  /** Lets a connection go, or lets another listen. @returns plain data. @throws NetError ENOTCONN, EBADF. */
  give(native: NativeTcp): unknown
  /** @throws NetError when it is no more. */
  take(passed: unknown): NativeTcp
}

interface Transferred {
  readonly handle?: unknown
  readonly passed?: unknown
}
interface Transferable {
  _handle: NativeTcp | null
  destroy?(): void
}
type Method = (this: Transferable, data?: Transferred) => unknown

let transfer: Transfer | null = null

/** The stack of this thread is one of a node. */
export function transferBy(by: Transfer): void {
  transfer = by
}

/** Once for each thread; nothing on versions of Node that transfer no sockets. */
export function interceptTransfer(): void {
  for (const { prototype } of [net.Socket, net.Server]) {
    const symbols = Object.getOwnPropertySymbols(prototype)
    const [list, give, take] = ['transfer_list', 'transfer', 'deserialize'].map((name) =>
      symbols.find(({ description }) => description === `messaging_${name}_symbol`),
    )
    if (list !== undefined && give !== undefined && take !== undefined) {
      intercept(prototype as unknown as Record<symbol, Method>, list, give, take)
    }
  }
}

function intercept(methods: Record<symbol, Method>, list: symbol, give: symbol, take: symbol): void {
  const natives = { list: methods[list] as Method, give: methods[give] as Method, take: methods[take] as Method }
  methods[list] = function () {
    // Node looks whether the socket is in a state to go.
    const handles = natives.list.call(this)
    return isVirtual(this) ? [] : handles
  }
  methods[give] = function () {
    if (!isVirtual(this)) return natives.give.call(this)
    natives.list.call(this)
    const native = this._handle as NativeTcp
    if (transfer === null) {
      const message = 'a socket of a stack can go to a thread of the same node only, and this process is none'
      throw new NetError('ENOTCONN', 'postMessage', { message })
    }
    const passed = transfer.give(native)
    // Node takes the handle away, and tells what else belongs to the socket.
    const given = natives.give.call(this) as { readonly data: Transferred }
    native.onread = () => {}
    ;(native as unknown as { close(): void }).close()
    return { ...given, data: { ...given.data, handle: null, passed } }
  }
  methods[take] = function (data = {}) {
    const { passed } = data
    const isOurs = passed !== undefined && transfer !== null
    return natives.take.call(this, isOurs ? { ...data, handle: transfer?.take(passed) } : data)
  }
}

function isVirtual({ _handle: handle }: Transferable): boolean {
  return handle !== null && handle !== undefined && Boolean(tcpState.of(handle))
}
