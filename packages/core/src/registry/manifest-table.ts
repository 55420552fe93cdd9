/**
 * The manifests of backends side by side: what `ioth backends` prints and docs/backends.md shows.
 *
 * @module
 */
import type { Capabilities, Limits } from '../contract/capabilities.ts'
import type { Backend } from '../contract/stack.ts'

/** One capability, or one limit. */
export interface ManifestRow {
  /** As the manifest names it; limits as `limits.sockets`. */
  readonly name: string
  /** What it says, in some words. */
  readonly meaning: string
  /** In the order of the backends. */
  readonly values: readonly string[]
}

const CAPABILITIES: Readonly<Record<Exclude<keyof Capabilities, 'limits'>, string>> = {
  ipv6: 'IPv6 beside IPv4',
  udp: 'datagrams; `connected`: to one peer only',
  halfClose:
    'one direction ends, the other goes on; `shimmed`: done beside the library; `on-close`: the socket closes soon after',
  reset: 'a connection can be broken off; `shimmed`: done beside the library; `close`: it is closed instead',
  connectCancel: 'a connect in progress can be given up at once',
  refusedVisible: 'a refused connection is told from one that timed out',
  noDelay: 'Nagle’s algorithm can be switched off (`TCP_NODELAY`)',
  sack: 'selective acknowledgements (RFC 2018)',
  rackTlp: 'losses are found by time, and probed for (RFC 8985)',
  ecn: 'explicit congestion notification (RFC 3168)',
  multicast: 'groups can be joined',
  superSegments: 'segments of up to 64 KiB travel whole between stacks of one process',
  ping: 'sends echo requests',
  dhcp: 'gets its address by DHCP',
  slaac: 'forms IPv6 addresses from what routers advertise',
  links: 'what it plugs into: `frames`: any link of ioth; `vnl`: locators that it opens itself',
  stacksPerThread: 'stacks at a time in one thread',
  virtualTime: 'its clock can be handed in',
  teardown: 'what a closed stack leaves: nothing, or threads that end with their `process`',
}

const LIMITS: Readonly<Record<keyof Limits, string>> = {
  sockets: 'open sockets of a stack',
  sendBuffer: 'octets that wait to be sent, of each connection',
  receiveBuffer: 'octets that wait to be read, of each connection',
  maxDatagram: 'octets of the largest datagram',
  backlog: 'connections that wait to be accepted, of each listener',
  closedHoldMs: 'milliseconds for which a closed connection with unsent octets holds the process',
}

/** One row for each capability, then one for each limit. */
export function manifestTable(backends: readonly Pick<Backend, 'capabilities'>[]): ManifestRow[] {
  const manifests = backends.map(({ capabilities }) => capabilities)
  const claims = Object.entries(CAPABILITIES).map(([name, meaning]) => ({
    name,
    meaning,
    values: manifests.map((manifest) => worded(manifest[name as keyof typeof CAPABILITIES] ?? false)),
  }))
  const limits = Object.entries(LIMITS).map(([name, meaning]) => ({
    name: `limits.${name}`,
    meaning,
    values: manifests.map((manifest) => worded(manifest.limits[name as keyof Limits])),
  }))
  return [...claims, ...limits]
}

function worded(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return value === Number.POSITIVE_INFINITY ? 'unlimited' : `${value}`
}
