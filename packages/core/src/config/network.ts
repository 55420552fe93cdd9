/**
 * Which network a configuration means.
 *
 * @module
 */
import type { StackConfig } from './stack-config.ts'

/**
 * The locator of the network to join: what the configuration names; else, for a `vde` device `web0`, the switch `/tmp/web0.ctl` if there
 * is one, as the Python system's wrapper had it; for `tap` and `tun` the host's device of that name.
 * @param exists whether there is something at a path.
 * @returns null: the user's own default network.
 */
export function networkOf(config: StackConfig, exists: (path: string) => boolean): string | null {
  const { vnl, device, type = 'vde' } = config
  if (vnl !== undefined) return vnl
  if (type !== 'vde') return `${type}://${device ?? ''}`
  const path = `/tmp/${device}.ctl`
  return device !== undefined && exists(path) ? path : null
}
