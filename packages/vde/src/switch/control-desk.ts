/**
 * Answers the control messages of plugs: who has which address, and who is there (docs/stream-plug.md).
 *
 * @module
 */
import type { Clock } from '@ioth/core'
import { type PortInfo, parsePlugMessage } from '../stream/control.ts'
import { MAX_CONTROL, RECORD_HEADER } from '../stream/record.ts'
import type { Fabric } from './fabric.ts'
import type { Port } from './port.ts'
import type { StreamPort } from './stream-port.ts'

/** Addresses told of one port: what fits a control message. */
const ADDRESSES_TOLD = 32

/** What the switch does about what plugs ask. */
export interface DeskHooks {
  count(name: string): void
  /** The plug broke the protocol. */
  expel(port: StreamPort, reason: string): void
}

type Claim = Extract<ReturnType<typeof parsePlugMessage>, { type: 'claim' }>

export class ControlDesk {
  private readonly fabric: Fabric
  private readonly clock: Clock
  private readonly hooks: DeskHooks

  constructor(fabric: Fabric, clock: Clock, hooks: DeskHooks) {
    this.fabric = fabric
    this.clock = clock
    this.hooks = hooks
  }

  /** A control message came. */
  take(port: StreamPort, text: string): void {
    const message = parsePlugMessage(text)
    if (message === null) {
      this.hooks.expel(port, 'control-message')
      return
    }
    switch (message.type) {
      case 'claim':
        this.answer(port, this.claim(port, message))
        break
      case 'unclaim':
        this.fabric.addresses.unclaim(message.address, port.number, this.fabric.vlanOf(port))
        break
      case 'accepts':
        port.take(message.accepts)
        break
      case 'about':
        port.user = { backend: message.backend, listening: message.listening }
        break
      case 'watch':
        this.fabric.watch(port)
        this.answer(port, { type: 'granted', id: message.id })
        break
      case 'ports':
        for (const each of this.fabric.ports) {
          this.answer(port, { type: 'port', id: message.id, port: this.describe(each) })
        }
        this.answer(port, { type: 'end', id: message.id })
        break
      case 'unknown':
        // A newer plug may ask for what we do not know: it is told, and goes on.
        if (message.id !== null) {
          const reason = `this switch does not know "${message.name}"`
          this.answer(port, { type: 'refused', id: message.id, reason })
        }
        break
    }
  }

  describe(port: Port): PortInfo {
    const addresses = []
    for (const each of this.fabric.addresses.of(port.number)) {
      if (addresses.length < ADDRESSES_TOLD) addresses.push(each)
    }
    return {
      ...port.who,
      ...port.user,
      mtu: port.opening.mtu,
      addresses,
      macs: this.fabric.macs.countOf(port.number),
      upMs: Math.max(0, Math.floor((this.clock.now - port.since) / 1000)),
      queued: port.outbox.octets,
      counters: { ...port.counters },
    }
  }

  private claim(port: StreamPort, { id, address, mac, force }: Claim): object {
    const { addresses } = this.fabric
    const refused = (reason: string): object => ({ type: 'refused', id, reason })
    if (!port.opening.frames) return refused('only a plug that takes frames can have an address')
    const vlan = this.fabric.vlanOf(port)
    if (force === true) addresses.free(address, port.number, vlan)
    const owner = addresses.claim(address, port.number, mac, vlan)
    if (owner === null) return { type: 'granted', id, ...(addresses.isUnsure(address, vlan) && { probe: true }) }
    this.hooks.count('claims-refused')
    const holder = this.fabric.port(owner)
    if (holder === undefined) return refused(`a plug can have ${addresses.perPort} addresses`)
    return {
      ...refused(`${address} is in use`),
      holder: { ...holder.who, mac: addresses.macOf(address, this.fabric.vlanOf(port)) },
    }
  }

  private answer(port: StreamPort, message: object): void {
    if (port.state !== 'open') return
    if (port.outbox.room(RECORD_HEADER + MAX_CONTROL)) {
      port.outbox.control(message)
      this.fabric.soil(port)
    } else {
      // Answers that nobody reads would fill the memory: whoever asks must listen.
      this.hooks.expel(port, 'answers-unread')
    }
  }
}
