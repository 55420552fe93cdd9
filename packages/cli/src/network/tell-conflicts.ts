/**
 * What happens to a program's addresses while it runs, in words.
 *
 * @module
 */
import type { StackEvent } from '@ioth/core'
import { say } from '../output.ts'

/** A listener of a stack's events that tells when somebody else uses an address, once for each, and when it is lost. */
export function tellConflicts(): (event: StackEvent) => void {
  const rivals = new Map<string, string>()
  return ({ kind, address, mac = 'somebody' }) => {
    const text = address.toString()
    if (kind === 'address-conflict') {
      if (rivals.get(text) !== mac) say(`${text} is used by ${mac} too. See who that is: ioth ps`)
      rivals.set(text, mac)
    } else if (kind === 'address-removed' && rivals.has(text)) {
      say(`${text} has been taken over by ${rivals.get(text)}: this program has it no more`)
      rivals.delete(text)
    }
  }
}
