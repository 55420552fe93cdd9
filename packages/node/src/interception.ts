/**
 * The interception of a thread: installed once, however many copies of this package the program has loaded.
 *
 * @module
 */
import type { AsyncResource } from 'node:async_hooks'
import dgram from 'node:dgram'
import net from 'node:net'
import type { Stack, TcpSocket } from '@ioth/core'
import { Choices } from './choices.ts'
import { tcpState, udpState } from './handle-state.ts'
import { interceptHttp2 } from './http2-session.ts'
import { interceptLookup } from './lookup.ts'
import { say } from './messages.ts'
import { compareMembers, loadNatives, type Natives, type NativeTcp, type NativeUdp } from './native.ts'
import { separatePools } from './pools.ts'
import { interceptQueries } from './queries.ts'
import type { TcpEnvironment } from './tcp-environment.ts'
import { replaceTcpMethods } from './tcp-methods.ts'
import { replaceUdpMethods } from './udp-methods.ts'
import { VirtualTcp } from './virtual-tcp.ts'
import { VirtualUdp } from './virtual-udp.ts'

export interface Interception {
  readonly choices: Choices
  /** From now on the stack may have sockets: what they have queued is sent when the process exits. */
  use(stack: Stack): void
  /** Told of every destination that a stack has no route to. */
  onUnreachable: ((address: string) => void) | null
}

/** Versioned: copies of this package that share the key share the interception. */
const KEY = Symbol.for('@ioth/node/interception/1')

/**
 * The thread's interception, installed at the first call.
 * @throws NetError ERR_IOTH_UNSUPPORTED_NODE when this Node cannot be intercepted.
 */
export function interception(): Interception {
  const shared = globalThis as { [KEY]?: Interception }
  shared[KEY] ??= install(loadNatives())
  return shared[KEY]
}

function install(natives: Natives): Interception {
  warnOfUnknown(natives)
  const choices = new Choices()
  const stacks = new Set<Stack>()

  const drain = (): void => (process as unknown as { _tickCallback(): void })._tickCallback()
  const unreachable = (address: string): void => made.onUnreachable?.(address)
  const environment: TcpEnvironment = {
    natives,
    accept(stack: Stack, connection: TcpSocket, listener: AsyncResource): VirtualTcp {
      const handle = new natives.TCP(natives.SOCKET)
      const tcp = attach(handle, stack)
      tcp.adopt(connection, listener)
      return tcp
    },
    closeNative: (handle, done) => closeTcp(handle, done),
    drain,
    unreachable,
    destroyOwner(handle, error) {
      const owner = handle[natives.owner] as { destroy?(error: unknown): void } | null | undefined
      if (typeof owner?.destroy !== 'function') return false
      owner.destroy(error)
      return true
    },
  }

  function attach(handle: NativeTcp, stack: Stack): VirtualTcp {
    // The HTTP parser must not read past JavaScript: it would read the native handle.
    handle._consumed = true
    const tcp = new VirtualTcp(environment, handle, stack)
    tcpState.decide(handle, tcp)
    return tcp
  }

  function decideNow(handle: NativeTcp): VirtualTcp | null {
    const choice = isOpen(handle) ? null : choices.forOwner(handle[natives.owner] as object | null | undefined)
    if (choice !== null) return attach(handle, choice)
    tcpState.decide(handle, null)
    return null
  }

  function decideUdp(handle: NativeUdp): VirtualUdp | null {
    const choice = isOpen(handle) ? null : choices.forOwner(handle[natives.owner] as object | null | undefined)
    const udp = choice === null ? null : new VirtualUdp({ closeNative: closeUdp, drain, unreachable }, handle, choice)
    udpState.decide(handle, udp)
    return udp
  }

  const closeTcp = replaceTcpMethods(natives, decideNow)
  const closeUdp = replaceUdpMethods(natives, decideUdp)
  interceptTls(natives, decideNow)
  interceptHttp2(natives)
  interceptLookup(natives, choices)
  interceptQueries(natives, choices)
  interceptNet(choices)
  interceptDgram(choices)
  choices.onFirstScope = () => separatePools(choices)

  process.once('exit', () => {
    for (const stack of stacks) stack.flush()
  })

  const made: Interception = {
    choices,
    onUnreachable: null,
    use(stack) {
      if (stacks.has(stack)) return
      stacks.add(stack)
      const forget = (): void => void stacks.delete(stack)
      stack.closed.then(forget, forget)
    },
  }
  return made
}

/** A handle with a descriptor of its own came from the host: inherited, or opened before the interception. */
function isOpen(handle: object): boolean {
  return ((handle as { fd?: number }).fd ?? -1) >= 0
}

/** TLS wraps the handle's C++ side: for a handle on a stack, that is a JSStream. */
function interceptTls(natives: Natives, decideNow: (handle: NativeTcp) => VirtualTcp | null): void {
  const { TCP, tlsWrap } = natives
  const nativeWrap = tlsWrap.wrap
  tlsWrap.wrap = function wrap(handle: object, ...rest: unknown[]): object {
    if (!(handle instanceof TCP)) return nativeWrap.call(this, handle, ...rest)
    const native = handle as unknown as NativeTcp
    const state = tcpState.of(native)
    const tcp = state === undefined ? decideNow(native) : state
    if (tcp === null) return nativeWrap.call(this, handle, ...rest)
    const stream = tcp.jsStream()
    const wrapped = nativeWrap.call(this, stream.native, ...rest)
    stream.wrapped(wrapped as NativeTcp)
    return wrapped
  }
}

/**
 * A server's handle has no owner yet when it binds, and a name look-up knows no socket: for the time of those synchronous calls the
 * choice is noted.
 */
function interceptNet(choices: Choices): void {
  const server = net.Server.prototype as net.Server & { _listen2(...args: unknown[]): void }
  wrap(server, '_listen2', (owner, run) => choices.whileCreating(choices.chosen(owner), run))
  wrap(server, 'listen', (owner, run) => choices.whileResolving(choices.chosen(owner), run))
  wrap(net.Socket.prototype, 'connect', (owner, run) => choices.whileConnecting(owner, run))
}

/** The names that a datagram socket looks up are looked up for its network. */
function interceptDgram(choices: Choices): void {
  for (const name of ['bind', 'connect', 'send'] as const) {
    wrap(dgram.Socket.prototype, name, (owner, run) => choices.whileResolving(choices.chosen(owner), run))
  }
}

function wrap<T extends object>(
  prototype: T,
  name: keyof T & string,
  around: (owner: object, run: () => unknown) => unknown,
): void {
  const original = prototype[name] as (...args: unknown[]) => unknown
  const wrapper = {
    [name](this: object, ...args: unknown[]): unknown {
      return around(this, () => original.apply(this, args))
    },
  }[name]
  Object.defineProperty(prototype, name, { value: wrapper, writable: true, configurable: true, enumerable: true })
}

function warnOfUnknown(natives: Natives): void {
  const { unknown } = compareMembers(natives.TCP.prototype)
  if (unknown.length === 0) return
  say(
    `Node ${process.versions.node} has socket functions this version of ioth does not know (${unknown.join(', ')}); ` +
      'should a program behave oddly, try Node 24 or a newer ioth.',
  )
}
