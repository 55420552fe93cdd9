/**
 * A port table that keeps the network informed of what is listened on: for `ioth ps`, and whoever else looks.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import type { Link } from '../contract/link.ts'
import type { PortBinding, PortTable, Transport } from '../contract/ports.ts'
import { Job, type Scheduler } from '../contract/scheduler.ts'
import type { BindFlags } from '../contract/socket.ts'
import { formatListening } from '../ports/format-listening.ts'

const UDP: Transport = 17

/**
 * Introduces a stack to its network, at once and whenever it listens on another port: TCP ports with a listener, and UDP ports that were
 * asked for by number.
 * @returns the table that the stack has to use.
 */
export function introducingPorts(table: PortTable, link: Link, backend: string, scheduler: Scheduler): PortTable {
  return new IntroducingPorts(table, link, backend, scheduler)
}

/** Tells once in a turn, however many ports have changed. */
class IntroducingPorts extends Job implements PortTable {
  /** @internal */
  readonly listening = new Set<Told>()
  private readonly table: PortTable
  private readonly link: Link
  private readonly backend: string
  private readonly scheduler: Scheduler

  constructor(table: PortTable, link: Link, backend: string, scheduler: Scheduler) {
    super()
    this.table = table
    this.link = link
    this.backend = backend
    this.scheduler = scheduler
    this.run()
  }

  get size(): number {
    return this.table.size
  }

  bind(transport: Transport, address: IpAddress, port: number, flags?: BindFlags): PortBinding {
    const binding = new Told(this, this.table.bind(transport, address, port, flags))
    if (transport === UDP && port !== 0) this.tell(binding)
    return binding
  }

  bindFor(
    transport: Transport,
    address: IpAddress,
    remote: IpAddress,
    remotePort: number,
    free: (port: number) => boolean,
  ): PortBinding {
    return this.table.bindFor(transport, address, remote, remotePort, free)
  }

  /** @internal */
  tell(binding: Told): void {
    this.listening.add(binding)
    this.scheduler.defer(this)
  }

  /** @internal */
  forget(binding: Told): void {
    if (this.listening.delete(binding)) this.scheduler.defer(this)
  }

  override run(): void {
    this.link.introduce?.({ backend: this.backend, listening: formatListening(this.listening) })
  }
}

class Told implements PortBinding {
  private readonly owner: IntroducingPorts
  private readonly inner: PortBinding

  constructor(owner: IntroducingPorts, inner: PortBinding) {
    this.owner = owner
    this.inner = inner
  }

  get transport(): Transport {
    return this.inner.transport
  }

  get address(): IpAddress {
    return this.inner.address
  }

  get port(): number {
    return this.inner.port
  }

  listen(): void {
    this.inner.listen()
    this.owner.tell(this)
  }

  release(): void {
    this.owner.forget(this)
    this.inner.release()
  }
}
