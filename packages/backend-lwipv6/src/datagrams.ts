/**
 * A UDP socket of the library. It is read whenever there is something, and what its program does not take is dropped here: a mailbox of the
 * library that is full would stop all of it.
 *
 * @module
 */
import { type ErrorCode, type IpAddress, NetError, type OptionName } from '@ioth/core'
import type { UdpLine, UdpUser } from '@ioth/core/shell'
import { lastErrno, type PacketView } from '@ioth/ffi'
import { SockaddrBuffer, sockaddrFor } from './addresses.ts'
import type { LwipEngine } from './engine.ts'
import { datagramError } from './errno.ts'
import type { Watched } from './readiness.ts'

const MSG_DONTWAIT = 0x40
/** Datagrams in one go. */
const ROUND = 64

const scratch = new Uint8Array(65_536)
const sender = new SockaddrBuffer()

export class Datagrams implements UdpLine, Watched {
  readonly fd: number
  isPaused = false
  readonly isBlocked = false
  private readonly engine: LwipEngine
  private readonly user: UdpUser
  private readonly local: IpAddress
  private readonly port: number
  /** The peer that the program fixed. */
  private remote: IpAddress | null = null
  private remotePort = 0

  constructor(engine: LwipEngine, user: UdpUser, fd: number, local: IpAddress, port: number) {
    this.engine = engine
    this.user = user
    this.fd = fd
    this.local = local
    this.port = port
    engine.readiness.add(this)
  }

  send(from: Uint8Array, offset: number, length: number, to: IpAddress, port: number): boolean {
    const name = sockaddrFor(this.local.family, to, port)
    const octets = from.subarray(offset, offset + length)
    // C wants an address, also of nothing.
    const sent = this.engine.lwip.sendto(this.fd, length === 0 ? scratch : octets, length, 0, name, name.length)
    if (sent < 0) this.user.failed(datagramError(lastErrno()))
    return true
  }

  readable(): void {
    const { engine, fd, user, local } = this
    for (let round = 0; round < ROUND; round++) {
      const { octets, length } = sender.clear()
      const count = engine.lwip.recvfrom(fd, scratch, scratch.length, MSG_DONTWAIT, octets, length)
      if (count < 0 || sender.port === 0) return
      const to = local.isUnspecified ? undefined : local
      if (!user.datagram(scratch, 0, count, sender.address, sender.port, to)) engine.dropUdpFull++
    }
  }

  /** It never waits for it. */
  writable(): void {}

  /** The shell drops what others send, and errors are read beside the library, which tells none. */
  fix(remote: IpAddress | null, port: number): void {
    this.remote = remote
    this.remotePort = port
  }

  /** Whether it sent a packet, which an error of the network quotes, to its peer. */
  hasSent({ sourceAddress, sourcePort, destinationAddress, destinationPort }: PacketView): boolean {
    if (sourcePort !== this.port || destinationPort !== this.remotePort) return false
    if (this.remote?.equals(destinationAddress) !== true) return false
    return this.local.isUnspecified || this.local.equals(sourceAddress)
  }

  /** The network says that its datagrams do not get there. */
  reported(code: ErrorCode): void {
    if (this.engine.datagrams.has(this)) this.user.failed(code)
  }

  resume(): void {}

  join(): void {
    throw notImplemented('multicast')
  }

  leave(): void {
    throw notImplemented('multicast')
  }

  set(name: OptionName): void {
    throw notImplemented(name)
  }

  close(): void {
    this.engine.datagrams.delete(this)
    this.engine.closeSocket(this.fd)
  }
}

function notImplemented(what: string): NetError {
  return new NetError('ERR_IOTH_NOT_IMPLEMENTED', what, { message: `the stack "lwipv6" does not implement ${what}` })
}
