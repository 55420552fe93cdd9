/**
 * The methods of Node's `UDP` class, replaced once: each asks whether the handle belongs to a stack, and is the native one when not.
 *
 * @module
 */
import type { SocketName } from './addresses.ts'
import { errno } from './errno.ts'
import { udpState } from './handle-state.ts'
import { MethodTable } from './method-table.ts'
import type { BufferSizeContext, Natives, NativeUdp, SendRequest } from './native.ts'
import type { VirtualUdp } from './virtual-udp.ts'

/** Replaces the methods. Gives the native `close` back, which virtual handles end with. */
export function replaceUdpMethods(
  natives: Natives,
  decide: (handle: NativeUdp) => VirtualUdp | null,
): (handle: NativeUdp, done: (() => void) | undefined) => void {
  const table = new MethodTable<NativeUdp, VirtualUdp>(natives.UDP.prototype, { stateOf: udpState.of, decide })
  for (const [suffix, family] of [
    ['', 4],
    ['6', 6],
  ] as const) {
    table.decided(`bind${suffix}`, (udp, address: string, port: number, flags: number) =>
      udp.bind(address, port, family, flags),
    )
    table.decided(`connect${suffix}`, (udp, address: string, port: number) => udp.connect(address, port, family))
    // A connected socket gives neither port nor address.
    table.decided(
      `send${suffix}`,
      (
        udp,
        request: SendRequest,
        list: Uint8Array[],
        count: number,
        port: number | boolean,
        address?: string,
        callback?: boolean,
      ) =>
        typeof port === 'number'
          ? udp.send(request, list, count, callback === true, port, address as string)
          : udp.send(request, list, count, port),
    )
  }
  table.route('disconnect', (udp) => udp.disconnect())
  table.route('recvStart', (udp) => udp.receiveStart())
  table.route('recvStop', (udp) => udp.receiveStop())
  table.route('getsockname', (udp, name: SocketName) => udp.getsockname(name))
  table.route('getpeername', (udp, name: SocketName) => udp.getpeername(name))
  table.route('open', () => errno('EBADF'))

  table.route('setBroadcast', (udp, on: number) => udp.setOption('broadcast', on ? 1 : 0))
  table.route('setTTL', (udp, ttl: number) => udp.setOption('ttl', ttl))
  table.route('setMulticastTTL', (udp, ttl: number) => udp.setOption('multicastTtl', ttl))
  table.route('setMulticastLoopback', (udp, on: number) => udp.setOption('multicastLoop', on ? 1 : 0))
  table.route('setMulticastInterface', (udp, on: string) => udp.setMulticastInterface(on))
  table.decided('addMembership', (udp, group: string, on?: string) => udp.join(group, on))
  table.decided('dropMembership', (udp, group: string, on?: string) => udp.leave(group, on))
  table.decided('addSourceSpecificMembership', (udp, source: string, group: string, on?: string) =>
    udp.join(group, on, source),
  )
  table.decided('dropSourceSpecificMembership', (udp, source: string, group: string, on?: string) =>
    udp.leave(group, on, source),
  )
  table.route('bufferSize', (udp, size: number, isReceive: boolean, context: BufferSizeContext) =>
    udp.bufferSize(size, isReceive, context),
  )
  table.route('getSendQueueSize', (udp) => udp.queuedOctets)
  table.route('getSendQueueCount', (udp) => udp.queued)

  table.both('ref', (udp) => udp.setReferenced(true))
  table.both('unref', (udp) => udp.setReferenced(false))
  return table.close((udp, done) => udp.close(done))
}
