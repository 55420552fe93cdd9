/**
 * Ports of the library that stand for others. The library does not tell the families apart where it looks for a listener or a datagram's
 * taker, and lets nobody listen on a port that old connections have. So what would share a port gets one of its own inside the library, and
 * the number on the wire is changed on the way. What the library sends to an address of its own goes without a frame: there the caller
 * asks for the port inside.
 *
 * @module
 */
import { NetError } from '@ioth/core'

/** Above the ephemeral ports of the port table. */
const FIRST = 61_000
const LAST = 65_535

interface Alias {
  readonly port: number
  /** Sockets and connections that use it. */
  users: number
}

/** Of one transport. */
export class PortAliases {
  private readonly aliases = new Map<number, Alias>()
  private readonly isUsed: (port: number) => boolean
  private next = FIRST

  /** @param isUsed whether the library has a port for itself. */
  constructor(isUsed: (port: number) => boolean) {
    this.isUsed = isUsed
  }

  /** A port of the library that stands for `port`, with one user. @throws NetError EADDRINUSE when there is none. */
  take(port: number): number {
    for (let tries = FIRST; tries <= LAST; tries++) {
      const alias = this.next
      this.next = alias === LAST ? FIRST : alias + 1
      if (this.aliases.has(alias) || this.isUsed(alias)) continue
      this.aliases.set(alias, { port, users: 1 })
      return alias
    }
    throw new NetError('EADDRINUSE', 'bind', { message: `no port of picoTCP is left to stand for port ${port}` })
  }

  /** The number on the wire. */
  real(port: number): number {
    return this.aliases.get(port)?.port ?? port
  }

  /** One more user, when it is an alias. */
  retain(port: number): void {
    const alias = this.aliases.get(port)
    if (alias !== undefined) alias.users++
  }

  release(port: number): void {
    const alias = this.aliases.get(port)
    if (alias !== undefined && --alias.users === 0) this.aliases.delete(port)
  }
}
