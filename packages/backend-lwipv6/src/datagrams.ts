/**
 * A UDP socket of the library. It is read whenever there is something, and what its program does not take is dropped here: a mailbox of the
 * library that is full would stop all of it.
 *
 * @module
 */
import { type IpAddress, NetError, type OptionName } from '@ioth/core'
import type { UdpLine, UdpUser } from '@ioth/core/shell'
import { lastErrno } from '@ioth/ffi'
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
  private readonly family: 4 | 6
  private readonly local: IpAddress

  constructor(engine: LwipEngine, user: UdpUser, fd: number, family: 4 | 6, local: IpAddress) {
    this.engine = engine
    this.user = user
    this.fd = fd
    this.family = family
    this.local = local
    engine.readiness.add(this)
  }

  send(from: Uint8Array, offset: number, length: number, to: IpAddress, port: number): boolean {
    const name = sockaddrFor(this.family, to, port)
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

  /** The shell drops what others send: the library would take the datagrams of a fixed peer from its port only, too, but tells no error. */
  fix(): void {}

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
    this.engine.closeSocket(this.fd)
  }
}

function notImplemented(what: string): NetError {
  return new NetError('ERR_IOTH_NOT_IMPLEMENTED', what, { message: `the stack "lwipv6" does not implement ${what}` })
}
