/**
 * `@ioth/core/dhcp`: the DHCPv4 client as a machine without input and output, and what a lease does to a stack, for backends.
 *
 * @module
 */
export { DhcpClient, type DhcpClientHost, type DhcpState } from './services/dhcp/client.ts'
export type { DhcpLease } from './services/dhcp/lease.ts'
export { type LeasedStack, LeaseKeeper, type LeaseWire } from './services/dhcp/lease-keeper.ts'
export { isForDhcpClient, isForDhcpServer } from './services/dhcp/packet.ts'
