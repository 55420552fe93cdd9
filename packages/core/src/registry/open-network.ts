/**
 * Opens a network outside the program through `@ioth/vde`, which is found by name: core depends on nothing, and a program whose stacks
 * share a link at hand needs no networks.
 *
 * @module
 */
import type { StackConfig } from '../config/stack-config.ts'
import type { FramePool } from '../contract/frame.ts'
import type { Link } from '../contract/link.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import { NetError } from '../errors/net-error.ts'
import type { SearchOptions } from './load-backend.ts'
import { importFile, resolvePackage, searchFolders } from './module-search.ts'

const PACKAGE = '@ioth/vde'

/** What is used of `@ioth/vde`. */
interface Networks {
  openVnl(vnl: string, options: { scheduler: Scheduler; pool: FramePool; mtu?: number; name?: string }): Promise<Link>
  parseVnl(vnl: string): { readonly module: string; readonly address: string }
  openDefaultNetwork(options: { dir: string }): Promise<unknown>
  createNode(config: StackConfig, options: object): Promise<unknown>
}

/**
 * @param vnl null: the user's default network.
 * @throws NetError ERR_IOTH_NETWORK
 */
export async function openNetwork(
  vnl: string | null,
  { create = false, mtu, name }: StackConfig,
  shared: { readonly scheduler: Scheduler; readonly pool: FramePool },
  search: SearchOptions,
): Promise<Link> {
  const networks = await loadNetworks(search.from ?? searchFolders())
  if (create && vnl !== null) {
    const { module, address } = networks.parseVnl(vnl)
    if (module === 'vde') await networks.openDefaultNetwork({ dir: address })
  }
  return await networks.openVnl(vnl ?? '', {
    ...shared,
    ...(mtu === undefined ? {} : { mtu }),
    ...(name === undefined ? {} : { name }),
  })
}

/** @throws NetError ERR_IOTH_NETWORK when the package is not there. */
export async function loadNetworks(folders: readonly string[]): Promise<Networks> {
  for (const folder of folders) {
    const path = resolvePackage(PACKAGE, folder)
    if (path !== null) return (await importFile(path)) as unknown as Networks
  }
  throw new NetError('ERR_IOTH_NETWORK', 'network', {
    message: `joining a network needs the package ${PACKAGE}, which is not installed for ${folders.join(', ')}. Type: npm install ${PACKAGE}`,
  })
}
