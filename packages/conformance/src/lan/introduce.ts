/**
 * Lets hosts know each other.
 *
 * @module
 */
import type { Host } from './host.ts'
import type { Lan } from './lan.ts'
import { Service } from './service.ts'

/** Two hosts learn each other's MAC, so that a fault that follows meets TCP and not ARP. */
export async function introduce(lan: Lan, a: Host, b: Host): Promise<void> {
  const service = new Service(b)
  const talk = service.converse(a, { send: 1 }, { send: 1 })
  await lan.until(
    () => talk.isDone,
    10_000,
    () => `${talk}`,
  )
  service.close()
}
