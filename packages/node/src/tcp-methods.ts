/**
 * The methods of Node's `TCP` class, replaced once: each asks whether the handle belongs to a stack, and is the native one when not.
 *
 * @module
 */
import type { SocketName } from './addresses.ts'
import { errno } from './errno.ts'
import { tcpState } from './handle-state.ts'
import { MethodTable, type MethodTableOptions } from './method-table.ts'
import type { NativeRequest, Natives, NativeTcp } from './native.ts'
import type { VirtualTcp } from './virtual-tcp.ts'

/** Replaces the methods. Gives the native `close` back, which virtual handles end with. */
export function replaceTcpMethods(
  natives: Natives,
  decisions: Omit<MethodTableOptions<NativeTcp, VirtualTcp>, 'stateOf'>,
): (handle: NativeTcp, done: (() => void) | undefined) => void {
  const { IPV6ONLY, REUSEPORT } = natives
  const table = new MethodTable<NativeTcp, VirtualTcp>(natives.TCP.prototype, {
    stateOf: tcpState.of,
    ...decisions,
  })

  /** A write: on a handle that cannot write, the shared results say so. */
  function write(
    name: string,
    virtual: (tcp: VirtualTcp, request: NativeRequest | null, data: never, more: never) => number | NativeRequest,
  ): void {
    table.route(name, (tcp, request, data, more) => {
      const error = tcp.writeError
      return error !== 0 ? failWrite(natives, error) : tcp.written(virtual(tcp, request, data, more))
    })
  }

  // Node leaves the port out when only an address is given.
  table.decided('bind', (tcp, address: string, port?: number, flags?: number) => bind(tcp, address, port, 4, flags))
  table.decided('bind6', (tcp, address: string, port?: number, flags?: number) => bind(tcp, address, port, 6, flags))
  table.connecting('connect', (tcp, request: NativeRequest, address: string, port: number) =>
    tcp.connect(request, address, port, 4),
  )
  table.connecting('connect6', (tcp, request: NativeRequest, address: string, port: number) =>
    tcp.connect(request, address, port, 6),
  )
  table.decided('listen', (tcp, backlog: number) => tcp.listen(backlog))
  function bind(tcp: VirtualTcp, address: string, port = 0, family: 4 | 6 = 4, flags = 0): number {
    return tcp.bind(address, port, family, (flags & IPV6ONLY) !== 0, (flags & REUSEPORT) !== 0)
  }

  table.route('getsockname', (tcp, name: SocketName) => tcp.getsockname(name))
  table.route('getpeername', (tcp, name: SocketName) => tcp.getpeername(name))
  table.route('readStart', (tcp) => tcp.readStart())
  table.route('readStop', (tcp) => tcp.readStop())
  // Given before the handle connects.
  table.decided('useUserBuffer', (tcp, buffer: Uint8Array) => {
    tcp.reads.userBuffer = buffer
  })
  table.route('shutdown', (tcp, request: NativeRequest) => tcp.shutdown(request))

  write('writeBuffer', (tcp, request, data: Uint8Array) => tcp.writes.buffer(request, data))
  write('writev', (tcp, request, chunks: unknown[], allBuffers: boolean) =>
    tcp.writes.vector(request, chunks, allBuffers),
  )
  write('writeLatin1String', (tcp, request, text: string) => tcp.writes.string(request, text, 'latin1'))
  write('writeAsciiString', (tcp, request, text: string) => tcp.writes.string(request, text, 'latin1'))
  write('writeUtf8String', (tcp, request, text: string) => tcp.writes.string(request, text, 'utf8'))
  write('writeUcs2String', (tcp, request, text: string) => tcp.writes.string(request, text, 'utf16le'))

  table.both('ref', (tcp) => tcp.setReferenced(true))
  table.both('unref', (tcp) => tcp.setReferenced(false))
  table.route('setBlocking', () => 0)
  table.route('setSimultaneousAccepts', () => 0)
  table.route('open', () => errno('EBADF'))

  table.accessor('bytesRead', (tcp) => tcp.reads.bytesRead)
  table.accessor('bytesWritten', (tcp) => tcp.writes.bytesWritten)
  table.accessor('writeQueueSize', (tcp) => tcp.writes.waiting)

  table.decided('setNoDelay', (tcp, enable: boolean) => tcp.setOption('noDelay', enable ? 1 : 0))
  table.decided('setKeepAlive', (tcp, enable: boolean, delaySeconds: number) => {
    if (enable && delaySeconds > 0) tcp.setOption('keepAliveDelay', delaySeconds)
    return tcp.setOption('keepAlive', enable ? 1 : 0)
  })
  table.decided('setTypeOfService', (tcp, value: number) => tcp.setOption('trafficClass', value))
  table.route('getTypeOfService', (tcp) => tcp.getOption('trafficClass'))

  table.route('reset', (tcp, done?: () => void) => tcp.reset(done))
  return table.close((tcp, done) => tcp.close(done))
}

function failWrite(natives: Natives, error: number): number {
  const { state, bytesWritten, lastWriteWasAsync } = natives.stream
  state[bytesWritten] = 0
  state[lastWriteWasAsync] = 0
  return error
}
