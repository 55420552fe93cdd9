/**
 * One configuration in three spellings: an object, a string, a classic builder.
 *
 * @module
 */
import type { DeviceInfo } from './device-info.ts'
import { parseIothconf } from './iothconf.ts'
import { type CanonicalConfig, canonicalConfig, type StackConfig } from './stack-config.ts'

/** The canonical form of a configuration in any of its spellings. @throws NetError ERR_IOTH_CONFIG */
export function normaliseConfig(config: StackConfig | DeviceInfo | string): CanonicalConfig {
  if (typeof config === 'string') return parseIothconf(config)
  return 'toConfig' in config ? config.toConfig() : canonicalConfig(config)
}
