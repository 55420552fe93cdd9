/**
 * Starts switches. The switch itself is loaded with the first one, and with it what calls C: most programs only join a network, and start
 * sooner without.
 *
 * @module
 */
import { hasCode, type NetError } from '@ioth/core'
import type { Switch, SwitchOptions } from './switch.ts'

/**
 * Starts a switch in this process.
 * @throws NetError EADDRINUSE when there is one in the directory already; ERR_IOTH_NETWORK when the directory will not do; EINVAL.
 */
export async function createSwitch(options: SwitchOptions): Promise<Switch> {
  const { startSwitch } = await import('./switch.ts')
  return startSwitch(options)
}

/** Whether an error of {@link createSwitch} says that another switch is there already. */
export function isTaken(error: unknown): error is NetError {
  return hasCode(error, 'EADDRINUSE')
}
