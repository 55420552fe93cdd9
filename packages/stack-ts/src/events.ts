/**
 * What happens to the stack by itself, told to its user in a turn.
 *
 * @module
 */
import { Pollable, READABLE, type Scheduler, type StackEvent, type StackOptions } from '@ioth/core'

export class Events extends Pollable {
  readonly scheduler: Scheduler
  private readonly waiting: StackEvent[] = []

  constructor(scheduler: Scheduler, listener: StackOptions['onEvent']) {
    super()
    this.scheduler = scheduler
    if (listener === undefined) return
    this.onReady = () => {
      const event = this.waiting.shift()
      if (this.waiting.length === 0) this.lower(READABLE)
      if (event !== undefined) listener(event)
    }
    this.interest = READABLE
  }

  emit(event: StackEvent): void {
    if (this.onReady === null) return
    this.waiting.push(event)
    this.raise(READABLE)
  }
}
