/**
 * Two streams made one: what one reads the other writes. An end of one direction ends that direction only; what breaks one breaks the other,
 * and is told to its peer by a reset.
 *
 * @module
 */
import type { Duplex } from 'node:stream'

/** A stream that can tell its peer that something went wrong: `net.Socket`, and the streams of a stack. */
interface Resettable {
  readonly connecting?: boolean
  resetAndDestroy?(): unknown
}

/** Joins two streams that allow a half-open state. Errors of both are taken care of; `over` is called when both are closed. */
export function joinStreams(a: Duplex, b: Duplex, over: () => void = () => {}): void {
  let open = 2
  const closed = (): void => {
    if (--open === 0) over()
  }
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', () => breakStream(to))
    from.once('close', () => {
      // A stream whose both directions came to their end says so to the other by `pipe`.
      if (!from.readableEnded || !from.writableFinished) breakStream(to)
      closed()
    })
    from.pipe(to)
  }
  if (a.destroyed) breakStream(b)
  if (b.destroyed) breakStream(a)
}

/** Closes a stream so that its peer sees a reset where that is possible. */
export function breakStream(stream: Duplex & Resettable): void {
  if (stream.destroyed) return
  if (stream.resetAndDestroy !== undefined && stream.connecting !== true) stream.resetAndDestroy()
  else stream.destroy()
}
