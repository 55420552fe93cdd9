/**
 * Names of a stack's sockets (`dns.lookup`, that is `getaddrinfo`). `localhost` is the stack's own loopback; names of the hosts file are what
 * it says; every other name is asked from the stack's name servers, and unknown where there are none. Names of a `--host` rule, and only
 * those, are the host's resolver's affair.
 *
 * @module
 */
import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import { setImmediate } from 'node:timers'
import { hasCode, type Stack } from '@ioth/core'
import type { Choices } from './choices.ts'
import { hostsFile } from './hosts-file.ts'
import type { LookupRequest, Natives } from './native.ts'
import type { Policy } from './rules/policy.ts'

// libuv's numbers, the same on all systems.
export const EAI_AGAIN = -3001
export const EAI_NONAME = -3008

// dns.lookup's orders as numbers; before Node 22, a boolean: as the resolver gives them.
const IPV4_FIRST = 1
const IPV6_FIRST = 2

/** Told when a name is asked for on a stack without name servers. */
let noNameServer: ((name: string) => void) | null = null

export function onNoNameServer(tell: (name: string) => void): void {
  noNameServer = tell
}

/** RFC 6761 6.3. */
function isLocalhost(name: string): boolean {
  const lower = name.toLowerCase()
  return (
    lower === 'localhost' || lower === 'localhost.' || lower.endsWith('.localhost') || lower.endsWith('.localhost.')
  )
}

/** The loopback addresses of a stack, in the order in which hosts list them. */
function loopback(stack: Stack, family: number): string[] {
  const addresses: string[] = []
  if (family !== 4 && stack.capabilities.ipv6) addresses.push('::1')
  if (family !== 6) addresses.push('127.0.0.1')
  return addresses
}

export function interceptLookup({ cares }: Natives, choices: Choices, policy: () => Policy): void {
  interceptPromises(choices)
  const native = cares.getaddrinfo
  cares.getaddrinfo = function getaddrinfo(request: LookupRequest, hostname: string, ...rest: unknown[]): number {
    const stack = choices.forLookup
    const [family, , order] = rest as [number, number, number | boolean]
    const { rules, traffic } = policy()
    if (stack === null || (stack === choices.processChoice && rules.matchesName(hostname))) {
      if (stack !== null) observe(request, (addresses) => rules.grant(hostname, addresses))
      const place = { direction: 'out', protocol: 'dns', address: hostname, port: 0, network: 'host' } as const
      traffic?.add({ ...place, rule: stack === null ? null : hostname }, 0, 0)
      return native.call(this, request, hostname, ...rest)
    }
    if (traffic !== null) {
      observe(request, (addresses) => {
        for (const address of addresses) traffic.named(address, hostname)
      })
    }
    const own = isLocalhost(hostname) ? loopback(stack, family) : []
    if (own.length > 0) setImmediate(() => request.oncomplete(null, own))
    else void ask(stack, request, hostname, family, order)
    return 0
  }
}

/** Looks at the addresses that a look-up finds, before the program does. */
function observe(request: LookupRequest, look: (addresses: readonly string[]) => void): void {
  const { oncomplete } = request
  request.oncomplete = function (error, addresses) {
    if (addresses !== undefined) look(addresses)
    oncomplete.call(this, error, addresses)
  }
}

/**
 * `dns.promises` has taken its native functions before anybody could replace them: for a stack, its look-ups go by way of those with
 * callbacks, which have the same results and errors.
 */
function interceptPromises(choices: Choices): void {
  const native = dns.promises.lookup as (...args: unknown[]) => Promise<unknown>
  function lookup(this: unknown, hostname: string, options?: dns.LookupOptions): Promise<unknown> {
    if (choices.forLookup === null) return native.call(this, hostname, options)
    return new Promise((resolve, reject) => {
      dns.lookup(hostname, options ?? {}, (error, address, family) => {
        if (error !== null) reject(error)
        else resolve(Array.isArray(address) ? address : { address, family })
      })
    })
  }
  const nativeService = dns.promises.lookupService
  function lookupService(this: unknown, ...args: [address: string, port: number]): Promise<unknown> {
    if (choices.forLookup === null || args.length !== 2) return nativeService.apply(this, args)
    return new Promise((resolve, reject) => {
      dns.lookupService(...args, (error, hostname, service) => {
        if (error !== null) reject(error)
        else resolve({ hostname, service })
      })
    })
  }
  Object.assign(dns.promises, { lookup, lookupService })
  // So that names imported from the module are the new one too.
  syncBuiltinESMExports()
}

async function ask(
  stack: Stack,
  request: LookupRequest,
  hostname: string,
  family: number,
  order: number | boolean,
): Promise<void> {
  let error: number | null = null
  let addresses: string[] = []
  try {
    const listed = await hostsFile.addresses(hostname, family)
    if (listed.length > 0) addresses = sorted(listed, order)
    else {
      // Loaded when the first name is asked for: most programs of a network know no names.
      const { lookup } = await import('@ioth/core/services')
      const found = await lookup(stack, hostname, family === 4 || family === 6 ? { family } : {})
      addresses = sorted(found.map(String), order)
    }
  } catch (reason) {
    error = hasCode(reason, 'ENOTFOUND') || hasCode(reason, 'EBADNAME') ? EAI_NONAME : EAI_AGAIN
    if (stack.nameServers.length === 0) noNameServer?.(hostname)
  }
  // In a task of its own: what the program throws is its own uncaught exception, not the rejection of a promise of ours.
  setImmediate(() => (error === null ? request.oncomplete(null, addresses) : request.oncomplete(error)))
}

function sorted(addresses: string[], order: number | boolean): string[] {
  const isV4 = (address: string): boolean => !address.includes(':')
  const first = order === IPV4_FIRST || order === false ? isV4 : order === IPV6_FIRST ? not(isV4) : null
  return first === null ? addresses : [...addresses.filter(first), ...addresses.filter(not(first))]
}

function not(test: (address: string) => boolean): (address: string) => boolean {
  return (address) => !test(address)
}
