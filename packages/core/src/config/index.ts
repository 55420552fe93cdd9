export { type DeviceFields, DeviceInfo, withNetmask } from './device-info.ts'
export { formatIothconf, parseIothconf } from './iothconf.ts'
export { networkOf } from './network.ts'
export { normaliseConfig } from './normalise.ts'
export {
  type CanonicalConfig,
  canonicalConfig,
  DEVICE_TYPES,
  type DeviceType,
  type StackConfig,
} from './stack-config.ts'
