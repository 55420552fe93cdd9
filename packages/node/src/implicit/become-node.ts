/**
 * The implicit mode: this process, with all it starts, is one node of a network.
 *
 * @module
 */
import type { Stack } from '@ioth/core'
import { interception } from '../interception.ts'
import { say, setQuiet } from '../messages.ts'
import { setProcessStack } from '../process-stack.ts'
import { version } from '../version.ts'
import { handDown } from './inheritance.ts'

export interface NodeOptions {
  /** No messages of ours on standard error. @default false */
  readonly quiet?: boolean
}

/**
 * Makes this process a node: the stack is the network of everything in it that makes no other choice, and of what it starts.
 * `process.versions.ioth` tells a program where it runs. Before the program's own code is loaded.
 *
 * @throws NetError ERR_IOTH_UNSUPPORTED_NODE when this Node's internals are closed (`--permission`) or unknown.
 */
export function becomeNode(stack: Stack, { quiet = false }: NodeOptions = {}): void {
  setQuiet(quiet)
  setProcessStack(stack)
  interception().onUnreachable = hint(stack)
  Object.defineProperty(process.versions, 'ioth', { value: version, enumerable: true, configurable: true })
  handDown({
    pid: process.pid,
    addresses: stack.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address.toString())),
  })
}

/** The first time a program reaches for what lies outside its network, one line says why it fails. */
function hint(stack: Stack): (address: string) => void {
  let told = false
  return (address) => {
    if (told) return
    told = true
    const own = stack.interfaces.flatMap(({ addresses }) =>
      addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
    )
    say(
      `there is no route to ${address} from ${own.length === 0 ? 'a node without an address' : own.join(', ')}; ` +
        "the host's network is not used in its place. A gateway for the network is given by --gateway ADDRESS.",
    )
  }
}
