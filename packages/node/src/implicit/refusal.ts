/**
 * A process that belongs to a node but cannot use its network: each first use of a socket says so. Small, since it is loaded into
 * every child.
 *
 * @module
 */
import { processBinding } from '../process-binding.ts'

type Method = (this: Handle, ...args: unknown[]) => unknown
interface Handle {
  readonly fd?: number
  readonly [owner: symbol]: unknown
}

/** The first calls that need a network. */
const TCP_METHODS = ['bind', 'bind6', 'connect', 'connect6', 'listen']
const UDP_METHODS = ['bind', 'bind6', 'connect', 'connect6', 'send', 'send6']

/** @param description `IOTH_NODE`, if there is one */
export function refuseSockets(description: string | undefined): void {
  refuse(prototypeOf('tcp_wrap', 'TCP'), TCP_METHODS, description)
  refuse(prototypeOf('udp_wrap', 'UDP'), UDP_METHODS, description)
}

function prototypeOf(binding: string, name: string): Record<string, Method> | undefined {
  return (processBinding(binding)[name] as { prototype: Record<string, Method> } | undefined)?.prototype
}

function refuse(
  prototype: Record<string, Method> | undefined,
  names: readonly string[],
  description: string | undefined,
): void {
  for (const name of names) {
    const native = prototype?.[name]
    if (prototype === undefined || native === undefined) continue
    prototype[name] = function (this: Handle, ...args) {
      // A descriptor that was handed to this process is the host's.
      if ((this.fd ?? -1) >= 0) return native.apply(this, args)
      const error = refusal(name.replace('6', ''), description)
      if (name.startsWith('connect') && destroyOwner(this, error)) return 0
      throw error
    }
  }
}

/** A connection fails as connections do: by an `error` event. */
function destroyOwner(handle: Handle, error: Error): boolean {
  const symbol = Object.getOwnPropertySymbols(handle).find(({ description }) => description === 'owner_symbol')
  const owner = symbol === undefined ? undefined : (handle[symbol] as { destroy?(error: Error): void } | null)
  if (typeof owner?.destroy !== 'function') return false
  owner.destroy(error)
  return true
}

function refusal(syscall: string, description: string | undefined): Error {
  const error = new Error(
    `${syscall}: this ${process.env.IOTH_NODE === undefined ? 'thread' : 'process'} was started by ${whose(description)}, and sharing ` +
      "its network with what it starts is not available yet. A network node of its own: ioth run SCRIPT -a ADDRESS. The host's network: " +
      'start it with IOTH_NODE= (empty) in its environment.',
  )
  return Object.assign(error, { code: 'ERR_IOTH_NOT_IMPLEMENTED', syscall })
}

function whose(description: string | undefined): string {
  try {
    const { pid, addresses } = JSON.parse(description ?? '') as { pid: number; addresses: string[] }
    return `the node ${addresses.join(', ')} (process ${pid})`
  } catch {
    return 'a node of ioth'
  }
}
