/**
 * A stack in a process of its own behind the same contract. It serves any backend by its module; the death of the helper is ECONNRESET on its
 * sockets, ENETDOWN on the stack and one line on standard error, and the program goes on.
 *
 * @module
 */
import type { Capabilities, Stack, StackOptions } from '@ioth/core'
import { createShellStack, type ShellOptions, type ShellStack } from '@ioth/core/shell'
import { startHelper } from './helper-process.ts'
import { RemoteEngine } from './remote-engine.ts'

export interface RemoteStackOptions {
  /** The backend's name. */
  readonly backend: string
  /** Of the backend, as it is in the helper. */
  readonly capabilities: Capabilities
  /** File of the backend's built module: see {@link builtFile}. */
  readonly module: string
  /** The settings that its stack gets there. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Variables of the helper's environment, beside those of the program. */
  readonly variables?: Readonly<Record<string, string>>
  readonly stack: StackOptions
  /** A station beside each link, in the program: the stack in the helper must have none. */
  readonly station?: ShellOptions['station']
}

/** What a stack can do when it runs in a helper process. */
export function remoteCapabilities(capabilities: Capabilities): Capabilities {
  return Object.freeze({ ...capabilities, virtualTime: false, superSegments: false, teardown: 'full' })
}

/** @throws NetError as `Backend.createStack`; ENETDOWN when the helper died meanwhile. */
export async function createRemoteStack({
  backend,
  capabilities,
  module,
  settings,
  variables,
  stack,
  station,
}: RemoteStackOptions): Promise<Stack> {
  let engine: RemoteEngine | null = null
  return await createShellStack({
    backend,
    capabilities: remoteCapabilities(capabilities),
    stack,
    ...(station === undefined ? {} : { station }),
    engine: (shell: ShellStack) => {
      engine = new RemoteEngine(shell, startHelper(module, variables), stack.pool)
      return engine
    },
    begin: async () => await engine?.begin(settings, stack),
  })
}
