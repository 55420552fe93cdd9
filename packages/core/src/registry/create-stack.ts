/**
 * Makes a stack from a configuration: loads the backend, joins the network, hands in what all stacks of the thread share.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import type { DeviceInfo } from '../config/device-info.ts'
import { networkOf } from '../config/network.ts'
import { normaliseConfig } from '../config/normalise.ts'
import type { CanonicalConfig, StackConfig } from '../config/stack-config.ts'
import type { Limits } from '../contract/capabilities.ts'
import type { FramePool } from '../contract/frame.ts'
import type { Link } from '../contract/link.ts'
import type { PortTable } from '../contract/ports.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import type { Backend, InterfaceOptions, Stack, StackEvent, StackOptions } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'
import type { TraceListener } from '../links/trace.ts'
import { createPortTable } from '../ports/port-table.ts'
import { defaultPool, defaultScheduler } from '../time/defaults.ts'
import { findBackends } from './find-backends.ts'
import { introducingPorts } from './introducing-ports.ts'
import { loadBackend, type SearchOptions } from './load-backend.ts'
import { openNetwork } from './open-network.ts'
import { shownLink } from './shown-link.ts'

/** What a configuration cannot say in words. */
export interface StackOverrides extends SearchOptions {
  /** A backend at hand; the configuration's `stack` is not looked at. */
  readonly backend?: Backend
  /** An open link to plug into; the configuration's network is not looked at. It belongs to the stack from now on. */
  readonly link?: Link
  /** What stands between the stack and the network that is opened: a capture, an impairment. */
  readonly wrap?: (link: Link, shared: { readonly scheduler: Scheduler; readonly pool: FramePool }) => Link
  /** @default the thread's own */
  readonly scheduler?: Scheduler
  /** @default the thread's own */
  readonly pool?: FramePool
  /** @default a table of the stack's own */
  readonly ports?: PortTable
  readonly limits?: Partial<Limits>
  /**
   * Shown every frame between the stack and its network, both ways, from the link header on, in memory of its own. What it throws is
   * uncaught. @throws NetError ERR_IOTH_NOT_IMPLEMENTED from a backend that opens networks itself.
   */
  readonly onFrame?: TraceListener
  /** Told what happens to the stack by itself; see {@link StackOptions.onEvent}. */
  readonly onEvent?: (event: StackEvent) => void
}

/**
 * Makes a stack with one interface.
 *
 * ```ts
 * await using stack = await createStack({ vnl: '/tmp/vde.ctl', addresses: ['10.0.0.1/24'] })
 * await using same = await createStack('vnl=/tmp/vde.ctl,ip=10.0.0.1/24')
 * ```
 * @throws NetError ERR_IOTH_CONFIG; ERR_IOTH_BACKEND_NOT_FOUND, ERR_IOTH_BACKEND_UNUSABLE; ERR_IOTH_NETWORK; EADDRINUSE when someone on
 * the network has an address.
 */
export async function createStack(
  config: StackConfig | DeviceInfo | string = {},
  overrides: StackOverrides = {},
): Promise<Stack> {
  const canonical = normaliseConfig(config)
  const backend = overrides.backend ?? (await loadBackend(canonical.stack, overrides))
  await assertUsable(backend, overrides)
  const { scheduler = defaultScheduler(), pool = defaultPool() } = overrides
  const network = networkOf(canonical, existsSync)
  if (overrides.link === undefined && backend.capabilities.links === 'vnl') {
    if (overrides.onFrame !== undefined) throw notShown(backend)
    const link = { vnl: network ?? '' }
    return await backend.createStack(stackOptions(canonical, link, scheduler, pool, overrides))
  }
  const { onFrame } = overrides
  const shown = (link: Link): Link => (onFrame === undefined ? link : shownLink(link, onFrame, scheduler.clock))
  const plugIn = (plug: Link): Promise<Stack> => {
    const ports = introduced(plug, backend, scheduler, overrides)
    return backend.createStack(stackOptions(canonical, plug, scheduler, pool, { ...overrides, ...ports }))
  }
  if (overrides.link !== undefined) {
    return await plugIn(shown(overrides.link))
  }
  const link = await openNetwork(network, canonical, { scheduler, pool }, overrides)
  try {
    const wrapped = overrides.wrap?.(link, { scheduler, pool }) ?? link
    return await plugIn(shown(wrapped))
  } catch (error) {
    await link.close()
    throw error
  }
}

/** Where the network wants to know who is there, the port table tells it. */
function introduced(
  link: Link,
  { name }: Backend,
  scheduler: Scheduler,
  { ports }: StackOverrides,
): { readonly ports?: PortTable } {
  if (link.introduce === undefined) return {}
  return { ports: introducingPorts(ports ?? createPortTable(scheduler.random), link, name, scheduler) }
}

function notShown({ name }: Backend): NetError {
  const message = `the backend "${name}" opens networks itself: onFrame cannot see its frames`
  return new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'onFrame', { message })
}

async function assertUsable(backend: Backend, search: SearchOptions): Promise<void> {
  const { usable, reason, tried, next } = await backend.probe()
  if (usable) return
  const others = (await findBackends(search)).filter(({ probe }) => probe.usable).map(({ name }) => name)
  const looked = tried.length === 0 ? '' : ` Tried ${tried.join(', ')}.`
  throw new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'backend', {
    message: `the backend "${backend.name}" cannot be used here: ${reason ?? 'it does not say why'}.${looked}${next === undefined ? '' : ` ${next}.`} Those that can: ${others.join(', ') || 'none'}`,
  })
}

function stackOptions(
  { device, addresses, mac, dhcp, slaac, name, gateways, nameServers, searchDomains, settings }: CanonicalConfig,
  link: InterfaceOptions['link'],
  scheduler: Scheduler,
  pool: FramePool,
  { ports, limits, onEvent }: StackOverrides,
): StackOptions {
  const plug: InterfaceOptions = {
    link,
    addresses,
    dhcp,
    slaac,
    ...(device === undefined ? {} : { name: device }),
    ...(mac === undefined ? {} : { mac }),
  }
  return {
    scheduler,
    pool,
    interfaces: [plug],
    gateways,
    nameServers,
    searchDomains,
    settings,
    ...(name === undefined ? {} : { name }),
    ...(ports === undefined ? {} : { ports }),
    ...(limits === undefined ? {} : { limits }),
    ...(onEvent === undefined ? {} : { onEvent }),
  }
}
