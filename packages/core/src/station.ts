/**
 * `@ioth/core/station`: what a host does on its link without its TCP/IP stack, for libraries that need help: address conflict detection,
 * announcement, DHCP, IGMP and MLD, and the armour.
 *
 * @module
 */
export type { StationProbe } from './station/address-claim.ts'
export { groupMessageAt } from './station/group-message-at.ts'
export { GroupsOnStation, type GroupsOnStationOptions } from './station/groups-on-station.ts'
export { leaseOnStation } from './station/lease-on-station.ts'
export { createStation, type DhcpTap, type GroupTap, type Station, type StationOptions } from './station/station.ts'
