/**
 * What each backend does with a stack that it has just made.
 *
 * @module
 */
import { holdDuring } from './hold-during.ts'
import type { Stack, StackOptions } from './stack.ts'

/** A stack whose default gateways can be set. */
type Furnishable = Pick<Stack, 'addInterface' | 'close'> & { addGateway(gateway: string): void }

/**
 * Gives a new stack its interfaces and its gateways, and holds the process meanwhile.
 * @param begin what the stack has to do before it has interfaces.
 * @throws what one of them is refused with; the stack is closed then.
 */
export async function furnish<T extends Furnishable>(
  stack: T,
  { scheduler, interfaces, gateways = [] }: Pick<StackOptions, 'scheduler' | 'interfaces' | 'gateways'>,
  begin: () => Promise<void> = async () => {},
): Promise<T> {
  return await holdDuring(scheduler, async () => {
    try {
      await begin()
      for (const each of interfaces) await stack.addInterface(each)
      for (const gateway of gateways) stack.addGateway(gateway)
    } catch (error) {
      await stack.close()
      throw error
    }
    return stack
  })
}
