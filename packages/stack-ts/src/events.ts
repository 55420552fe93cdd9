/**
 * What happens to a stack, told to its user.
 *
 * @module
 */
import type { EventQueue, StackEvent } from '@ioth/core'

export type Events = EventQueue<StackEvent>
