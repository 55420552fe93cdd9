/**
 * Options of a TCP socket, kept here because the library does not tell them.
 *
 * @module
 */
import type { Limits, OptionName } from '@ioth/core'
import {
  OPTION_KEEP_COUNT,
  OPTION_KEEP_IDLE,
  OPTION_KEEP_INTERVAL,
  OPTION_NO_DELAY,
  OPTION_RECEIVE_BUFFER,
  OPTION_SEND_BUFFER,
  type Pico,
  type Pointer,
} from '../bindings.ts'
import { checkRange, notImplemented, optionValue } from './endpoint.ts'

const SMALLEST_BUFFER = 2048
const MOST_FORETASTE = 4096
const LONGEST_KEEP_ALIVE_S = 32767
const LONGEST_USER_TIMEOUT_MS = 0x3fffffff
/** Between probes, and how many; as Linux has them. */
const KEEP_INTERVAL_MS = 75_000
const KEEP_COUNT = 9

export class StreamOptions {
  noDelay = 0
  keepAlive = 0
  keepAliveDelay = 7200
  sendBuffer: number
  receiveBuffer: number
  userTimeout = 0

  constructor(sendBuffer: number, receiveBuffer: number) {
    this.sendBuffer = sendBuffer
    this.receiveBuffer = receiveBuffer
  }

  /** What is taken from the library ahead of the program; the rest of the buffer is the library's. */
  get foretaste(): number {
    return Math.min(MOST_FORETASTE, this.receiveBuffer >> 2)
  }

  get libraryBuffer(): number {
    return this.receiveBuffer - this.foretaste
  }

  copy(): StreamOptions {
    return Object.assign(new StreamOptions(this.sendBuffer, this.receiveBuffer), this)
  }

  /** @throws NetError ERR_IOTH_NOT_IMPLEMENTED, EINVAL. */
  set(name: OptionName, value: number, limits: Limits): void {
    if (name === 'noDelay') this.noDelay = checkRange(name, value, 0, 1)
    else if (name === 'keepAlive') this.keepAlive = checkRange(name, value, 0, 1)
    else if (name === 'keepAliveDelay') this.keepAliveDelay = checkRange(name, value, 1, LONGEST_KEEP_ALIVE_S)
    else if (name === 'userTimeout') this.userTimeout = checkRange(name, value, 0, LONGEST_USER_TIMEOUT_MS)
    else if (name === 'sendBuffer') this.sendBuffer = bufferSize(name, value, limits.sendBuffer)
    else if (name === 'receiveBuffer') this.receiveBuffer = bufferSize(name, value, limits.receiveBuffer)
    else throw notImplemented(`the option ${name} on a TCP socket`)
  }

  /** @throws NetError ERR_IOTH_NOT_IMPLEMENTED. */
  get(name: OptionName): number {
    const value = (this as Readonly<Record<string, unknown>>)[name]
    if (typeof value !== 'number') throw notImplemented(`the option ${name} on a TCP socket`)
    return value
  }

  /** Tells them to a socket of the library. */
  apply(pico: Pico, socket: Pointer): void {
    const set = (option: number, value: number): void => void pico.setOption(socket, option, optionValue(value))
    set(OPTION_SEND_BUFFER, this.sendBuffer)
    set(OPTION_RECEIVE_BUFFER, this.libraryBuffer)
    // Small octets wait here (see `outbox.ts`): the library sends what it held for one reason or another.
    set(OPTION_NO_DELAY, 1)
    if (this.keepAlive === 0) return
    set(OPTION_KEEP_INTERVAL, KEEP_INTERVAL_MS)
    set(OPTION_KEEP_COUNT, KEEP_COUNT)
    set(OPTION_KEEP_IDLE, this.keepAliveDelay * 1000)
  }
}

function bufferSize(name: OptionName, value: number, most: number): number {
  return Math.min(checkRange(name, value, SMALLEST_BUFFER, 0x3fffffff), most)
}
