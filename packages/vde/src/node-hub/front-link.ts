/**
 * What the hub's own stack, the front stack, is plugged into: a pipe to the router, with the register and the state of the network's link.
 *
 * @module
 */
import { type FrameBatch, type IpAddress, type Link, type LinkState, LinkWrapper, type NetError } from '@ioth/core'

export class FrontLink extends LinkWrapper {
  override readonly claim: (address: IpAddress, mac: string) => Promise<boolean>
  override readonly unclaim: (address: IpAddress) => void

  /** @param pipe the front stack's end. @param network the link whose register gives addresses. */
  constructor(pipe: Link, network: Link) {
    super(pipe)
    this.claim = async (address, mac) => (await network.claim?.(address, mac)) === true
    this.unclaim = (address) => network.unclaim?.(address)
  }

  override get carriesLoopback(): boolean {
    return true
  }

  protected sendFrames(batch: FrameBatch): void {
    this.outbox.send(batch)
  }

  frames(batch: FrameBatch): void {
    this.sink?.frames(batch)
  }

  /** The network's link changed. */
  networkChanged(state: LinkState, reason?: NetError): void {
    this.sink?.changed(state, reason)
  }
}
