/**
 * A link whose every frame is shown to a program.
 *
 * @module
 */
import type { Clock } from '../contract/clock.ts'
import type { Link } from '../contract/link.ts'
import { type TraceListener, trace } from '../links/trace.ts'

/**
 * Shows the frames of a link. What the listener throws reaches the host as uncaught, like the exception of any callback, and the frame goes
 * its way.
 */
export function shownLink(link: Link, onFrame: TraceListener, clock: Clock): Link {
  const show: TraceListener = (direction, frame, microseconds) => {
    try {
      onFrame(direction, frame, microseconds)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
  return trace(link, show, clock)
}
