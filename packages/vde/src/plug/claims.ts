/**
 * The addresses a plug has claimed in its switch's register: asked for once, and again after each reconnection.
 *
 * @module
 */
import { type IpAddress, NetError, type Scheduler } from '@ioth/core'
import type { SwitchMessage } from '../stream/control.ts'

interface Claim {
  readonly address: string
  mac: string
  /** The question that is under way; -1: none. */
  id: number
  granted: boolean
  /** Who waits for the first answer. */
  readonly waiting: { resolve(granted: boolean): void; reject(error: NetError): void }[]
}

export class Claims {
  private readonly scheduler: Scheduler
  private readonly ask: (message: object) => void
  private readonly claims = new Map<string, Claim>()
  private nextId = 1

  /** @param ask sends a control message to the switch. */
  constructor(scheduler: Scheduler, ask: (message: object) => void) {
    this.scheduler = scheduler
    this.ask = ask
  }

  /** Whether every claim has been answered. */
  get settled(): boolean {
    for (const claim of this.claims.values()) if (claim.id >= 0) return false
    return true
  }

  /** Claims an address. The process stays alive until the answer is there. @throws NetError EADDRINUSE, ENETDOWN. */
  claim(address: IpAddress, mac: string, force = false): Promise<boolean> {
    const text = address.toString()
    const claim = this.claims.get(text) ?? { address: text, mac: '', id: -1, granted: false, waiting: [] }
    claim.mac = mac.toLowerCase()
    this.claims.set(text, claim)
    this.scheduler.hold()
    return new Promise<boolean>((resolve, reject) => {
      claim.waiting.push({ resolve, reject })
      this.send(claim, force)
    }).finally(() => this.scheduler.release())
  }

  unclaim(address: IpAddress): void {
    const claim = this.claims.get(address.toString())
    if (claim === undefined) return
    this.claims.delete(claim.address)
    refuse(claim, new NetError('ECANCELED', 'claim', { address: claim.address }))
    this.ask({ type: 'unclaim', address: claim.address })
  }

  /** Asks for everything again: the switch is a new one. */
  repeat(): void {
    for (const claim of this.claims.values()) this.send(claim)
  }

  /** The connection is lost. Addresses that were granted stay ours to ask for; who waits for a first answer gets none. */
  interrupt(reason: NetError): void {
    for (const claim of this.claims.values()) {
      claim.id = -1
      if (claim.granted) continue
      this.claims.delete(claim.address)
      refuse(claim, new NetError('ENETDOWN', 'claim', { address: claim.address, cause: reason }))
    }
  }

  /**
   * The switch answered.
   * @returns an error when an address that was ours has gone to another plug in the meantime.
   */
  answered(message: Extract<SwitchMessage, { type: 'granted' | 'refused' }>): NetError | null {
    for (const claim of this.claims.values()) {
      if (claim.id !== message.id) continue
      claim.id = -1
      if (message.type === 'granted') {
        claim.granted = true
        for (const { resolve } of claim.waiting.splice(0)) resolve(message.probe !== true)
        return null
      }
      const error = inUse(claim, message)
      if (claim.granted) return error
      this.claims.delete(claim.address)
      refuse(claim, error)
      return null
    }
    return null
  }

  private send(claim: Claim, force = false): void {
    claim.id = this.nextId++
    const { id, address, mac } = claim
    this.ask({ type: 'claim', id, address, mac, ...(force && { force }) })
  }
}

function refuse(claim: Claim, error: NetError): void {
  for (const { reject } of claim.waiting.splice(0)) reject(error)
}

function inUse({ address }: Claim, message: Extract<SwitchMessage, { type: 'refused' }>): NetError {
  const { holder, reason } = message
  if (holder === undefined) return new NetError('EADDRINUSE', 'claim', { address, message: `${address}: ${reason}` })
  const who = holder.name === '' ? `process ${holder.pid}` : `${holder.name} (process ${holder.pid})`
  return new NetError('EADDRINUSE', 'claim', {
    address,
    message: `${address} is in use on this network by ${who}, ${holder.mac}. Choose another with -a, or see who is there: ioth ps`,
  })
}
