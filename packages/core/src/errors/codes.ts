/**
 * All error codes in one table. POSIX codes carry libuv's numbers for Linux, used where the host has no table of its own.
 *
 * @module
 */

interface CodeEntry {
  /** libuv's number on Linux; absent for the project's own codes. */
  readonly errno?: number
  /** What it means, in words. */
  readonly text: string
}

const table = {
  EACCES: { errno: -13, text: 'permission denied' },
  EADDRINUSE: { errno: -98, text: 'address already in use' },
  EADDRNOTAVAIL: { errno: -99, text: 'address not available' },
  EAFNOSUPPORT: { errno: -97, text: 'address family not supported' },
  EAGAIN: { errno: -11, text: 'resource temporarily unavailable' },
  EALREADY: { errno: -114, text: 'connection already in progress' },
  EBADF: { errno: -9, text: 'bad file descriptor' },
  ECANCELED: { errno: -125, text: 'operation canceled' },
  ECONNABORTED: { errno: -103, text: 'software caused connection abort' },
  ECONNREFUSED: { errno: -111, text: 'connection refused' },
  ECONNRESET: { errno: -104, text: 'connection reset by peer' },
  EDESTADDRREQ: { errno: -89, text: 'destination address required' },
  EEXIST: { errno: -17, text: 'file already exists' },
  EHOSTUNREACH: { errno: -113, text: 'host is unreachable' },
  EINVAL: { errno: -22, text: 'invalid argument' },
  EISCONN: { errno: -106, text: 'socket is already connected' },
  EMFILE: { errno: -24, text: 'too many open sockets' },
  EMSGSIZE: { errno: -90, text: 'message too long' },
  ENETDOWN: { errno: -100, text: 'network is down' },
  ENETUNREACH: { errno: -101, text: 'network is unreachable' },
  ENOBUFS: { errno: -105, text: 'no buffer space available' },
  ENODEV: { errno: -19, text: 'no such device' },
  ENOENT: { errno: -2, text: 'no such file or directory' },
  ENOMEM: { errno: -12, text: 'not enough memory' },
  ENOPROTOOPT: { errno: -92, text: 'protocol not available' },
  ENOTCONN: { errno: -107, text: 'socket is not connected' },
  ENOTSOCK: { errno: -88, text: 'socket operation on non-socket' },
  ENOTSUP: { errno: -95, text: 'operation not supported' },
  EPERM: { errno: -1, text: 'operation not permitted' },
  EPIPE: { errno: -32, text: 'broken pipe' },
  EPROTO: { errno: -71, text: 'protocol error' },
  ESRCH: { errno: -3, text: 'no such entry' },
  ETIMEDOUT: { errno: -110, text: 'connection timed out' },
  // Those of node:dns (c-ares) have no number.
  EBADNAME: { text: 'misformatted host name' },
  EBADRESP: { text: 'misformatted DNS reply' },
  ECANCELLED: { text: 'DNS query cancelled' },
  EFORMERR: { text: 'DNS server claims query was misformatted' },
  ENODATA: { text: 'DNS server returned answer with no data' },
  ENOTFOUND: { text: 'domain name not found' },
  ENOTIMP: { text: 'DNS server does not implement requested operation' },
  EREFUSED: { text: 'DNS server refused query' },
  ESERVFAIL: { text: 'DNS server returned general failure' },
  ETIMEOUT: { text: 'timeout while contacting DNS servers' },
  ERR_IOTH_BACKEND_NOT_FOUND: { text: 'no such backend' },
  ERR_IOTH_BACKEND_UNUSABLE: { text: 'the backend cannot be used here' },
  ERR_IOTH_CONFIG: { text: 'the configuration is not valid' },
  ERR_IOTH_NETWORK: { text: 'the network cannot be joined' },
  ERR_IOTH_NOT_IMPLEMENTED: { text: 'not implemented by this backend' },
  ERR_IOTH_PROTOCOL: { text: 'the other side does not speak this protocol' },
  ERR_IOTH_STRICT: { text: "the host's network may not be used" },
  ERR_IOTH_UNSUPPORTED_NODE: { text: 'this Node.js does not let itself be given another network' },
} as const

export type ErrorCode = keyof typeof table

export const CODES: Readonly<Record<ErrorCode, CodeEntry>> = Object.freeze(table)

let hostNumbers: ReadonlyMap<string, number> | null = null

/** The host's own number for a code (they differ between systems), else libuv's for Linux. Undefined for the project's own codes. */
export function errnoOf(code: ErrorCode): number | undefined {
  if (CODES[code].errno === undefined) return undefined
  hostNumbers ??= readHostNumbers()
  return hostNumbers.get(code) ?? CODES[code].errno
}

function readHostNumbers(): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>()
  const host = (globalThis as { process?: { getBuiltinModule?(id: string): unknown } }).process
  const util = host?.getBuiltinModule?.('node:util') as
    | { getSystemErrorMap?(): Map<number, [string, string]> }
    | undefined
  for (const [errno, [name]] of util?.getSystemErrorMap?.() ?? []) numbers.set(name, errno)
  return numbers
}
