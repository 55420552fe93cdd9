/**
 * A stack as the network of a whole process, or of everything that a function starts.
 *
 * @module
 */
import type { Stack } from '@ioth/core'
import { interception } from './interception.ts'
import { showInterfaces } from './network-interfaces.ts'

/**
 * Makes a stack the network of every socket of this thread that has no other one by explicit choice or by scope; null gives the
 * host's network back. Sockets that exist keep the network they have. `os.networkInterfaces()` then lists the stack's interfaces.
 */
export function setProcessStack(stack: Stack | null): void {
  const { choices, use } = interception()
  if (stack !== null) use(stack)
  choices.processChoice = stack
  showInterfaces(choices)
}

/** A stack with its scope as a method. */
export interface NodeStack extends Stack {
  /** As {@link runInStack}, for this stack. */
  run<T>(run: () => T): T
}

/** Gives a stack its method `run`. @throws TypeError when it has another one, which somebody else calls. */
export function nodeStack(stack: Stack): NodeStack {
  if ('run' in stack && !Object.hasOwn(stack, 'run'))
    throw new TypeError(`the stack "${stack.backend}" has a method run() of its own`)
  return Object.defineProperty(stack, 'run', {
    value: <T>(run: () => T): T => runInStack(stack, run),
    configurable: true,
  }) as NodeStack
}

/**
 * Runs `run` with a stack (null: the host) as the network of every socket that it opens, now or in whatever it starts, unless the
 * socket is opened by an explicit choice (`bindNode`). Kept-alive connections are reused within the network that opened them only.
 */
export function runInStack<T>(stack: Stack | null, run: () => T): T {
  const { choices, use } = interception()
  if (stack !== null) use(stack)
  return choices.runIn(stack, run)
}
