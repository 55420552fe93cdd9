/**
 * Ping, by the library.
 *
 * @module
 */
import { AbortError, type IpAddress, NetError, type PingOptions, type PingReply, type Scheduler } from '@ioth/core'
import type { Callbacks } from '@ioth/ffi'
import { PING_TYPE, type Pico, type Pointer, readPingStatistics } from './bindings.ts'

const MOST = 1400
const DEFAULT_SIZE = 56
const DEFAULT_TIMEOUT_MS = 1000

interface Question {
  readonly family: 4 | 6
  readonly id: number
  answered(outcome: number, ttl: number): void
}

/** Questions that are out. The library tells answers by a callback without saying to which question; each has one of its own. */
export class Pings {
  private readonly pico: Pico
  private readonly callbacks: Callbacks
  private readonly scheduler: Scheduler
  private readonly touch: () => void
  private readonly open = new Set<Question>()
  /** Callbacks that no question uses now, by family. */
  private readonly idle: Record<4 | 6, Slot[]> = { 4: [], 6: [] }

  constructor(pico: Pico, callbacks: Callbacks, scheduler: Scheduler, touch: () => void) {
    this.pico = pico
    this.callbacks = callbacks
    this.scheduler = scheduler
    this.touch = touch
  }

  /** @throws NetError ETIMEDOUT, EHOSTUNREACH, EMSGSIZE, ERR_IOTH_NOT_IMPLEMENTED (a time to live); AbortError. */
  async ask(to: IpAddress, device: Pointer, options: PingOptions): Promise<PingReply> {
    const { size = DEFAULT_SIZE, timeoutMs = DEFAULT_TIMEOUT_MS, ttl, signal } = options
    if (ttl !== undefined) {
      throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'ping', {
        message: 'the stack "picotcp" does not implement a time to live of pings',
      })
    }
    if (!(Number.isInteger(size) && size >= 0 && size <= MOST)) {
      throw new NetError('EMSGSIZE', 'ping', {
        message: `a ping of the stack "picotcp" carries 0 to ${MOST} octets, not ${size}`,
      })
    }
    if (signal?.aborted) throw new AbortError(signal.reason)
    const { family } = to
    const { clock } = this.scheduler
    const slot = this.idle[family].pop() ?? this.slot(family)
    const since = clock.now
    const where = { address: to.toString() }
    return await new Promise<PingReply>((resolve, reject) => {
      const end = (): void => {
        this.open.delete(question)
        slot.question = null
        this.idle[family].push(slot)
        signal?.removeEventListener('abort', abort)
      }
      const abort = (): void => {
        this.pico.abortPing(family, question.id)
        end()
        reject(new AbortError(signal?.reason))
      }
      const answered = (outcome: number, replyTtl: number): void => {
        end()
        if (outcome === 0) resolve({ microseconds: Math.max(1, clock.now - since), ttl: replyTtl, size, from: to })
        else
          reject(new NetError(outcome === 2 ? 'EHOSTUNREACH' : outcome === 3 ? 'ENETDOWN' : 'ETIMEDOUT', 'ping', where))
      }
      const id = this.pico.ping(family, to.withScope(0).toString(), timeoutMs, size, slot.pointer, device)
      const question: Question = { family, id, answered }
      if (id < 0) {
        this.idle[family].push(slot)
        reject(new NetError('EHOSTUNREACH', 'ping', where))
        return
      }
      slot.question = question
      this.open.add(question)
      signal?.addEventListener('abort', abort, { once: true })
      this.touch()
    })
  }

  /** The stack closes. */
  clear(): void {
    for (const question of [...this.open]) question.answered(3, 0)
  }

  private slot(family: 4 | 6): Slot {
    const slot: Slot = { pointer: 0n, question: null }
    slot.pointer = this.callbacks.add(
      PING_TYPE,
      (statistics: Pointer) => {
        const { outcome, ttl } = readPingStatistics(family, statistics)
        slot.question?.answered(outcome, ttl)
      },
      undefined,
    )
    return slot
  }
}

interface Slot {
  pointer: Pointer
  question: Question | null
}
