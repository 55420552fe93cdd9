export {
  broadcastAddress,
  type Cidr,
  DEFAULT_PREFIX,
  type DefaultPrefix,
  formatCidr,
  inPrefix,
  netmaskToPrefix,
  networkAddress,
  parseCidr,
  prefixToNetmask,
} from './cidr.ts'
export { hashAddress } from './hash-address.ts'
export * from './ip-address.ts'
export { BROADCAST_MAC, formatMac, parseMac, randomMac } from './mac.ts'
export { type SourceCandidate, selectSource, sortDestinations } from './selection.ts'
