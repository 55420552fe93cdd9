/**
 * The interception of a thread: installed once, however many copies of this package the program has loaded.
 *
 * @module
 */
import type { AsyncResource } from 'node:async_hooks'
import dgram from 'node:dgram'
import net from 'node:net'
import type { IpAddress, Stack, TcpSocket } from '@ioth/core'
import { destination, readAddress } from './addresses.ts'
import { Choices } from './choices.ts'
import { interceptChildStdio } from './descriptors/child-stdio.ts'
import { drainAtExit } from './drain-at-exit.ts'
import { tcpState, udpState } from './handle-state.ts'
import { HostConnections } from './host-connections.ts'
import { feedFromHost } from './host-stream.ts'
import { interceptHttp2 } from './http2-session.ts'
import { describeDifference } from './internals.ts'
import { interceptLookup } from './lookup.ts'
import { say } from './messages.ts'
import { loadNatives, type NativeRequest, type Natives, type NativeTcp, type NativeUdp } from './native.ts'
import { separatePools } from './pools.ts'
import { interceptQueries } from './queries.ts'
import { interceptReverseLookup } from './reverse-lookup.ts'
import { Policy } from './rules/policy.ts'
import { refuse } from './rules/refuse.ts'
import type { Failure, TcpEnvironment } from './tcp-environment.ts'
import { replaceTcpMethods } from './tcp-methods.ts'
import { interceptTransfer } from './transfer.ts'
import type { UdpEnvironment } from './udp-environment.ts'
import { replaceUdpMethods } from './udp-methods.ts'
import { VirtualTcp } from './virtual-tcp.ts'
import { VirtualUdp } from './virtual-udp.ts'

export interface Interception {
  readonly choices: Choices
  readonly natives: Natives
  /** Makes a native handle that is new a stack's. */
  attachTcp(handle: NativeTcp, stack: Stack): VirtualTcp
  attachUdp(handle: NativeUdp, stack: Stack): VirtualUdp
  /** From now on the stack may have sockets: what they have queued is sent when the process exits. */
  use(stack: Stack): void
  /** What the process's own network may leave to the host. */
  policy: Policy
  /** Told of every destination that is not reached for want of a route, or because nobody listens on a loopback address. */
  onFailure: ((stack: Stack, address: IpAddress, port: number, why: Failure) => void) | null
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
  const warning = describeDifference(natives.difference, process.versions.node)
  if (warning !== null) say(warning)
  const choices = new Choices()
  const stacks = new Set<Stack>()

  const drain = (): void => (process as unknown as { _tickCallback(): void })._tickCallback()
  const shared = {
    natives,
    drain,
    failed: (stack: Stack, address: IpAddress, port: number, why: Failure): void =>
      made.onFailure?.(stack, address, port, why),
    get traffic() {
      return made.policy.traffic
    },
    get hasRules() {
      return made.policy.rules.texts.length > 0
    },
    /** By which rule a destination of a stack's is the host's; null: it is not. */
    hostRule: (stack: Stack, address: IpAddress, port: number): string | null =>
      stack === choices.processChoice ? made.policy.rules.match(address, port) : null,
  }
  const hostConnections = new HostConnections(shared)
  const environment: TcpEnvironment = {
    accept(stack: Stack, connection: TcpSocket, listener: AsyncResource): VirtualTcp {
      const handle = new natives.TCP(natives.SOCKET)
      const tcp = attach(handle, stack)
      tcp.adopt(connection, listener)
      return tcp
    },
    closeNative: (handle, done) => closeTcp(handle, done),
    natives,
    drain,
    failed: shared.failed,
    get traffic() {
      return shared.traffic
    },
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
    const open = isOpen(handle)
    const choice = open ? null : choices.forOwner(handle[natives.owner] as object | null | undefined)
    if (choice !== null) return attach(handle, choice)
    if (!open && made.policy.strict) throw refuse('socket', 'a socket of the host', null)
    tcpState.decide(handle, null)
    return null
  }

  /** The same where the destination is known, and decides too. */
  function decideConnecting(handle: NativeTcp, request: NativeRequest, text: string, port: number): VirtualTcp | null {
    const before = tcpState.of(handle)
    const address = shared.hasRules ? readAddress(text) : null
    if (address !== null && (before === undefined ? !isOpen(handle) : before?.isFresh)) {
      const stack = before?.stack ?? choices.forOwner(handle[natives.owner] as object | null | undefined)
      const rule = stack === null ? null : shared.hostRule(stack, destination(address), port)
      if (rule !== null) {
        if (before) giveToHost(handle, before)
        else tcpState.decide(handle, null)
        hostConnections.begin(handle, request, text, port, rule)
        return null
      }
    }
    const side = before === undefined ? decideNow(handle) : before
    if (side === null) hostConnections.begin(handle, request, text, port, null)
    return side
  }

  /** A handle that was the stack's until its destination was known. */
  function giveToHost(handle: NativeTcp, side: VirtualTcp): void {
    tcpState.giveToHost(handle)
    const native = handle as unknown as Record<string, (...args: unknown[]) => unknown>
    for (const [option, value] of side.givenOptions) {
      if (option === 'noDelay') native.setNoDelay?.(value !== 0)
      else if (option === 'keepAlive') native.setKeepAlive?.(value !== 0, 0)
    }
    if (side.reads.userBuffer !== null) native.useUserBuffer?.(side.reads.userBuffer)
    if (side.reads.stream !== null) feedFromHost(natives, handle, side.reads.stream)
  }

  function decideUdp(handle: NativeUdp): VirtualUdp | null {
    const open = isOpen(handle)
    const choice = open ? null : choices.forOwner(handle[natives.owner] as object | null | undefined)
    if (choice === null && !open && made.policy.strict) throw refuse('socket', 'a socket of the host', null)
    if (choice !== null) return attachUdp(handle, choice)
    udpState.decide(handle, null)
    return null
  }

  function attachUdp(handle: NativeUdp, stack: Stack): VirtualUdp {
    const udp = new VirtualUdp(udpEnvironment, handle, stack)
    udpState.decide(handle, udp)
    return udp
  }

  const closeTcp = replaceTcpMethods(natives, {
    decide: decideNow,
    decideConnecting,
    closingNative: (handle) => hostConnections.end(handle),
  })
  const closeUdp = replaceUdpMethods(natives, decideUdp)
  const udpEnvironment: UdpEnvironment = Object.assign(Object.create(shared), { closeNative: closeUdp })
  interceptTls(natives, decideNow)
  interceptHttp2(natives, drain)
  interceptLookup(natives, choices, () => made.policy)
  interceptReverseLookup(natives, choices)
  interceptQueries(natives, choices)
  interceptNet(choices)
  interceptDgram(choices)
  interceptTransfer()
  interceptChildStdio({
    connection: (from) => environment.accept(from.stack, from.giveAway(), from.context).handle,
    listener(from) {
      const tcp = attach(new natives.TCP(natives.SOCKET), from.stack)
      tcp.startListening(from.giveListenerAway())
      return tcp.handle
    },
  })
  choices.onFirstScope = () => separatePools(choices)

  process.once('exit', () => drainAtExit(stacks))

  const made: Interception = {
    choices,
    natives,
    attachTcp: attach,
    attachUdp,
    policy: new Policy(),
    onFailure: null,
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
