/**
 * This backend's own settings.
 *
 * @module
 */
import type { IsolatedSettings } from '@ioth/ffi'

/** Settings of a stack, as `StackOptions.settings`. */
export interface LwipSettings extends IsolatedSettings {
  /** The library's file. @default `IOTH_LWIPV6_LIB`, else the loader's search */
  readonly library?: string
}
