/**
 * `@ioth/core/services`: configuration services above the contract, on stacks of any backend. Apart from the root because they bring a
 * DNS codec along. No Node-only import: they run in browsers.
 *
 * @module
 */
export {
  DhcpServer,
  type DhcpServerCounters,
  type DhcpServerOptions,
  type ServedLease,
  serveDhcp,
} from './services/dhcp/server.ts'
