/**
 * A timer that calls a function.
 *
 * @module
 */
import { Timer } from '../contract/clock.ts'

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
