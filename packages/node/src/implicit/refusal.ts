/**
 * A process that belongs to a node but cannot use its network: each first use of a socket says so. Small, since it is loaded into
 * every child.
 *
 * @module
 */
import { isMainThread } from 'node:worker_threads'
import { processBinding } from '../process-binding.ts'
import type { NodeDescription } from './description.ts'

type Method = (this: Handle, ...args: unknown[]) => unknown
interface Handle {
  readonly fd?: number
  readonly [owner: symbol]: unknown
}

/** The first calls that need a network. */
const TCP_METHODS = ['bind', 'bind6', 'connect', 'connect6', 'listen']
const UDP_METHODS = ['bind', 'bind6', 'connect', 'connect6', 'send', 'send6']

/** @param node whose it is, where that is known. @param cause why it could not join. */
export function refuseSockets(node: NodeDescription | null, cause?: Error): void {
  refuseAll((syscall) => refusal(syscall, node, cause))
}

/**
 * A program without a main script (`node -e`, standard input) begins before its node is up: until then it has no network, and not the host's.
 */
export function refuseUntil(up: Promise<void>): void {
  const restore = refuseAll((syscall) => {
    const error = new Error(
      `${syscall}: this node is not up yet. Programs without a script wait for it by: node --import @ioth/node/ready (see ioth env --scriptless)`,
    )
    return Object.assign(error, { code: 'ENETDOWN', syscall })
  })
  void up.then(() => {
    for (const each of restore) each()
  })
}

type MakeError = (syscall: string) => Error

/** @returns what undoes it. */
function refuseAll(make: MakeError): (() => void)[] {
  return [
    ...refuse(prototypeOf('tcp_wrap', 'TCP'), TCP_METHODS, make),
    ...refuse(prototypeOf('udp_wrap', 'UDP'), UDP_METHODS, make),
  ]
}

function prototypeOf(binding: string, name: string): Record<string, Method> | undefined {
  return (processBinding(binding)[name] as { prototype: Record<string, Method> } | undefined)?.prototype
}

function refuse(
  prototype: Record<string, Method> | undefined,
  names: readonly string[],
  make: MakeError,
): (() => void)[] {
  const restore: (() => void)[] = []
  for (const name of names) {
    const native = prototype?.[name]
    if (prototype === undefined || native === undefined) continue
    restore.push(() => {
      prototype[name] = native
    })
    prototype[name] = function (this: Handle, ...args) {
      // A descriptor that was handed to this process is the host's.
      if ((this.fd ?? -1) >= 0) return native.apply(this, args)
      const error = make(name.replace('6', ''))
      if (name.startsWith('connect') && destroyOwner(this, error)) return 0
      throw error
    }
  }
  return restore
}

/** A connection fails as connections do: by an `error` event. */
function destroyOwner(handle: Handle, error: Error): boolean {
  const symbol = Object.getOwnPropertySymbols(handle).find(({ description }) => description === 'owner_symbol')
  const owner = symbol === undefined ? undefined : (handle[symbol] as { destroy?(error: Error): void } | null)
  if (typeof owner?.destroy !== 'function') return false
  owner.destroy(error)
  return true
}

function refusal(syscall: string, node: NodeDescription | null, cause: Error | undefined): Error {
  const kind = isMainThread ? 'process' : 'thread'
  const why =
    cause === undefined
      ? `cannot share its network${node?.reason === undefined ? '' : ` (${node.reason})`}`
      : `it could not join it (${cause.message})`
  const error = new Error(
    `${syscall}: this ${kind} was started by ${whose(node)}, and ${why}. A network node of its own: ioth run SCRIPT -a ADDRESS. ` +
      "The host's network: start it with IOTH_NODE= (empty) in its environment.",
    { cause },
  )
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? 'ERR_IOTH_NOT_IMPLEMENTED'
  return Object.assign(error, { code, syscall })
}

function whose(node: NodeDescription | null): string {
  return node === null ? 'a node of ioth' : `the node ${node.addresses.join(', ')} (process ${node.pid})`
}
