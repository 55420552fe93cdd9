/**
 * The port table of a process that may become one of several members of a node: its own at first, the hub's from then on.
 *
 * @module
 */
import {
  type BindFlags,
  createPortTable,
  hasCode,
  type IpAddress,
  NetError,
  type PortBinding,
  type PortTable,
  parseIpAddress,
  type Random,
  type Transport,
} from '@ioth/core'
import type { Desk } from './desk.ts'
import type { ConnectionNumbers, HeldConnection, HeldPort } from './desk-protocol.ts'

export class MemberPorts implements PortTable {
  private readonly random: Random
  private readonly own: PortTable
  private readonly bindings = new Set<MemberBinding>()
  /** Blocks of ephemeral ports that the hub lent. */
  private readonly blocks: PortTable[] = []
  private desk: Desk | null = null
  /** What the next `bind` is to share. */
  private sharing: number | null = null

  constructor(random: Random) {
    this.random = random
    this.own = createPortTable(random)
  }

  get size(): number {
    return this.blocks.reduce(
      (sum, { size }) => sum + size,
      this.own.size + (this.desk === null ? 0 : this.bindings.size),
    )
  }

  /** What is held, in the order in which {@link moveTo} takes the hub's numbers for it. */
  get held(): readonly HeldPort[] {
    return [...this.bindings].map((binding) => binding.describe())
  }

  /** From now on the hub is asked. @param ids what it calls the ports that are held already. */
  moveTo(desk: Desk, ids: readonly number[]): void {
    this.desk = desk
    let index = 0
    for (const binding of this.bindings) binding.moveTo(desk, ids[index++] as number)
  }

  bind(transport: Transport, address: IpAddress, port: number, flags: BindFlags = {}): PortBinding {
    const { desk } = this
    if (this.sharing !== null) return this.share(this.sharing)
    const binding =
      desk === null
        ? new MemberBinding(this.bindings, transport, address, flags, this.own.bind(transport, address, port, flags))
        : this.ask(desk, transport, address, port, flags)
    this.bindings.add(binding)
    return binding
  }

  /** Offers a port that is held here to another member. @returns what it takes it by; null: nobody holds it, or there is no hub. */
  offer(transport: Transport, address: IpAddress, port: number): number | null {
    const { desk } = this
    if (desk === null) return null
    for (const binding of this.bindings) {
      if (binding.transport !== transport || binding.port !== port || !binding.address.equals(address.unmapped()))
        continue
      return desk.ask({ op: 'offer', id: binding.id }).id ?? null
    }
    return null
  }

  /** Runs a function whose `bind` gets a port that another member holds. */
  whileSharing<T>(id: number, run: () => T): T {
    this.sharing = id
    try {
      return run()
    } finally {
      this.sharing = null
    }
  }

  /** Tells the hub that a connection leaves this member, stays after all, or has come to it. @throws NetError ECONNRESET when it is no more. */
  move(op: 'move-out' | 'move-back' | 'move-in', { local, localPort, remote, remotePort }: HeldConnection): void {
    this.desk?.ask({ op, local, localPort, remote, remotePort })
  }

  /** Tells the hub where a connection stands that has left. */
  moved(connection: HeldConnection, numbers: ConnectionNumbers): void {
    this.desk?.tell({ op: 'moved', ...connection, ...numbers })
  }

  private share(id: number): PortBinding {
    const { desk } = this
    if (desk === null) throw new NetError('EBADF', 'bind')
    const answer = desk.ask({ op: 'share', id })
    const address = parseIpAddress(answer.address as string)
    const binding = new MemberBinding(this.bindings, answer.transport as Transport, address, {}, null)
    binding.port = answer.port as number
    binding.moveTo(desk, answer.id as number)
    this.bindings.add(binding)
    return binding
  }

  bindFor(
    transport: Transport,
    address: IpAddress,
    remote: IpAddress,
    remotePort: number,
    free: (port: number) => boolean,
  ): PortBinding {
    const { desk } = this
    if (desk === null) return this.own.bindFor(transport, address, remote, remotePort, free)
    // Of a hub that is gone, no port is of use.
    if (desk.isGone) desk.ask({ op: 'lend' })
    for (const block of this.blocks) {
      try {
        return block.bindFor(transport, address, remote, remotePort, free)
      } catch (error) {
        if (!hasCode(error, 'EADDRNOTAVAIL')) throw error
      }
    }
    const { first, count } = desk.ask({ op: 'lend' }) as { first: number; count: number }
    const block = createPortTable(this.random, { first, last: first + count - 1 })
    this.blocks.push(block)
    return block.bindFor(transport, address, remote, remotePort, free)
  }

  private ask(desk: Desk, transport: Transport, address: IpAddress, port: number, flags: BindFlags): MemberBinding {
    if (!(Number.isInteger(port) && port >= 0 && port <= 65535)) {
      throw new NetError('EINVAL', 'bind', { address: address.toString(), port })
    }
    const binding = new MemberBinding(this.bindings, transport, address, flags, null)
    try {
      const answer = desk.ask({ op: 'bind', transport, address: address.toString(), port, ...flags })
      binding.port = answer.port as number
      binding.moveTo(desk, answer.id as number)
    } catch (error) {
      throw hasCode(error, 'EADDRINUSE') ? inUse('bind', address, port) : error
    }
    return binding
  }
}

class MemberBinding implements PortBinding {
  readonly transport: Transport
  readonly address: IpAddress
  port: number
  private readonly flags: BindFlags
  private readonly all: Set<MemberBinding>
  private own: PortBinding | null
  private desk: Desk | null = null
  id = 0
  private isListening = false

  constructor(
    all: Set<MemberBinding>,
    transport: Transport,
    address: IpAddress,
    flags: BindFlags,
    own: PortBinding | null,
  ) {
    this.all = all
    this.transport = transport
    this.address = own?.address ?? address.unmapped()
    this.flags = flags
    this.own = own
    this.port = own?.port ?? 0
  }

  describe(): HeldPort {
    const { transport, address, port, flags, isListening } = this
    return { transport, address: address.toString(), port, ...flags, isListening }
  }

  moveTo(desk: Desk, id: number): void {
    this.own?.release()
    this.own = null
    this.desk = desk
    this.id = id
  }

  listen(): void {
    if (this.isListening || !this.all.has(this)) return
    this.own?.listen()
    try {
      this.desk?.ask({ op: 'listen', id: this.id })
    } catch (error) {
      throw hasCode(error, 'EADDRINUSE') ? inUse('listen', this.address, this.port) : error
    }
    this.isListening = true
  }

  release(): void {
    if (!this.all.delete(this)) return
    this.own?.release()
    this.desk?.tell({ op: 'release', id: this.id })
  }
}

/** The same error object as that of a table of one's own. */
function inUse(syscall: string, address: IpAddress, port: number): NetError {
  return new NetError('EADDRINUSE', syscall, { address: address.toString(), port })
}
