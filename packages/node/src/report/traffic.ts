/**
 * What a program spoke to, for `--report`: one entry for each destination, protocol and network, however many connections there were.
 *
 * @module
 */

export type Direction = 'out' | 'in'
export type Protocol = 'tcp' | 'udp' | 'dns'

/** What entries are told apart by. */
export interface Place {
  /** `out`: opened here, to this address. `in`: taken here, at this address of ours. */
  readonly direction: Direction
  readonly protocol: Protocol
  /** An address; of `dns` the name that was looked up. */
  readonly address: string
  /** 0 for `dns`. */
  readonly port: number
  /** The name of the stack, or `host`. */
  readonly network: string
  /** Which rule of `--host` led to the host; null: none. */
  readonly rule: string | null
}

export interface Entry extends Place {
  /** Connections, datagrams or questions. */
  count: number
  /** Of those, connections that failed. */
  failed: number
  /** Octets of payload. */
  sent: number
  received: number
  /** A name that this address was found under. */
  name?: string
}

/** The octets of a connection so far. */
export type Meter = () => readonly [sent: number, received: number]

/** A connection that is counted. */
export interface Followed {
  failed(): void
  /** Idempotent. */
  end(): void
}

/** Entries of their own; what comes beyond is counted together. */
const MOST_ENTRIES = 10_000
const MOST_NAMES = 10_000

export class Traffic {
  private readonly entries = new Map<string, Entry>()
  private readonly live = new Map<Meter, Entry>()
  private readonly names = new Map<string, string>()

  /** A connection begins, whose octets are read when it ends, or for the report. */
  follow(place: Place, meter: Meter): Followed {
    const entry = this.entry(place)
    entry.count++
    this.live.set(meter, entry)
    return {
      failed: () => {
        entry.failed++
      },
      end: () => {
        if (this.live.delete(meter)) add(entry, meter)
      },
    }
  }

  /** Something that is over when it has happened: a datagram, a question. */
  add(place: Place, sent: number, received: number): void {
    const entry = this.entry(place)
    entry.count++
    entry.sent += sent
    entry.received += received
  }

  /** An address was found under a name. */
  named(address: string, name: string): void {
    if (this.names.size < MOST_NAMES) this.names.set(address, name)
  }

  /** Everything until now; live connections go on. */
  list(): Entry[] {
    const all = new Map([...this.entries.values()].map((entry) => [entry, { ...entry }]))
    for (const [meter, entry] of this.live) add(all.get(entry) as Entry, meter)
    return [...all.values()].map((entry) => {
      const name = this.names.get(entry.address)
      return name === undefined ? entry : { ...entry, name }
    })
  }

  private entry(place: Place): Entry {
    const key = `${place.direction} ${place.protocol} ${place.address} ${place.port} ${place.network} ${place.rule ?? ''}`
    const known = this.entries.get(key)
    if (known !== undefined) return known
    if (this.entries.size >= MOST_ENTRIES) return this.others(place)
    const made = { ...place, count: 0, failed: 0, sent: 0, received: 0 }
    this.entries.set(key, made)
    return made
  }

  private others({ direction, protocol, network }: Place): Entry {
    const key = `${direction} ${protocol} others ${network}`
    let others = this.entries.get(key)
    if (others === undefined) {
      others = {
        direction,
        protocol,
        address: 'others',
        port: 0,
        network,
        rule: null,
        count: 0,
        failed: 0,
        sent: 0,
        received: 0,
      }
      this.entries.set(key, others)
    }
    return others
  }
}

function add(entry: Entry, meter: Meter): void {
  const [sent, received] = meter()
  entry.sent += sent
  entry.received += received
}
