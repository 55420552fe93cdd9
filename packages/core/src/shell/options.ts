/**
 * Socket options of a shell: what values each takes, what the shell does itself, and what the engine has to know.
 *
 * @module
 */
import type { OptionName } from '../contract/socket.ts'
import { NetError } from '../errors/net-error.ts'
import type { EngineOptions } from './engine.ts'

const RANGES: Readonly<Record<OptionName, readonly [least: number, most: number]>> = {
  noDelay: [0, 1],
  keepAlive: [0, 1],
  keepAliveDelay: [1, 32767],
  sendBuffer: [1024, 0x3fffffff],
  receiveBuffer: [1024, 0x3fffffff],
  ttl: [1, 255],
  broadcast: [0, 1],
  multicastTtl: [0, 255],
  multicastLoop: [0, 1],
  multicastInterface: [0, 0x7fffffff],
  userTimeout: [0, 0x3fffffff],
  trafficClass: [0, 255],
}

/** The options of one socket. */
export class SocketOptions {
  private readonly values: Partial<Record<OptionName, number>>
  private readonly what: string

  /** @param what the backend and the kind of socket, for messages. */
  constructor(known: EngineOptions, what: string) {
    this.values = { ...known }
    this.what = what
  }

  /** Keeps a value that is allowed. @throws NetError ERR_IOTH_NOT_IMPLEMENTED, EINVAL. */
  set(name: OptionName, value: number): void {
    this.check(name)
    const [least, most] = RANGES[name]
    if (!Number.isInteger(value) || value < least || value > most) {
      const message = `setsockopt EINVAL: ${name} is a whole number from ${least} to ${most}, not ${value}`
      throw new NetError('EINVAL', 'setsockopt', { message })
    }
    this.values[name] = value
  }

  /** @throws NetError ERR_IOTH_NOT_IMPLEMENTED */
  get(name: OptionName): number {
    this.check(name)
    return this.values[name] as number
  }

  /** All that are set. */
  get all(): EngineOptions {
    return this.values
  }

  private check(name: OptionName): void {
    if (this.values[name] !== undefined) return
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', name, { message: `${this.what} has no option ${name}` })
  }
}
