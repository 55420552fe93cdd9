/**
 * The modules `hub://NAME` and `switch://NAME`: a hub or learning switch within this thread, made by the first who opens it and gone with
 * the last. With a path for a name, `hub:///tmp/h`, processes share it: the first who opens it is its switch, and it ends with that one.
 *
 * @module
 */
import {
  createHub,
  createSwitch as createThreadSwitch,
  type FramePool,
  FULL_OFFLOAD,
  type Hub,
  type Link,
  type Scheduler,
} from '@ioth/core'
import { openStreamPlug, type StreamPlugOptions } from '../plug/stream-plug.ts'
import { createSwitch, isTaken } from '../switch/create-switch.ts'
import type { Switch } from '../switch/switch.ts'
import { isCode, networkError } from './switch-directory.ts'

interface Shared {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly mtu: number
}

type Kind = 'hub' | 'switch'

// What a locator names is found again by its name: the one place in a thread where they are kept.
const found = new Map<string, Shared & { readonly hub: Pick<Hub, 'port' | 'ports'> }>()

/** @throws NetError ERR_IOTH_NETWORK when the other ports have another scheduler, pool or MTU; when the path will not do. */
export async function openHub(kind: Kind, address: string, name: string, setup: StreamPlugOptions): Promise<Link> {
  return address.includes('/')
    ? await openBetweenProcesses(kind, address, name, setup)
    : openInThread(kind, address, name, setup)
}

function openInThread(kind: Kind, address: string, name: string, { scheduler, pool, mtu }: Shared): Link {
  const key = `${kind}://${address}`
  let shared = found.get(key)
  if (shared === undefined || shared.hub.ports.length === 0) {
    const create = kind === 'hub' ? createHub : createThreadSwitch
    shared = { scheduler, pool, mtu, hub: create({ scheduler, pool, mtu, offload: FULL_OFFLOAD }) }
    found.set(key, shared)
  }
  if (shared.scheduler !== scheduler || shared.pool !== pool || shared.mtu !== mtu) {
    throw networkError(
      `${name}: all on a ${kind} share a scheduler, a frame pool and an MTU. Choose another name: ${kind}://NAME`,
    )
  }
  return shared.hub.port(name)
}

async function openBetweenProcesses(kind: Kind, dir: string, name: string, setup: StreamPlugOptions): Promise<Link> {
  const { scheduler, pool } = setup
  let own: Switch | null = null
  try {
    own = await createSwitch({ dir, hub: kind === 'hub', scheduler, pool })
    own.unref()
  } catch (error) {
    if (!isTaken(error) && !isCode(error, 'EADDRINUSE')) throw error
  }
  const plug = await openStreamPlug(dir, name, setup)
  if (own === null) return plug
  const close = plug.close.bind(plug)
  const made = own
  plug.close = async () => {
    await close()
    await made.close()
  }
  return plug
}
