/**
 * What a call rejects with when its `AbortSignal` fires: shaped like Node's own AbortError.
 *
 * @module
 */

export class AbortError extends Error {
  override readonly name: string = 'AbortError'
  readonly code: string = 'ABORT_ERR'

  /** @param reason the signal's reason; it becomes the `cause`. */
  constructor(reason: unknown) {
    super('The operation was aborted', { cause: reason })
  }
}
