/**
 * A node's description, as the processes and threads of the node find it.
 *
 * @module
 */

import type { PolicyOptions } from '../rules/policy.ts'

/** Under this name threads find it: their environment may be one of their own. */
export const DESCRIPTION = '@ioth/node/description'

/** `IOTH_NODE`, as JSON. Who does not know a member, ignores it. */
export interface NodeDescription {
  /** The program that the node was made for. */
  readonly pid: number
  readonly addresses: readonly string[]
  /** No messages of ours. */
  readonly quiet?: boolean
  /** How those that the node starts take part: see {@link Children}. */
  readonly children?: Children
  /** What the host's network is for. */
  readonly policy?: PolicyOptions
  /** A module whose `joinNode(description)` gives a stack of the node at once; absent: the node cannot be shared. */
  readonly join?: string
  /** Why the node cannot be shared. */
  readonly reason?: string
}

/** What a process or thread that a node starts is: a part of the node, a node of its own, or on the host's network. */
export type Children = 'share' | 'new' | 'host'
