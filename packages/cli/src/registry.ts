/**
 * Stacks and backends by name, as core's registry has them, found among this package's own dependencies too: whoever installs `ioth` has
 * the stack `ts` and the networks without naming them.
 *
 * @module
 */
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Backend, DeviceInfo, Stack, StackConfig } from '@ioth/core'
import * as registry from '@ioth/core/registry'

/** The program's folder, the working directory, then ours. */
function folders(): string[] {
  return registry.searchFolders(dirname(fileURLToPath(import.meta.url)))
}

/**
 * Makes a stack with one interface from a configuration: an object, a string, or a {@link DeviceInfo}.
 *
 * ```ts
 * await using stack = await createStack({ vnl: '/tmp/lan', addresses: ['10.0.0.1/24'] })
 * await using same = await createStack('vnl=/tmp/lan,ip=10.0.0.1/24')
 * ```
 * @throws NetError ERR_IOTH_CONFIG; ERR_IOTH_BACKEND_NOT_FOUND, ERR_IOTH_BACKEND_UNUSABLE; ERR_IOTH_NETWORK; EADDRINUSE when someone on
 * the network has an address.
 */
export function createStack(
  config: StackConfig | DeviceInfo | string = {},
  overrides: registry.StackOverrides = {},
): Promise<Stack> {
  return registry.createStack(config, { from: folders(), ...overrides })
}

/** Loads a backend by name, package or path. @throws NetError ERR_IOTH_BACKEND_NOT_FOUND, ERR_IOTH_BACKEND_UNUSABLE. */
export function loadBackend(name: string, options: registry.SearchOptions = {}): Promise<Backend> {
  return registry.loadBackend(name, { from: folders(), ...options })
}

/** The backends there are, each asked whether it can be used here. Never throws. */
export function findBackends(options: registry.SearchOptions = {}): Promise<registry.FoundBackend[]> {
  return registry.findBackends({ from: folders(), ...options })
}
