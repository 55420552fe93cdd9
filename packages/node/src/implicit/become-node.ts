/**
 * The implicit mode: this process, with all it starts, is one node of a network.
 *
 * @module
 */
import type { Stack } from '@ioth/core'
import { interception } from '../interception.ts'
import { setQuiet } from '../messages.ts'
import { setProcessStack } from '../process-stack.ts'
import { type PolicyOptions, policyToEnvironment } from '../rules/policy.ts'
import { version } from '../version.ts'
import { applyPolicy } from './apply-policy.ts'
import { explainFailures } from './hints.ts'
import { handDown } from './inheritance.ts'

export interface NodeOptions extends PolicyOptions {
  /** No messages of ours on standard error. @default false */
  readonly quiet?: boolean
}

/**
 * Makes this process a node: the stack is the network of everything in it that makes no other choice, and of what it starts.
 * `process.versions.ioth` tells a program where it runs. Before the program's own code is loaded.
 *
 * @throws NetError ERR_IOTH_UNSUPPORTED_NODE when this Node's internals are closed (`--permission`) or unknown; ERR_IOTH_CONFIG for a
 * malformed rule; ERR_IOTH_STRICT when `strict` and what runs already exclude each other.
 */
export function becomeNode(stack: Stack, options: NodeOptions = {}): void {
  setQuiet(options.quiet ?? false)
  // First: a rule that is none leaves everything as it was.
  applyPolicy(stack, options)
  setProcessStack(stack)
  interception().onFailure = explainFailures()
  Object.defineProperty(process.versions, 'ioth', { value: version, enumerable: true, configurable: true })
  Object.assign(process.env, policyToEnvironment(options))
  handDown({
    pid: process.pid,
    addresses: stack.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address.toString())),
  })
}
