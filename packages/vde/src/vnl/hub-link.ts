/**
 * The module `hub://NAME`: a hub within this thread, made by the first who opens it and gone with the last.
 *
 * @module
 */
import { createHub, type FramePool, FULL_OFFLOAD, type Hub, type Link, type Scheduler } from '@ioth/core'
import { networkError } from './switch-directory.ts'

interface Shared {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly mtu: number
}

// What a locator names is found again by its name: the one place in a thread where hubs are kept.
const hubs = new Map<string, Shared & { readonly hub: Hub }>()

/** @throws NetError ERR_IOTH_NETWORK when the hub's other ports have another scheduler, pool or MTU. */
export function openHub(address: string, name: string, { scheduler, pool, mtu }: Shared): Link {
  let found = hubs.get(address)
  if (found === undefined || found.hub.ports.length === 0) {
    found = { scheduler, pool, mtu, hub: createHub({ scheduler, pool, mtu, offload: FULL_OFFLOAD }) }
    hubs.set(address, found)
  }
  if (found.scheduler !== scheduler || found.pool !== pool || found.mtu !== mtu) {
    throw networkError(
      `${name}: all on a hub share a scheduler, a frame pool and an MTU. Choose another name: hub://NAME`,
    )
  }
  return found.hub.port(name)
}
