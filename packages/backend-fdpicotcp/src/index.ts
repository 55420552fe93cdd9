/**
 * `@ioth/backend-fdpicotcp`: fd_picoTCP behind the ioth contract.
 *
 * @module
 */
export { backend, createStack, type FdPicoStackOptions } from './backend.ts'
export { CAPABILITIES } from './limits.ts'
export type { FdPicoSettings } from './settings.ts'
