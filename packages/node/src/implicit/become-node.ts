/**
 * The implicit mode: this process, with all it starts, is one node of a network.
 *
 * @module
 */
import { hasCode, type Stack } from '@ioth/core'
import { interception } from '../interception.ts'
import { setQuiet } from '../messages.ts'
import type { Passing } from '../passing.ts'
import { setProcessStack } from '../process-stack.ts'
import { type PolicyOptions, policyToEnvironment } from '../rules/policy.ts'
import { version } from '../version.ts'
import { applyPolicy } from './apply-policy.ts'
import type { Children, NodeDescription } from './description.ts'
import { explainFailures } from './hints.ts'
import { handDown, type Legacy } from './inheritance.ts'
import { passHandles } from './pass-handles.ts'

export interface NodeOptions extends PolicyOptions {
  /** No messages of ours on standard error. @default false */
  readonly quiet?: boolean
  /**
   * Lets other processes and threads share the node, or be nodes of their own: gives what they need to know to join. Called when one of them
   * is started, and must answer at once. @default they have no network
   */
  readonly describe?: (children: Children) => NodeDescription
  /** What the processes and threads are that this one starts. @default 'share' */
  readonly children?: Children
  /** How sockets go to and come from other processes of the node. */
  readonly passing?: Passing
  /** How the node is described, where that is known already. */
  readonly description?: NodeDescription
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
  handDown(legacyOf(stack, options))
  if (options.passing !== undefined) passHandles(stack, options.passing)
}

/** What those are told who are started from here. */
function legacyOf(stack: Stack, options: NodeOptions): Legacy {
  const { quiet = false, children = 'share', describe, description, host = [], strict = false, report } = options
  const policy = { host, strict, ...(report !== undefined && { report }) }
  const own = (children === 'share' ? description : undefined) ?? {
    pid: process.pid,
    addresses: stack.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address.toString())),
  }
  let known = children === 'host' ? '' : JSON.stringify(own)
  return {
    get known() {
      return known
    },
    describe() {
      if (children === 'host' || describe === undefined) return known
      try {
        const described = JSON.stringify({ ...describe(children), quiet, children, policy })
        // A node of its own is one child's only.
        if (children === 'share') known = described
        return described
      } catch (error) {
        if (!hasCode(error, 'ERR_IOTH_NOT_IMPLEMENTED')) throw error
        known = JSON.stringify({ ...own, reason: (error as Error).message })
        return known
      }
    },
  }
}
