/**
 * `@ioth/core/services`: configuration services above the contract, on stacks of any backend. Apart from the root because they bring a
 * DNS codec along. No Node-only import: they run in browsers.
 *
 * @module
 */
export { connectByName, type NamedDestination } from './services/connect-by-name.ts'
export {
  DhcpServer,
  type DhcpServerCounters,
  type DhcpServerOptions,
  type ServedLease,
  serveDhcp,
} from './services/dhcp/server.ts'
export { dhcp } from './services/dhcp-interface.ts'
export { DnsError } from './services/dns/dns-error.ts'
export type { NameServer, ResolverCounters } from './services/dns/exchange.ts'
export type { HostsTable } from './services/dns/local-names.ts'
export { type DnsMessage, type DnsQuestion, parseDns } from './services/dns/message.ts'
export type { DnsRecord, RecordsByType, RecordType } from './services/dns/records.ts'
export {
  createResolver,
  type LookupOptions,
  lookup,
  type ResolveOptions,
  Resolver,
  type ResolverOptions,
  resolve,
  resolverOf,
  reverse,
} from './services/dns/resolver.ts'
export { type GroupOptions, joinGroup } from './services/join-group.ts'
export { askTime, type SntpOptions, type SntpTime } from './services/sntp.ts'
export {
  type TracerouteHop,
  type TracerouteOptions,
  type TracerouteProbe,
  traceroute,
} from './services/traceroute.ts'
