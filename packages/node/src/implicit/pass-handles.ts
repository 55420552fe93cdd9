/**
 * `child.send(message, socket)` between processes of one node, what `cluster` makes of it, and `postMessage(socket, [socket])` between
 * threads: sockets of a stack have no descriptor that could be sent, so what stands for one travels in a message, and the other side makes a
 * socket of it. Pipes and sockets of the host go Node's own way.
 *
 * @module
 */
import { AsyncResource } from 'node:async_hooks'
import { ChildProcess } from 'node:child_process'
import dgram from 'node:dgram'
import type { EventEmitter } from 'node:events'
import net from 'node:net'
import type { Stack } from '@ioth/core'
import { tcpState, udpState } from '../handle-state.ts'
import { type Interception, interception } from '../interception.ts'
import type { NativeTcp, NativeUdp } from '../native.ts'
import type { Passing } from '../passing.ts'
import { transferBy } from '../transfer.ts'

/** Of messages that Node itself takes for internal ones. */
const COMMAND = 'NODE_IOTH_SOCKET'

type SocketType = 'net.Socket' | 'net.Server' | 'net.Native' | 'dgram.Socket' | 'dgram.Native'

interface Envelope {
  readonly cmd: typeof COMMAND
  readonly type: SocketType
  readonly passed: unknown
  /** Of a datagram socket: `udp4` or `udp6`. */
  readonly dgramType?: dgram.SocketType
  readonly message: unknown
}

type Send = (
  message: unknown,
  handle?: unknown,
  options?: object | null,
  callback?: (error: Error | null) => void,
) => boolean

/** `process`, or a child. */
interface Channel extends EventEmitter {
  _send?: Send
  send?(message: unknown): boolean
}

interface Messages {
  readonly cmd?: string
  readonly act?: string
  readonly seq?: number
}

const carried = new WeakSet<object>()
let current: { readonly stack: Stack; readonly passing: Passing } | null = null

/** From now on this process sends and takes sockets. */
export function passHandles(stack: Stack, passing: Passing): void {
  const isFirst = current === null
  current = { stack, passing }
  if (!isFirst) return
  carry(process as unknown as Channel)
  transferBy({
    give: (native) => giveTcp(native)?.(),
    take: (passed) => {
      const { stack, passing: taker } = current as NonNullable<typeof current>
      return takeTcp(stack, taker, passed, interception().natives)
    },
  })
  const prototype = ChildProcess.prototype as unknown as { spawn(...args: unknown[]): unknown }
  const native = prototype.spawn
  prototype.spawn = function spawn(this: Channel, ...args: unknown[]): unknown {
    const status = native.apply(this, args)
    carry(this)
    return status
  }
}

/** A channel between two processes, if it is one. */
function carry(channel: Channel): void {
  const native = channel._send
  if (native === undefined || carried.has(channel)) return
  carried.add(channel)
  channel._send = function send(message, handle, options, callback) {
    const parcel = handle === undefined || handle === null ? null : parcelOf(handle as object)
    if (parcel === null) return native.call(this, message, handle, options, callback)
    try {
      const passed = parcel.give()
      const { type, dgramType } = parcel
      const envelope: Envelope = { cmd: COMMAND, type, passed, message, ...(dgramType !== undefined && { dgramType }) }
      const isSent = native.call(this, envelope, undefined, options, callback)
      parcel.given?.()
      return isSent
    } catch (error) {
      process.nextTick(notGiven, channel, message, error, callback)
      return false
    }
  }
  channel.on('internalMessage', (message: Envelope) => {
    if (message?.cmd === COMMAND) unpack(channel, message)
  })
}

/** The connection was over before it was sent. The primary of a cluster waits for a word of its worker, and gets it. */
function notGiven(channel: Channel, message: unknown, error: Error, callback: Parameters<Send>[3]): void {
  const seq = seqOfConnection(message)
  if (seq !== null) channel.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: seq, accepted: true })
  else if (typeof callback === 'function') callback(error)
  else channel.emit('error', error)
}

function seqOfConnection(message: unknown): number | null {
  const { cmd, act, seq } = (message ?? {}) as Messages
  return cmd === 'NODE_CLUSTER' && act === 'newconn' ? (seq ?? null) : null
}

// ---- sending ----

interface Parcel {
  readonly type: SocketType
  readonly dgramType?: dgram.SocketType
  give(): unknown
  /** After it was sent. */
  given?(): void
}

/** What can be sent of a stack's; null: it is Node's own affair. */
function parcelOf(handle: object): Parcel | null {
  if (handle instanceof net.Socket) {
    const native = handleOf<NativeTcp>(handle)
    const give = native === null ? null : giveTcp(native)
    return give === null ? null : { type: 'net.Socket', give, given: () => leaveSocket(handle, native as NativeTcp) }
  }
  if (handle instanceof net.Server) {
    const native = handleOf<NativeTcp>(handle)
    const give = native === null ? null : giveTcp(native)
    return give === null ? null : { type: 'net.Server', give }
  }
  if (handle instanceof dgram.Socket) {
    const native = datagramHandle(handle)
    const give = native === null ? null : giveUdp(native)
    const { type } = handle as unknown as { type: dgram.SocketType }
    return give === null ? null : { type: 'dgram.Socket', dgramType: type, give }
  }
  const tcp = giveTcp(handle as NativeTcp)
  if (tcp !== null) return { type: 'net.Native', give: tcp }
  const udp = giveUdp(handle as NativeUdp)
  return udp === null ? null : { type: 'dgram.Native', give: udp }
}

function giveTcp(native: NativeTcp): (() => unknown) | null {
  const tcp = tcpState.of(native)
  return tcp ? () => tcp.pass(passing()) : null
}

function giveUdp(native: NativeUdp): (() => unknown) | null {
  const udp = udpState.of(native)
  return udp ? () => udp.pass(passing()) : null
}

function passing(): Passing {
  return (current as NonNullable<typeof current>).passing
}

function handleOf<Handle>(owner: object): Handle | null {
  return (owner as { _handle?: Handle | null })._handle ?? null
}

function datagramHandle(socket: dgram.Socket): NativeUdp | null {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')
  const state =
    symbol === undefined ? null : (socket as unknown as Record<symbol, { handle?: NativeUdp } | undefined>)[symbol]
  return state?.handle ?? null
}

/** As Node does it: the sender's socket is left without a handle, and its server counts it no longer. */
function leaveSocket(socket: net.Socket, native: NativeTcp): void {
  const holder = socket as unknown as {
    _handle: unknown
    server?: { _connections: number; _emitCloseIfDrained?(): void }
  }
  native.onread = () => {}
  holder._handle = null
  socket.setTimeout(0)
  ;(native as unknown as { close(): void }).close()
  if (holder.server === undefined || holder.server === null) return
  holder.server._connections--
  holder.server._emitCloseIfDrained?.()
}

// ---- taking ----

function unpack(channel: Channel, { type, passed, dgramType, message }: Envelope): void {
  const { stack, passing: taker } = current as NonNullable<typeof current>
  const { natives } = interception()
  const deliver = (handle: unknown): void => hand(channel, message, handle)
  try {
    if (type.startsWith('dgram')) {
      const native = takeUdp(stack, taker, passed)
      if (type === 'dgram.Native') deliver(native)
      else {
        const socket = dgram.createSocket(dgramType ?? 'udp4')
        ;(socket.bind as unknown as (handle: object, done: () => void) => void).call(socket, native, () =>
          deliver(socket),
        )
      }
      return
    }
    const native = takeTcp(stack, taker, passed, natives)
    if (type === 'net.Native') deliver(native)
    else if (type === 'net.Socket') {
      deliver(new net.Socket({ handle: native, readable: true, writable: true } as net.SocketConstructorOpts))
    } else {
      const server = new net.Server()
      server.listen(native as net.ListenOptions, () => deliver(server))
    }
  } catch {
    // It ended on its way: as a message whose handle got lost.
    const seq = seqOfConnection(message)
    if (seq !== null) channel.send?.({ cmd: 'NODE_CLUSTER', ack: seq, accepted: true })
    else deliver(undefined)
  }
}

function takeTcp(stack: Stack, taker: Passing, passed: unknown, { TCP, SOCKET }: Interception['natives']): NativeTcp {
  const { attachTcp } = interception()
  const tcp = attachTcp(new TCP(SOCKET), stack)
  const { kind, family, address, port } = passed as { kind: string; family: 4 | 6; address: string; port: number }
  if (kind === 'connection') {
    tcp.adopt(
      taker.takeConnection(passed as never),
      new AsyncResource('IOTH_TCP_PASSED', { requireManualDestroy: true }),
    )
  } else {
    taker.takePort(passed as never, () => tcp.bind(address, port, family, false, false))
  }
  return tcp.handle
}

function takeUdp(stack: Stack, taker: Passing, passed: unknown): NativeUdp {
  const { natives, attachUdp } = interception()
  const { family, address, port } = passed as { family: 4 | 6; address: string; port: number }
  const udp = attachUdp(new natives.UDP(), stack)
  taker.takePort(passed as never, () => udp.bind(address, port, family, 0))
  return udp.handle
}

/** As Node delivers: messages of its own are events of their own, and what nobody listens for yet waits for the first who does. */
function hand(channel: Channel, message: unknown, handle: unknown): void {
  const { cmd } = (message ?? {}) as Messages
  if (typeof cmd === 'string' && cmd.startsWith('NODE_')) channel.emit('internalMessage', message, handle)
  else if (channel.listenerCount('message') > 0) channel.emit('message', message, handle)
  else {
    const wait = (event: string | symbol): void => {
      if (event !== 'message') return
      channel.off('newListener', wait)
      process.nextTick(() => channel.emit('message', message, handle))
    }
    channel.on('newListener', wait)
  }
}
