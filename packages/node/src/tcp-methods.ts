/**
 * The methods of Node's `TCP` class, replaced once: each asks whether the handle belongs to a stack, and is the native one when not.
 *
 * @module
 */
import type { SocketName } from './addresses.ts'
import { errno } from './errno.ts'
import { stateOf } from './handle-state.ts'
import type { Methods, NativeRequest, Natives, NativeTcp } from './native.ts'
import type { VirtualTcp } from './virtual-tcp.ts'

/** Decides, at the first call that needs a network, which one a handle belongs to; null: the host's. */
export type Decide = (handle: NativeTcp) => VirtualTcp | null

/** Replaces the methods. Gives the native `close` back, which virtual handles end with. */
export function replaceMethods(natives: Natives, decide: Decide): (handle: NativeTcp, done?: () => void) => void {
  const prototype = natives.TCP.prototype as Methods
  const { IPV6ONLY, REUSEPORT } = natives

  /** `make` gets the native method, as a function with the handle as its first argument. */
  function replace(
    name: string,
    make: (
      native: (handle: NativeTcp, ...args: unknown[]) => unknown,
    ) => (this: NativeTcp, ...args: never[]) => unknown,
  ): void {
    const native = prototype[name]
    if (native === undefined) return
    const call = Function.prototype.call.bind(native) as (handle: NativeTcp, ...args: unknown[]) => unknown
    const method = make(call)
    Object.defineProperty(method, 'name', { value: name, configurable: true })
    Object.defineProperty(prototype, name, { value: method, writable: true, configurable: true, enumerable: true })
  }

  /** A method of handles that are decided already. */
  function route(name: string, virtual: (tcp: VirtualTcp, a: never, b: never, c: never, d: never) => unknown): void {
    replace(
      name,
      (native) =>
        function (this: NativeTcp, a, b, c, d) {
          const tcp = stateOf(this)
          return tcp ? virtual(tcp, a, b, c, d) : native(this, a, b, c, d)
        },
    )
  }

  /** A method that needs to know the network. */
  function decided(name: string, virtual: (tcp: VirtualTcp, a: never, b: never, c: never) => unknown): void {
    replace(
      name,
      (native) =>
        function (this: NativeTcp, ...args: unknown[]) {
          const state = stateOf(this)
          const tcp = state === undefined ? decide(this) : state
          return tcp === null
            ? native(this, ...args)
            : virtual(tcp, args[0] as never, args[1] as never, args[2] as never)
        },
    )
  }

  /** A method whose effect the native handle keeps too. */
  function both(name: string, virtual: (tcp: VirtualTcp) => void): void {
    replace(
      name,
      (native) =>
        function (this: NativeTcp) {
          const tcp = stateOf(this)
          if (tcp) virtual(tcp)
          return native(this)
        },
    )
  }

  /** A write: on a handle that cannot write, the shared results say so. */
  function write(
    name: string,
    virtual: (tcp: VirtualTcp, request: NativeRequest | null, data: never, more: never) => number | NativeRequest,
  ): void {
    route(name, (tcp, request, data, more) => {
      const error = tcp.writeError
      return error !== 0 ? failWrite(natives, error) : tcp.written(virtual(tcp, request, data, more))
    })
  }

  function accessor(name: string, virtual: (tcp: VirtualTcp) => unknown): void {
    const native = inheritedGetter(prototype, name)
    Object.defineProperty(prototype, name, {
      configurable: true,
      enumerable: true,
      get(this: NativeTcp) {
        const tcp = stateOf(this)
        return tcp ? virtual(tcp) : native.call(this)
      },
    })
  }

  // Node leaves the port out when only an address is given.
  decided('bind', (tcp, address: string, port?: number, flags?: number) => bind(tcp, address, port, 4, flags))
  decided('bind6', (tcp, address: string, port?: number, flags?: number) => bind(tcp, address, port, 6, flags))
  decided('connect', (tcp, request: NativeRequest, address: string, port: number) =>
    tcp.connect(request, address, port, 4),
  )
  decided('connect6', (tcp, request: NativeRequest, address: string, port: number) =>
    tcp.connect(request, address, port, 6),
  )
  decided('listen', (tcp, backlog: number) => tcp.listen(backlog))
  function bind(tcp: VirtualTcp, address: string, port = 0, family: 4 | 6 = 4, flags = 0): number {
    if ((flags & REUSEPORT) !== 0) return errno('ENOTSUP')
    return tcp.bind(address, port, family, (flags & IPV6ONLY) !== 0)
  }

  route('getsockname', (tcp, name: SocketName) => tcp.getsockname(name))
  route('getpeername', (tcp, name: SocketName) => tcp.getpeername(name))
  route('readStart', (tcp) => tcp.readStart())
  route('readStop', (tcp) => tcp.readStop())
  // Given before the handle connects.
  decided('useUserBuffer', (tcp, buffer: Uint8Array) => {
    tcp.reads.userBuffer = buffer
  })
  route('shutdown', (tcp, request: NativeRequest) => tcp.shutdown(request))

  write('writeBuffer', (tcp, request, data: Uint8Array) => tcp.writes.buffer(request, data))
  write('writev', (tcp, request, chunks: unknown[], allBuffers: boolean) =>
    tcp.writes.vector(request, chunks, allBuffers),
  )
  write('writeLatin1String', (tcp, request, text: string) => tcp.writes.string(request, text, 'latin1'))
  write('writeAsciiString', (tcp, request, text: string) => tcp.writes.string(request, text, 'latin1'))
  write('writeUtf8String', (tcp, request, text: string) => tcp.writes.string(request, text, 'utf8'))
  write('writeUcs2String', (tcp, request, text: string) => tcp.writes.string(request, text, 'utf16le'))

  both('ref', (tcp) => tcp.setReferenced(true))
  both('unref', (tcp) => tcp.setReferenced(false))
  route('setBlocking', () => 0)
  route('setSimultaneousAccepts', () => 0)
  route('open', () => errno('EBADF'))

  accessor('bytesRead', (tcp) => tcp.reads.bytesRead)
  accessor('bytesWritten', (tcp) => tcp.writes.bytesWritten)
  accessor('writeQueueSize', (tcp) => tcp.writes.waiting)

  decided('setNoDelay', (tcp, enable: boolean) => tcp.setOption('noDelay', enable ? 1 : 0))
  decided('setKeepAlive', (tcp, enable: boolean, delaySeconds: number) => {
    if (enable && delaySeconds > 0) tcp.setOption('keepAliveDelay', delaySeconds)
    return tcp.setOption('keepAlive', enable ? 1 : 0)
  })
  decided('setTypeOfService', (tcp, value: number) => tcp.setOption('trafficClass', value))
  route('getTypeOfService', (tcp) => tcp.getOption('trafficClass'))

  route('reset', (tcp, done?: () => void) => tcp.reset(done))
  const nativeClose = prototype.close as unknown as (this: NativeTcp, done?: () => void) => void
  route('close', (tcp, done?: () => void) => tcp.close(done))
  return (handle, done) => nativeClose.call(handle, done)
}

function failWrite(natives: Natives, error: number): number {
  const { state, bytesWritten, lastWriteWasAsync } = natives.stream
  state[bytesWritten] = 0
  state[lastWriteWasAsync] = 0
  return error
}

function inheritedGetter(prototype: object, name: string): () => unknown {
  for (let level = prototype; level !== null; level = Object.getPrototypeOf(level)) {
    const descriptor = Object.getOwnPropertyDescriptor(level, name)
    if (descriptor?.get !== undefined) return descriptor.get
  }
  return () => undefined
}
