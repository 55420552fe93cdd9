/**
 * `@ioth/backend-lwipv6`: LWIPv6 behind the ioth contract.
 *
 * @module
 */
export { backend, createStack, type LwipStackOptions } from './backend.ts'
export { CAPABILITIES } from './limits.ts'
export type { LwipSettings } from './settings.ts'
