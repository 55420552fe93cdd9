/**
 * Tells the user when the network goes away and comes back; otherwise a link like the one it wraps.
 *
 * @module
 */
import { type FrameBatch, type Link, type LinkState, LinkWrapper, type NetError } from '@ioth/core'
import { say } from '../messages.ts'

/** The same link; each change of its state is one `ioth:` line on standard error. */
export function announceLink(link: Link): Link {
  return new AnnouncedLink(link)
}

class AnnouncedLink extends LinkWrapper {
  private lost = false

  protected sendFrames(batch: FrameBatch): void {
    this.outbox.send(batch)
  }

  frames(batch: FrameBatch): void {
    this.sink?.frames(batch)
  }

  override changed(state: LinkState, reason?: NetError): void {
    if (state === 'lost' && !this.lost) {
      this.lost = true
      say(
        `the link to ${this.name} is lost${reason === undefined ? '' : ` (${reason.message})`}; trying until it is back`,
      )
    } else if (state === 'up' && this.lost) {
      this.lost = false
      say(`the link to ${this.name} is back`)
    } else if (state === 'closed' && reason !== undefined) {
      say(`the link to ${this.name} is closed: ${reason.message}`)
    }
    super.changed(state, reason)
  }
}
