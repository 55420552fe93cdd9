/**
 * Stacks by configuration, for the command and for programs that import `ioth`: names of packages are also resolved from this package's
 * own folder, whose dependencies the program's folder need not see.
 *
 * @module
 */
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Backend, DeviceInfo, StackConfig } from '@ioth/core'
import * as registry from '@ioth/core/registry'
import { type NodeStack, nodeStack } from '@ioth/node'

/** Whose dependencies are looked at last. */
export const ownFolder: string = dirname(fileURLToPath(import.meta.url))

function withOwn<T extends registry.SearchOptions>(options: T): T {
  return options.from === undefined ? { ...options, from: registry.searchFolders(ownFolder) } : options
}

/** As `createStack` of `@ioth/core/registry`; the stack has a method `run`, whose argument runs with the stack as its network. */
export async function createStack(
  config: StackConfig | DeviceInfo | string = {},
  overrides: registry.StackOverrides = {},
): Promise<NodeStack> {
  return nodeStack(await registry.createStack(config, withOwn(overrides)))
}

/** As `loadBackend` of `@ioth/core/registry`. */
export function loadBackend(name: string, options: registry.SearchOptions = {}): Promise<Backend> {
  return registry.loadBackend(name, withOwn(options))
}

/** As `findBackends` of `@ioth/core/registry`. */
export function findBackends(options: registry.SearchOptions = {}): Promise<registry.FoundBackend[]> {
  return registry.findBackends(withOwn(options))
}
