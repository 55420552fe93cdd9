/**
 * `@ioth/backend-picotcp`: picoTCP and picoTCP-NG as a stack of ioth, where the library is installed. The library is GPL: see the README.
 *
 * @module
 */
export { backend, backend as default, createStack, type PicoStackOptions } from './backend.ts'
export type { PicoSettings } from './settings.ts'
