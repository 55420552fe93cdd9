/**
 * A job that calls a function.
 *
 * @module
 */
import { Job } from '../contract/scheduler.ts'

export class Task extends Job {
  private readonly work: () => void

  constructor(work: () => void) {
    super()
    this.work = work
  }

  override run(): void {
    this.work()
  }
}
