/**
 * `@ioth/core/groups`: listening to multicast groups, for stacks: what their sockets joined, and the host's part of IGMP and MLD.
 *
 * @module
 */
export { groupMac } from './groups/group-mac.ts'
export { ALL_HOSTS, IGMP_TRAFFIC_CLASS, Igmp, type IgmpWire, IP4_ROUTER_ALERT, PROTO_IGMP } from './groups/igmp.ts'
export { type JoinedGroup, JoinedGroups } from './groups/joined-groups.ts'
export type { Memberships } from './groups/memberships.ts'
export { ALL_NODES, ALL_ROUTERS, MLD_HOP_LIMIT, Mld, type MldWire } from './groups/mld.ts'
export { MLD_DONE, MLD_QUERY, MLD_REPORT, MLD2_REPORT, ROUTER_ALERT as MLD_ROUTER_ALERT } from './groups/mld-message.ts'
export { solicitedNode } from './groups/solicited-node.ts'
