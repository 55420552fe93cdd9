/**
 * The port table: who owns which local port of a node. Ephemeral ports follow RFC 6056.
 *
 * A TCP port conflicts only with a listener, as on hosts where SO_REUSEADDR is set, which Node sets: two sockets may be bound to one
 * port, one of them may listen, and old connections never keep a listener from coming back. A UDP port conflicts with every other
 * holder whose address is the same, unless both said `reuse`; a wildcard has the address of everyone in its family.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import type { Random } from '../contract/clock.ts'
import type { PortBinding, PortTable, Transport } from '../contract/ports.ts'
import type { BindFlags } from '../contract/socket.ts'
import { NetError } from '../errors/net-error.ts'
import { SipHash } from './siphash.ts'

export interface PortTableOptions {
  /** First ephemeral port. @default 32768 */
  readonly first?: number
  /** Last ephemeral port. @default 60999 */
  readonly last?: number
}

/** Makes a port table. Its secret comes from `random`. */
export function createPortTable(random: Random, options: PortTableOptions = {}): PortTable {
  return new Ports(random, options)
}

const TCP: Transport = 6
/** Counters of ephemeral ports: one for each value of eight bits of a destination's hash. */
const COUNTERS = 256

/** What is held of one port of one transport. */
interface PortEntry {
  /** Holders by {@link PortTable.bind}: a list through their `next`. */
  bound: Binding | null
  /** TCP connections that hold it by {@link PortTable.bindFor}. They conflict with nobody, so they are only counted. */
  shared: number
}

/** What is hashed: one for all, as none is kept. */
const words = new Int32Array(9)

class Ports implements PortTable {
  size = 0
  private readonly first: number
  private readonly count: number
  private readonly random: Random
  private readonly hash: SipHash
  private readonly entries = new Map<number, PortEntry>()
  /** RFC 6056 3.3.4: the counters of the double hash. A common one would tell each destination how many connections others got. */
  private counters: Uint16Array | null = null

  constructor(random: Random, options: PortTableOptions) {
    const { first = 32768, last = 60999 } = options
    if (!(first >= 1 && first <= last && last <= 65535)) {
      throw new NetError('EINVAL', 'ports', { message: `${first} to ${last} is not a range of ports` })
    }
    this.first = first
    this.count = last - first + 1
    this.random = random
    this.hash = SipHash.random(random)
  }

  bind(transport: Transport, address: IpAddress, port: number, flags: BindFlags = {}): PortBinding {
    if (!(Number.isInteger(port) && port >= 0 && port <= 65535)) {
      throw new NetError('EINVAL', 'bind', { address: address.toString(), port })
    }
    const binding = new Binding(this, transport, address, port, flags, false)
    if (port === 0) {
      this.chooseUnused(binding)
    } else if (this.conflicts(binding)) {
      throw inUse('bind', binding)
    }
    this.hold(binding)
    return binding
  }

  bindFor(
    transport: Transport,
    address: IpAddress,
    remote: IpAddress,
    remotePort: number,
    free: (port: number) => boolean,
  ): PortBinding {
    const binding = new Binding(this, transport, address, 0, {}, transport === TCP)
    // RFC 6056 3.3.4, algorithm 4: each destination has an offset of its own into the range, and a counter it shares with few.
    const counters = this.counters ?? this.beginCounters()
    const hash = this.hashFor(address, remote, remotePort)
    const offset = hash % this.count
    const counter = hash >>> 24
    for (let tries = 0; tries < this.count; tries++) {
      const index = counters[counter] as number
      binding.port = this.first + ((offset + index) % this.count)
      counters[counter] = (index + 1) % this.count
      if (this.holder(binding) === null && free(binding.port)) {
        this.hold(binding)
        return binding
      }
    }
    throw new NetError('EADDRNOTAVAIL', 'connect', { address: remote.toString(), port: remotePort })
  }

  /** @internal */
  hold(binding: Binding): void {
    const key = keyOf(binding)
    let entry = this.entries.get(key)
    if (entry === undefined) {
      entry = { bound: null, shared: 0 }
      this.entries.set(key, entry)
    }
    if (binding.counted) {
      entry.shared++
    } else {
      binding.next = entry.bound
      entry.bound = binding
    }
    this.size++
  }

  /** @internal */
  drop(binding: Binding): void {
    const key = keyOf(binding)
    const entry = this.entries.get(key) as PortEntry
    if (binding.counted) {
      entry.shared--
    } else if (entry.bound === binding) {
      entry.bound = binding.next
    } else {
      let before = entry.bound as Binding
      while (before.next !== binding) before = before.next as Binding
      before.next = binding.next
    }
    if (entry.bound === null && entry.shared === 0) this.entries.delete(key)
    this.size--
  }

  /** @internal Whether someone else listens where this binding would. */
  hasListener(binding: Binding): boolean {
    let other = this.entries.get(keyOf(binding))?.bound ?? null
    for (; other !== null; other = other.next) {
      if (other === binding || !other.listening || !overlap(other, binding)) continue
      if (!(other.reusePort && binding.reusePort)) return true
    }
    return false
  }

  private conflicts(binding: Binding): boolean {
    if (binding.transport === TCP) return this.hasListener(binding)
    let other = this.entries.get(keyOf(binding))?.bound ?? null
    for (; other !== null; other = other.next) {
      if (overlap(other, binding) && !(other.reuse && binding.reuse)) return true
    }
    return false
  }

  /** Somebody who is bound where this binding would be. */
  private holder(binding: Binding): Binding | null {
    let other = this.entries.get(keyOf(binding))?.bound ?? null
    while (other !== null && !overlap(other, binding)) other = other.next
    return other
  }

  /** RFC 6056 3.3.1: from a random place on, the first port that nobody holds; when there is none, one that only connections hold. */
  private chooseUnused(binding: Binding): void {
    const start = (this.random.int32() >>> 0) % this.count
    for (let tries = 0; tries < this.count; tries++) {
      binding.port = this.first + ((start + tries) % this.count)
      if (!this.entries.has(keyOf(binding))) return
    }
    for (let tries = 0; tries < this.count; tries++) {
      binding.port = this.first + ((start + tries) % this.count)
      if (this.holder(binding) === null) return
    }
    binding.port = 0
    throw inUse('bind', binding)
  }

  /** Made with the first connection: most stacks of many never open one. */
  private beginCounters(): Uint16Array {
    this.counters = Uint16Array.from({ length: COUNTERS }, () => (this.random.int32() >>> 0) % this.count)
    return this.counters
  }

  /** RFC 6056's F and G in one: where in the range the ports for a destination begin, and which counter it has. */
  private hashFor(address: IpAddress, remote: IpAddress, remotePort: number): number {
    words[0] = address.w0
    words[1] = address.w1
    words[2] = address.w2
    words[3] = address.w3
    words[4] = remote.w0
    words[5] = remote.w1
    words[6] = remote.w2
    words[7] = remote.w3
    words[8] = remotePort
    return this.hash.hash(words) >>> 0
  }
}

class Binding implements PortBinding {
  readonly transport: Transport
  readonly address: IpAddress
  port: number
  readonly reuse: boolean
  readonly reusePort: boolean
  /** Held for one TCP connection: counted, not listed. */
  readonly counted: boolean
  /** The wildcard of IPv6 that takes IPv4 too. */
  readonly dual: boolean
  readonly wildcard: boolean
  listening = false
  next: Binding | null = null
  private table: Ports | null

  constructor(
    table: Ports,
    transport: Transport,
    address: IpAddress,
    port: number,
    flags: BindFlags,
    counted: boolean,
  ) {
    this.table = table
    this.transport = transport
    this.address = address.unmapped()
    this.port = port
    this.reuse = flags.reuse === true
    this.reusePort = flags.reusePort === true
    this.counted = counted
    this.wildcard = this.address.isUnspecified
    this.dual = this.wildcard && this.address.family === 6 && flags.ipv6Only !== true
  }

  listen(): void {
    if (this.listening || this.table === null) return
    if (this.table.hasListener(this)) throw inUse('listen', this)
    this.listening = true
  }

  release(): void {
    const { table } = this
    this.table = null
    table?.drop(this)
  }
}

/** Whether there is an address that both take. */
function overlap(a: Binding, b: Binding): boolean {
  if (a.address.family !== b.address.family) return a.dual || b.dual
  return a.wildcard || b.wildcard || a.address.equals(b.address)
}

function keyOf(binding: Binding): number {
  return binding.port * 256 + binding.transport
}

function inUse(syscall: string, { address, port }: Binding): NetError {
  return new NetError('EADDRINUSE', syscall, { address: address.toString(), port })
}
