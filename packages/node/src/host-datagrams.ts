/**
 * The host's side of a datagram socket of a stack's, for destinations that are the host's by a rule: a native handle with a port of its
 * own there. What comes back is given to the program as if it had come to its socket.
 *
 * @module
 */
import type { SocketName } from './addresses.ts'
import { udpState } from './handle-state.ts'
import type { Natives, NativeUdp, SendRequest } from './native.ts'
import type { Traffic } from './report/traffic.ts'

/** The native methods, as Node's own JavaScript calls them. */
interface NativeMethods extends NativeUdp {
  bind(address: string, port: number, flags: number): number
  bind6(address: string, port: number, flags: number): number
  connect(address: string, port: number): number
  connect6(address: string, port: number): number
  disconnect(): number
  send(request: SendRequest, list: readonly Uint8Array[], count: number, ...to: (string | number | boolean)[]): number
  send6(request: SendRequest, list: readonly Uint8Array[], count: number, ...to: (string | number | boolean)[]): number
  setBroadcast(on: number): number
  setTTL(ttl: number): number
  recvStart(): number
  recvStop(): number
  getsockname(name: SocketName): number
  getpeername(name: SocketName): number
  ref(): void
  unref(): void
  close(done?: () => void): void
}

export class HostDatagrams {
  readonly family: 4 | 6
  /** Whether the program's socket is connected to somebody on the host's network. */
  connected = false
  private readonly native: NativeMethods
  private readonly traffic: Traffic | null
  private rule: string
  private peer = { address: '', port: 0 }

  /** @param owner the program's handle, which gets what comes back. */
  constructor(natives: Natives, owner: NativeUdp, family: 4 | 6, rule: string, traffic: Traffic | null) {
    const native = new natives.UDP() as NativeMethods
    udpState.decide(native, null)
    this.native = native
    this.family = family
    this.rule = rule
    this.traffic = traffic
    native.onmessage = (octets, _handle, data, sender) => {
      const from = sender as { address: string; port: number } | undefined
      if (from !== undefined) this.count(from.address, from.port, 0, octets)
      owner.onmessage?.(octets, owner, data, sender)
    }
    if (family === 4) native.bind('0.0.0.0', 0, 0)
    else native.bind6('::', 0, 0)
  }

  /** The result of Node's own `send`. Without an address: to whom it is connected. */
  send(
    request: SendRequest,
    list: readonly Uint8Array[],
    count: number,
    callback: boolean,
    to: { address: string; port: number; rule: string } | null,
  ): number {
    const { native, peer } = this
    if (to !== null) this.rule = to.rule
    const where = to === null ? [] : [to.port, to.address]
    const sent =
      this.family === 4
        ? native.send(request, list, count, ...where, callback)
        : native.send6(request, list, count, ...where, callback)
    if (sent >= 0) {
      const { address, port } = to ?? peer
      this.count(
        address,
        port,
        list.slice(0, count).reduce((sum, { length }) => sum + length, 0),
        0,
      )
    }
    return sent
  }

  connect(address: string, port: number): number {
    const { native } = this
    const status = this.family === 4 ? native.connect(address, port) : native.connect6(address, port)
    this.connected = status === 0
    this.peer = { address, port }
    return status
  }

  disconnect(): number {
    this.connected = false
    return this.native.disconnect()
  }

  getsockname(name: SocketName): number {
    return this.native.getsockname(name)
  }

  getpeername(name: SocketName): number {
    return this.native.getpeername(name)
  }

  setOption(option: string, value: number): void {
    if (option === 'broadcast') this.native.setBroadcast(value)
    else if (option === 'ttl') this.native.setTTL(value)
  }

  /** Brings it in step with the program's handle. */
  follow(receiving: boolean, referenced: boolean): void {
    const { native } = this
    if (receiving) native.recvStart()
    else native.recvStop()
    if (referenced) native.ref()
    else native.unref()
  }

  close(): void {
    this.native.close()
  }

  private count(address: string, port: number, sent: number, received: number): void {
    this.traffic?.add(
      { direction: 'out', protocol: 'udp', address, port, network: 'host', rule: this.rule },
      sent,
      received,
    )
  }
}
