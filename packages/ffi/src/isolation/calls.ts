/**
 * Calls over a channel, in both directions: a question, and later its answer. Errors keep their code and what they speak of.
 *
 * @module
 */
import { AbortError, CODES, type ErrorCode, NetError, type PingRefusal, parseIpAddress } from '@ioth/core'
import { type Channel, KIND } from './channel.ts'

/** An error as it travels. */
export interface WireError {
  readonly code: ErrorCode
  readonly syscall: string
  readonly message: string
  readonly address?: string
  readonly port?: number
  /** What a router said. */
  readonly refusal?: { readonly kind: PingRefusal['kind']; readonly from: string }
}

interface WireCall {
  readonly id: number
  readonly call?: string
  readonly args?: never[]
  /** Nobody waits for the answer to the call any more. */
  readonly abort?: true
  readonly value?: unknown
  readonly error?: WireError
}

/** Called with what was asked, and a signal for when nobody waits any more. */
type Handlers = Readonly<Record<string, (...args: never[]) => unknown>>

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

export class Calls {
  private readonly channel: Channel
  private readonly handlers: Handlers
  private readonly waiting = new Map<number, Waiting>()
  private readonly running = new Map<number, AbortController>()
  private last = 0
  private gone: NetError | null = null

  constructor(channel: Channel, handlers: Handlers) {
    this.channel = channel
    this.handlers = handlers
  }

  /** @throws NetError what the other side threw; ENETDOWN when it went away. */
  async call(name: string, ...args: readonly unknown[]): Promise<unknown> {
    return await this.ask(name, args).answer
  }

  /** As {@link call}, until a signal says that nobody waits any more. @throws NetError as `call`; AbortError. */
  async abortable(signal: AbortSignal | undefined, name: string, ...args: readonly unknown[]): Promise<unknown> {
    const { id, answer } = this.ask(name, args)
    const abort = (): void => {
      const waiting = this.waiting.get(id)
      if (waiting === undefined) return
      this.waiting.delete(id)
      this.channel.json(KIND.call, { id, abort: true })
      waiting.reject(new AbortError(signal?.reason))
    }
    signal?.addEventListener('abort', abort)
    try {
      return await answer
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  private ask(name: string, args: readonly unknown[]): { readonly id: number; readonly answer: Promise<unknown> } {
    const id = ++this.last
    if (this.gone !== null) return { id, answer: Promise.reject(this.gone) }
    this.channel.json(KIND.call, { id, call: name, args })
    return { id, answer: new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject })) }
  }

  /** A message of the kinds `call` and `reply`. */
  handle(kind: number, body: Uint8Array): void {
    const message = JSON.parse(new TextDecoder().decode(body)) as WireCall
    if (kind === KIND.call) {
      if (message.abort === true) this.running.get(message.id)?.abort()
      else void this.answer(message.id, message.call as string, message.args ?? [])
      return
    }
    const waiting = this.waiting.get(message.id)
    this.waiting.delete(message.id)
    if (message.error === undefined) waiting?.resolve(message.value)
    else waiting?.reject(fromWire(message.error))
  }

  /** The other side is gone: what is under way fails, and so does what is asked from now on. */
  failAll(error: NetError): void {
    this.gone ??= error
    for (const { reject } of this.waiting.values()) reject(error)
    this.waiting.clear()
  }

  private async answer(id: number, name: string, args: never[]): Promise<void> {
    const running = new AbortController()
    this.running.set(id, running)
    try {
      const value = await this.handlers[name]?.(...args, running.signal as never)
      this.channel.json(KIND.reply, { id, value })
    } catch (error) {
      this.channel.json(KIND.reply, { id, error: toWire(error) })
    } finally {
      this.running.delete(id)
    }
  }
}

export function toWire(error: unknown): WireError {
  const { code, syscall = 'backend', message, address, port, cause } = error as Partial<NetError> & Error
  const { kind, from } = (cause ?? {}) as Partial<PingRefusal>
  return {
    // An error of the loader's, or of nobody's.
    code: code !== undefined && Object.hasOwn(CODES, code) ? code : 'ERR_IOTH_BACKEND_UNUSABLE',
    syscall,
    message,
    ...(address === undefined ? {} : { address }),
    ...(port === undefined ? {} : { port }),
    ...(kind === undefined || from === undefined ? {} : { refusal: { kind, from: from.toString() } }),
  }
}

export function fromWire({ code, syscall, refusal, ...rest }: WireError): NetError {
  if (refusal === undefined) return new NetError(code, syscall, rest)
  const cause: PingRefusal = { kind: refusal.kind, from: parseIpAddress(refusal.from) }
  return new NetError(code, syscall, { ...rest, cause })
}
