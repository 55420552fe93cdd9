/**
 * The backend `lwipv6`.
 *
 * @module
 */
import type { Backend, Probe, Stack, StackOptions } from '@ioth/core'
import { createIsolatedStack, probeLibrary, remoteCapabilities } from '@ioth/ffi'
import { ALLOCATION, requireAllocation } from './allocation.ts'
import { ABI, lwip, REQUEST } from './bindings.ts'
import { LwipEngine } from './engine.ts'
import { CAPABILITIES } from './limits.ts'
import type { LwipSettings } from './settings.ts'

const NAME = 'lwipv6'
/** Connects at once: each holds a thread of the pool, of which a helper process has sixteen and a program of its own few. */
const DIALERS: number = Math.max(1, Number(process.env.UV_THREADPOOL_SIZE ?? 4) - 2)

/**
 * What the library does not get to see: it announces segments longer than a frame, its own fragments corrupt its heap, and its interfaces carry
 * 1500 octets (`vdeif.c`), whatever their link does.
 */
const STATION = { armour: { fragments: 'echo', clampMss: true, mtu: 1500 } } as const

/** Options of {@link createStack}: the contract's, with this backend's settings. */
export interface LwipStackOptions extends Omit<StackOptions, 'settings'> {
  readonly settings?: LwipSettings
}

/**
 * Makes a stack of LWIPv6.
 * @throws NetError ERR_IOTH_BACKEND_UNUSABLE without the library; EINVAL, also for `isolation: 'none'` where memory is not allocated as the
 * library needs it; EADDRINUSE; ENETUNREACH for a gateway outside of every network.
 */
export async function createStack(options: LwipStackOptions): Promise<Stack> {
  const { pool } = options
  return await createIsolatedStack({
    backend: NAME,
    capabilities: CAPABILITIES,
    moduleUrl: import.meta.url,
    variables: ALLOCATION,
    stack: options as StackOptions,
    station: STATION,
    engine: (shell, library) => {
      requireAllocation()
      return new LwipEngine({ pool, lwip: lwip(library), dialers: DIALERS }, shell)
    },
  })
}

async function probe(): Promise<Probe> {
  const found = probeLibrary(REQUEST)
  if (!found.usable) return found
  const version = lwip().version()
  if (version === ABI) {
    // It looks for it when its first interface is made.
    const plug = probeLibrary({ title: 'libvdeplug', names: ['libvdeplug.so'], install: 'apt install libvdeplug-dev' })
    if (plug.usable) return { ...found, version: '1.5a' }
    const reason = 'LWIPv6 needs libvdeplug.so, by that name, which is not here'
    return { usable: false, tried: [...found.tried, ...plug.tried], reason, next: 'apt install libvdeplug-dev' }
  }
  const reason = `LWIPv6: ${found.path} has the interface ${version}, and ${ABI} is known`
  return { usable: false, tried: found.tried, reason, next: REQUEST.install }
}

export const backend: Backend = Object.freeze({
  name: NAME,
  license: 'MIT AND GPL-2.0-or-later',
  capabilities: remoteCapabilities(CAPABILITIES),
  probe,
  createStack: (options: StackOptions) => createStack(options as LwipStackOptions),
})
