/**
 * The backend `ts`.
 *
 * @module
 */
import { type Backend, furnish, type Probe, type Stack, type StackOptions } from '@ioth/core'
import { CAPABILITIES } from './capabilities.ts'
import type { TsSettings } from './settings.ts'
import { TsStack } from './stack.ts'

/** Options of {@link createStack}: the contract's, with this backend's settings. */
export interface TsStackOptions extends Omit<StackOptions, 'settings'> {
  readonly settings?: TsSettings
}

/**
 * Makes a stack; settles when its addresses are usable.
 * @throws NetError EADDRINUSE, with the hardware address of who has it; EINVAL; ENETUNREACH for a gateway outside of every network.
 */
export async function createStack(options: TsStackOptions): Promise<Stack> {
  return await furnish(new TsStack(options as StackOptions), options)
}

export const backend: Backend = Object.freeze({
  name: 'ts',
  license: 'MIT',
  capabilities: CAPABILITIES,
  probe: (): Promise<Probe> => Promise.resolve({ usable: true, tried: [] }),
  createStack: (options: StackOptions) => createStack(options as TsStackOptions),
})
