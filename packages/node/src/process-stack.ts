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

/**
 * Runs `run` with a stack (null: the host) as the network of every socket that it opens, now or in whatever it starts, unless the
 * socket is opened by an explicit choice (`bindNode`). Kept-alive connections of an agent stay with the network that opened them.
 */
export function runInStack<T>(stack: Stack | null, run: () => T): T {
  const { choices, use } = interception()
  if (stack !== null) use(stack)
  return choices.runIn(stack, run)
}
