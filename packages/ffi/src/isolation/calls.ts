/**
 * Calls over a channel, in both directions: a question, and later its answer. Errors keep their code and what they speak of.
 *
 * @module
 */
import { CODES, type ErrorCode, NetError } from '@ioth/core'
import { type Channel, KIND } from './channel.ts'

/** An error as it travels. */
export interface WireError {
  readonly code: ErrorCode
  readonly syscall: string
  readonly message: string
  readonly address?: string
  readonly port?: number
}

type Handlers = Readonly<Record<string, (...args: never[]) => unknown>>

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

export class Calls {
  private readonly channel: Channel
  private readonly handlers: Handlers
  private readonly waiting = new Map<number, Waiting>()
  private last = 0

  constructor(channel: Channel, handlers: Handlers) {
    this.channel = channel
    this.handlers = handlers
  }

  /** @throws NetError what the other side threw; ENETDOWN when it went away. */
  call(name: string, ...args: readonly unknown[]): Promise<unknown> {
    const id = ++this.last
    this.channel.json(KIND.call, { id, call: name, args })
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }))
  }

  /** A message of the kinds `call` and `reply`. */
  handle(kind: number, body: Uint8Array): void {
    const message = JSON.parse(new TextDecoder().decode(body)) as {
      id: number
      call?: string
      args?: never[]
      value?: unknown
      error?: WireError
    }
    if (kind === KIND.call) {
      void this.answer(message.id, message.call as string, message.args ?? [])
      return
    }
    const waiting = this.waiting.get(message.id)
    this.waiting.delete(message.id)
    if (message.error === undefined) waiting?.resolve(message.value)
    else waiting?.reject(fromWire(message.error))
  }

  /** The other side is gone. */
  failAll(error: NetError): void {
    for (const { reject } of this.waiting.values()) reject(error)
    this.waiting.clear()
  }

  private async answer(id: number, name: string, args: never[]): Promise<void> {
    try {
      const value = await this.handlers[name]?.(...args)
      this.channel.json(KIND.reply, { id, value })
    } catch (error) {
      this.channel.json(KIND.reply, { id, error: toWire(error) })
    }
  }
}

export function toWire(error: unknown): WireError {
  const { code, syscall = 'backend', message, address, port } = error as Partial<NetError> & Error
  return {
    // An error of the loader's, or of nobody's.
    code: code !== undefined && Object.hasOwn(CODES, code) ? code : 'ERR_IOTH_BACKEND_UNUSABLE',
    syscall,
    message,
    ...(address === undefined ? {} : { address }),
    ...(port === undefined ? {} : { port }),
  }
}

export function fromWire({ code, syscall, ...rest }: WireError): NetError {
  return new NetError(code, syscall, rest)
}
