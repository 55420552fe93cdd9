/**
 * The ports of a node: which member holds which, who listens, and whose turn it is. Conflicts are the port table's of core, so that they
 * are the same as within one process; ephemeral ports of connections are lent in blocks, for which members need not ask each time.
 *
 * @module
 */
import {
  type BindFlags,
  createPortTable,
  formatListening,
  type IpAddress,
  NetError,
  type PortBinding,
  type PortTable,
  type Random,
  type Transport,
} from '@ioth/core'
import type { Tuple } from './tuple.ts'

// Of the ephemeral ports (as on Linux, 32768 to 60999) the lower half is for those who bind, the upper for connections.
const FIRST_BOUND = 32_768
const LAST_BOUND = 46_887
const FIRST_LENT = 46_888
const LAST_LENT = 60_999
/** Ports of a block. */
const BLOCK = 32
const BLOCKS = (LAST_LENT - FIRST_LENT + 1) / BLOCK

/** A place that is held in the port table, by one member or by several that share it. */
interface Place {
  readonly binding: PortBinding
  readonly transport: Transport
  readonly isDual: boolean
  holdings: number
}

/** A member's hold on a port. */
export interface Holding<Owner> {
  readonly owner: Owner
  readonly place: Place
  isListening: boolean
  isReleased: boolean
}

export class NodePorts<Owner> {
  private readonly table: PortTable
  private readonly random: Random
  private readonly holdings = new Map<number, Holding<Owner>[]>()
  private readonly blocks: (Owner | null)[] = new Array(BLOCKS).fill(null)

  constructor(random: Random) {
    this.random = random
    this.table = createPortTable(random, { first: FIRST_BOUND, last: LAST_BOUND })
  }

  /** @throws NetError EADDRINUSE */
  bind(owner: Owner, transport: Transport, address: IpAddress, port: number, flags: BindFlags): Holding<Owner> {
    const binding = this.table.bind(transport, address, port, flags)
    const isDual = address.family === 6 && address.isUnspecified && flags.ipv6Only !== true
    return this.hold(owner, { binding, transport, isDual, holdings: 0 })
  }

  /** Another member holds the same: listeners get the port's connections in turn. */
  share(owner: Owner, of: Holding<Owner>): Holding<Owner> {
    return this.hold(owner, of.place)
  }

  /** @throws NetError EADDRINUSE */
  listen(holding: Holding<Owner>): void {
    holding.place.binding.listen()
    holding.isListening = true
  }

  release(holding: Holding<Owner>): void {
    if (holding.isReleased) return
    holding.isReleased = true
    const { place } = holding
    const key = keyOf(place.transport, place.binding.port)
    const rest = (this.holdings.get(key) ?? []).filter((other) => other !== holding)
    if (rest.length === 0) this.holdings.delete(key)
    else this.holdings.set(key, rest)
    if (--place.holdings === 0) place.binding.release()
  }

  /** Who gets a new connection to a port; takes turns. */
  listenerOf(tuple: Tuple): Owner | null {
    return this.choose(6, tuple, (holding) => holding.isListening)
  }

  /** Who gets a datagram to a port: of several places the one that was taken last, of those who share it each in turn. */
  receiverOf(tuple: Tuple): Owner | null {
    return this.choose(17, tuple, () => true)
  }

  /** @throws NetError EADDRNOTAVAIL when all ports are lent. @returns the first port and how many. */
  lend(owner: Owner): { first: number; count: number } {
    const start = (this.random.int32() >>> 0) % BLOCKS
    for (let step = 0; step < BLOCKS; step++) {
      const index = (start + step) % BLOCKS
      if (this.blocks[index] !== null) continue
      this.blocks[index] = owner
      return { first: FIRST_LENT + index * BLOCK, count: BLOCK }
    }
    throw new NetError('EADDRNOTAVAIL', 'connect', { message: 'all ephemeral ports of this node are in use' })
  }

  /** A port that a member's connections use already: its block is not lent to others. */
  keep(owner: Owner, port: number): void {
    if (port < FIRST_LENT || port > LAST_LENT) return
    this.blocks[Math.floor((port - FIRST_LENT) / BLOCK)] ??= owner
  }

  /** What is listened on: `80/tcp`. UDP ports of the ephemeral range are those of clients. */
  get listening(): string[] {
    const found: { transport: Transport; port: number }[] = []
    for (const holdings of this.holdings.values()) {
      for (const { isListening, place } of holdings) {
        const { transport, binding } = place
        const isServer = transport === 17 ? binding.port < FIRST_BOUND : isListening
        if (isServer) found.push({ transport, port: binding.port })
      }
    }
    return formatListening(found)
  }

  /** The member is gone. */
  leave(owner: Owner): void {
    for (const holdings of [...this.holdings.values()]) {
      for (const holding of holdings) if (holding.owner === owner) this.release(holding)
    }
    for (let index = 0; index < BLOCKS; index++) if (this.blocks[index] === owner) this.blocks[index] = null
  }

  private hold(owner: Owner, place: Place): Holding<Owner> {
    const holding = { owner, place, isListening: false, isReleased: false }
    place.holdings++
    const key = keyOf(place.transport, place.binding.port)
    const others = this.holdings.get(key)
    if (others === undefined) this.holdings.set(key, [holding])
    else others.push(holding)
    return holding
  }

  private choose(transport: Transport, tuple: Tuple, isFit: (holding: Holding<Owner>) => boolean): Owner | null {
    const holdings = this.holdings.get(keyOf(transport, tuple.localPort))
    if (holdings === undefined) return null
    let best: Holding<Owner> | null = null
    for (const holding of holdings) {
      if (!isFit(holding)) continue
      const rank = rankOf(holding.place, tuple)
      if (rank === 0) continue
      const bestRank = best === null ? 0 : rankOf(best.place, tuple)
      // Of equals the first has waited longest; another place that came later goes before.
      const isBetter = rank > bestRank || (rank === bestRank && transport === 17 && holding.place !== best?.place)
      if (isBetter) best = holding
    }
    if (best === null) return null
    if (holdings.length > 1) {
      holdings.splice(holdings.indexOf(best), 1)
      holdings.push(best)
    }
    return best.owner
  }
}

/** How well a place fits a destination; 0: not at all. */
function rankOf({ binding: { address }, isDual }: Place, tuple: Tuple): number {
  if (address.isUnspecified) {
    if (address.family === 4) return tuple.isV4 ? 2 : 0
    return tuple.isV4 ? (isDual ? 1 : 0) : 2
  }
  const { w0, w1, w2, w3 } = address
  return w3 === tuple.local3 && w2 === tuple.local2 && w1 === tuple.local1 && w0 === tuple.local0 ? 3 : 0
}

function keyOf(transport: Transport, port: number): number {
  return port * 256 + transport
}
