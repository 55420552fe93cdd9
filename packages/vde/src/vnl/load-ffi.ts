/**
 * What needs C is loaded when a locator asks for it.
 *
 * @module
 */
import { networkError } from './switch-directory.ts'

/** @param text the locator. @throws NetError ERR_IOTH_NETWORK when koffi is not there, with the command that gets it. */
export async function loadFfi(text: string): Promise<typeof import('@ioth/ffi')> {
  const ffi = await import('@ioth/ffi')
  try {
    ffi.koffi()
  } catch (error) {
    throw networkError(`"${text}": ${(error as Error).message}`, error)
  }
  return ffi
}

/** Why C cannot be called here; null: it can. */
export async function whyNoFfi(): Promise<string | null> {
  try {
    ;(await import('@ioth/ffi')).koffi()
    return null
  } catch (error) {
    return (error as Error).message
  }
}
