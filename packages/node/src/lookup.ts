/**
 * Names of the machine itself. `localhost` is the stack's own loopback, for sockets of a stack; every other name is looked up by
 * the host's resolver (`getaddrinfo`), and the connection to what it answers goes through the stack. What speaks DNS by itself
 * (`dns.resolve`, `dns.reverse`, `Resolver`) would do so on the host's network: for a stack it is refused.
 *
 * @module
 */
import { setImmediate } from 'node:timers'
import { NetError, type Stack } from '@ioth/core'
import type { Choices } from './choices.ts'
import type { LookupRequest, Methods, Natives } from './native.ts'

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

export function interceptLookup(natives: Natives, choices: Choices): void {
  const { cares } = natives
  refuseQueries(cares.ChannelWrap.prototype, choices)
  const native = cares.getaddrinfo
  cares.getaddrinfo = function getaddrinfo(request: LookupRequest, hostname: string, ...rest: unknown[]): number {
    const stack = isLocalhost(hostname) ? choices.forLookup : null
    const addresses = stack === null ? [] : loopback(stack, rest[0] as number)
    if (addresses.length === 0) return native.call(this, request, hostname, ...rest)
    setImmediate(() => request.oncomplete(null, addresses))
    return 0
  }
}

/** The queries of a resolver (`queryA`, `getHostByAddr`, …): all it does but `cancel` and the list of its servers. */
function refuseQueries(prototype: Methods, choices: Choices): void {
  for (const name of Object.keys(prototype)) {
    if (!/^(query|getHostByAddr$)/.test(name)) continue
    const native = prototype[name] as (this: object, ...args: unknown[]) => unknown
    const method = {
      [name](this: object, ...args: unknown[]): unknown {
        if (choices.current !== null) throw queryRefusal(String(args[1]))
        return native.apply(this, args)
      },
    }[name]
    Object.defineProperty(prototype, name, { value: method, writable: true, configurable: true, enumerable: true })
  }
}

function queryRefusal(name: string): NetError {
  return new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'query', {
    message: `${name}: DNS queries on a stack are not available yet, and the host's network is not used in its place. Use dns.lookup(), which asks the host's resolver`,
  })
}
