/**
 * Sockets of a stack as descriptors of a child process: `spawn(command, { stdio: [socket, socket, 'inherit'] })`, inetd style.
 *
 * A server among the descriptors becomes a Unix socket that listens, for children that accept on a descriptor (`server.listen({ fd: 3 })`, socket
 * activation): see `listening-descriptor.ts`.
 *
 * A stack's socket has no descriptor that a child could inherit. In its place the child gets one end of a pair of Unix sockets, which Node
 * makes for a pipe, and the other end is pumped. From then on the connection is the child's, as long as the child lives: the program may
 * destroy its own socket, as it would on the host, where the child has a descriptor of its own.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { NetError } from '@ioth/core'
import { tcpState, udpState } from '../handle-state.ts'
import type { NativeTcp, NativeUdp } from '../native.ts'
import { processBinding } from '../process-binding.ts'
import type { VirtualTcp } from '../virtual-tcp.ts'
import { ListeningDescriptor } from './listening-descriptor.ts'
import { pump } from './pump.ts'

interface SpawnOptions {
  stdio?: unknown
}

type Spawn = (this: ChildProcess, options: SpawnOptions) => number

/** Makes the handle of what was another handle's. */
interface Adopt {
  connection(from: VirtualTcp): NativeTcp
  listener(from: VirtualTcp): NativeTcp
}

export function interceptChildStdio(adopt: Adopt): void {
  const { ChildProcess } = process.getBuiltinModule('node:child_process')
  const prototype = ChildProcess.prototype as unknown as { spawn: Spawn }
  const native = prototype.spawn
  prototype.spawn = function spawn(options) {
    const { stdio } = options
    const found = findSockets(stdio)
    if (found.size === 0) return native.call(this, options)
    const replaced = [...(stdio as unknown[])]
    const listeners = new Map<VirtualTcp, ListeningDescriptor>()
    for (const [side, places] of found) {
      const descriptor = side.isListening ? new ListeningDescriptor() : null
      if (descriptor !== null) listeners.set(side, descriptor)
      for (const place of places) replaced[place] = descriptor?.fd ?? 'pipe'
    }
    let status = -1
    try {
      status = native.call(this, { ...options, stdio: replaced })
    } finally {
      // Also when an option is refused by an exception.
      if (status !== 0) for (const descriptor of listeners.values()) descriptor.close()
    }
    for (const [side, places] of status === 0 ? found : []) {
      const descriptor = listeners.get(side)
      if (descriptor === undefined) handOver(this, side, places, adopt)
      else descriptor.serve(adopt.listener(side), this)
    }
    return status
  }

  const synchronous = processBinding('spawn_sync') as unknown as { spawn(options: { stdio?: unknown[] }): unknown }
  const nativeSync = synchronous.spawn
  synchronous.spawn = function spawn(options) {
    const given = options.stdio?.map((each) => (each as { handle?: unknown } | null)?.handle ?? each)
    if (findSockets(given).size > 0) throw refusal('spawnSync', 'nobody can carry its octets while this process waits')
    return nativeSync.call(this, options)
  }
}

/** The connections of stacks among the descriptors, each with its places. @throws NetError for what cannot be a child's. */
function findSockets(stdio: unknown): Map<VirtualTcp, number[]> {
  const found = new Map<VirtualTcp, number[]>()
  if (!Array.isArray(stdio)) return found
  for (const [place, item] of stdio.entries()) {
    const side = sideOf(item)
    if (side === null) continue
    if (!side.isConnected && !side.isListening) throw refusal('spawn', 'it is neither connected nor listening')
    const places = found.get(side)
    if (places === undefined) found.set(side, [place])
    else places.push(place)
  }
  return found
}

function sideOf(item: unknown): VirtualTcp | null {
  if (item === null || typeof item !== 'object') return null
  const { _handle, handle } = item as { _handle?: unknown; handle?: unknown }
  for (const candidate of [item, handle, _handle]) {
    if (candidate === null || typeof candidate !== 'object') continue
    const side = tcpState.of(candidate as NativeTcp)
    if (side) return side
    if (udpState.of(candidate as NativeUdp)) throw refusal('spawn', 'datagrams have no descriptor on a stack')
  }
  return null
}

function handOver(child: ChildProcess, side: VirtualTcp, places: readonly number[], adopt: Adopt): void {
  const connection = new Socket({
    handle: adopt.connection(side),
    allowHalfOpen: true,
    readable: true,
    writable: true,
  } as ConstructorParameters<typeof Socket>[0])
  side.forwardTo(connection)
  const stdio = child.stdio as unknown as (Duplex | null)[]
  const pipes = places.map((place) => stdio[place] as Duplex)
  pump(
    connection,
    pipes[0] as Duplex,
    pipes.filter(({ readable }) => readable),
  )
  // As on the host: what the child inherits is no stream here.
  const holder = child as unknown as Record<string, unknown>
  for (const place of places) {
    stdio[place] = null
    const name = ['stdin', 'stdout', 'stderr'][place]
    if (name !== undefined) holder[name] = null
  }
}

function refusal(syscall: string, why: string): NetError {
  return new NetError('ERR_IOTH_NOT_IMPLEMENTED', syscall, {
    message: `${syscall}: a socket of a stack cannot become a descriptor of the child: ${why}. Pipe it: socket.pipe(child.stdin)`,
  })
}
