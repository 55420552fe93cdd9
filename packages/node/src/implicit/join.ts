/**
 * A process or thread that a node has started becomes a part of it, before its program is loaded. Loaded by the preload, and synchronous.
 *
 * @module
 */
import { createRequire } from 'node:module'
import type { Stack } from '@ioth/core'
import { say } from '../messages.ts'
import type { Passing } from '../passing.ts'
import { becomeNode } from './become-node.ts'
import type { Children, NodeDescription } from './description.ts'

/** What the module that {@link NodeDescription.join} names offers. */
interface Joining {
  joinNode(
    description: NodeDescription,
    onGone: (reason: string) => void,
  ): { readonly stack: Stack; readonly passing: Passing }
  /** How those join that this process starts. */
  describeTo(description: NodeDescription, children: Children): NodeDescription
}

/** @throws NetError ENETDOWN when the node is gone. */
export function join(description: NodeDescription): void {
  const { quiet = false, children = 'share', policy } = description
  const { joinNode, describeTo } = createRequire(import.meta.url)(description.join as string) as Joining
  const { stack, passing } = joinNode(description, say)
  becomeNode(stack, {
    ...policy,
    quiet,
    children,
    description,
    passing,
    describe: (kind) => describeTo(description, kind),
  })
}
