/**
 * A timer that calls a function.
 *
 * @module
 */
import { Timer } from '@ioth/core'

export class Alarm extends Timer {
  private readonly action: () => void

  constructor(action: () => void) {
    super()
    this.action = action
  }

  override fire(): void {
    this.action()
  }
}
