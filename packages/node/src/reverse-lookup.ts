/**
 * Names of addresses (`dns.lookupService`, that is `getnameinfo`): of the hosts file, else of the stack's name servers; names of ports are the
 * services file's.
 *
 * @module
 */
import { setImmediate } from 'node:timers'
import { parseIpAddress, type Stack } from '@ioth/core'
import type { Choices } from './choices.ts'
import { hostsFile } from './hosts-file.ts'
import { EAI_AGAIN, EAI_NONAME } from './lookup.ts'
import type { NameRequest, Natives } from './native.ts'
import { serviceName } from './services-file.ts'

export function interceptReverseLookup({ cares }: Natives, choices: Choices): void {
  const native = cares.getnameinfo
  cares.getnameinfo = function getnameinfo(request: NameRequest, address: string, port: number): number {
    const stack = choices.forLookup
    if (stack === null) return native.call(this, request, address, port)
    void answer(stack, request, address, port)
    return 0
  }
}

async function answer(stack: Stack, request: NameRequest, text: string, port: number): Promise<void> {
  let error: number | null = null
  let name = ''
  const service = await serviceName(port)
  try {
    name = parseIpAddress(text).isLoopback ? 'localhost' : ((await nameOf(stack, text)) ?? '')
    if (name === '') error = EAI_NONAME
  } catch (reason) {
    const { code } = reason as { code?: string }
    error = code === 'ENOTFOUND' || code === 'ENODATA' ? EAI_NONAME : EAI_AGAIN
  }
  // In a task of its own: what the program throws is its own uncaught exception, not the rejection of a promise of ours.
  setImmediate(() => (error === null ? request.oncomplete(null, name, service) : request.oncomplete(error)))
}

async function nameOf(stack: Stack, address: string): Promise<string | undefined> {
  const [listed] = await hostsFile.names(address)
  if (listed !== undefined) return listed
  // Loaded when the first name is asked for: most programs of a network know no names.
  const { reverse } = await import('@ioth/core/services')
  const [found] = await reverse(stack, address)
  return found
}
