/**
 * Waiting without sleeping: the network has done its work when a conversation beside it is over.
 *
 * @module
 */
import type { Host } from '../lan/host.ts'
import type { Lan } from '../lan/lan.ts'
import { Service } from '../lan/service.ts'
import { PATIENCE_MS } from './lines.ts'

/** Conversations without a change, after which nothing is expected to change any more. */
const QUIET_ROUNDS = 30

/** A conversation from one host to the other, from its first segment to its end. */
export async function exchange(lan: Lan, service: Service, from: Host, size = 1000): Promise<void> {
  const talk = service.converse(from, { send: size }, { send: size })
  await lan.until(
    () => talk.isDone || (talk.client.error ?? talk.server?.error ?? null) !== null,
    PATIENCE_MS,
    () => `a conversation of ${size} octets each way: ${talk}`,
  )
  if (!talk.isDone) throw new Error(`a conversation of ${size} octets each way failed: ${talk}`)
}

/** Waits until a value stays what it is while other conversations come and go, and gives it. */
export async function settledValue(lan: Lan, from: Host, to: Host, value: () => number): Promise<number> {
  const beside = new Service(to)
  let last = value()
  for (let quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
    await exchange(lan, beside, from)
    if (value() !== last) quiet = -1
    last = value()
  }
  beside.close()
  return last
}
