/**
 * `@ioth/core/station`: what a host does on its link without its TCP/IP stack, for libraries that need help: address conflict detection,
 * announcement, DHCP, and the armour.
 *
 * @module
 */
export type { StationProbe } from './station/address-claim.ts'
export { leaseOnStation } from './station/lease-on-station.ts'
export { createStation, type DhcpTap, type Station, type StationOptions } from './station/station.ts'
