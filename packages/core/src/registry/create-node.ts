/**
 * Makes a stack from a configuration for a program that may start others on the same node. How they share it is `@ioth/vde`'s work, which
 * is found by name.
 *
 * @module
 */
import type { DeviceInfo } from '../config/device-info.ts'
import { normaliseConfig } from '../config/normalise.ts'
import type { StackConfig } from '../config/stack-config.ts'
import type { Stack } from '../contract/stack.ts'
import type { StackOverrides } from './create-stack.ts'
import { searchFolders } from './module-search.ts'
import { loadNetworks } from './open-network.ts'

/** A stack, and how processes and threads that are about to be started come to it. */
export interface NodeOfStack<Description, Passing> {
  readonly stack: Stack
  /** How sockets go from one process of the node to another. */
  readonly passing: Passing
  /** What one of them is told to join this node, or a new one beside it. @throws NetError ERR_IOTH_NOT_IMPLEMENTED where that cannot be. */
  readonly describe: (children: 'share' | 'new' | 'host') => Description
}

/** @throws NetError as `createStack`. */
export async function createNode<Description, Passing>(
  config: StackConfig | DeviceInfo | string,
  { from = searchFolders(), wrap }: Pick<StackOverrides, 'from' | 'wrap'> = {},
): Promise<NodeOfStack<Description, Passing>> {
  const networks = await loadNetworks(from)
  const options = { from, ...(wrap === undefined ? {} : { wrap }) }
  return (await networks.createNode(normaliseConfig(config), options)) as NodeOfStack<Description, Passing>
}
