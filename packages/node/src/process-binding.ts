/**
 * `process.binding` without its warning: it is deprecated on paper (DEP0111), and says so under `--pending-deprecation`.
 *
 * @module
 */

export type Binding = Record<string, unknown>

/** @throws Error ERR_ACCESS_DENIED under the permission model, ERR_INVALID_MODULE. */
export function processBinding(name: string): Binding {
  const host = process as unknown as { binding(name: string): Binding; noDeprecation?: boolean }
  const silent = host.noDeprecation
  host.noDeprecation = true
  try {
    return host.binding(name)
  } finally {
    if (silent === undefined) delete host.noDeprecation
    else host.noDeprecation = silent
  }
}
