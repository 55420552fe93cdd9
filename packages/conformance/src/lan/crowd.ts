/**
 * A crowd of clients that never rests: each opens a connection to a service, talks, and ends it in one of many ways (in order, half-closed
 * for a while, aborted by either side, closed with octets unread, refused), then opens the next.
 *
 * @module
 */
import { createSeededRandom, ERROR, type Random, type TcpSocket, uniform, uniformInteger } from '@ioth/core'
import type { Host } from './host.ts'
import type { Lan } from './lan.ts'
import { type Conversation, Service } from './service.ts'

export interface CrowdOptions {
  readonly lan: Lan
  readonly client: Host
  readonly server: Host
  /** Connections at the same time. */
  readonly size: number
  /** @default 1 */
  readonly seed?: number
  /** Octets each side of a connection writes, at most. @default 60000 */
  readonly most?: number
  /** A client rests as long as this after each connection, at most. @default 2000 */
  readonly restMs?: number
}

const PORT = 80
const CLOSED_PORT = 81
/** Silence after which a side asks whether the other still lives: a RST may have been lost. */
const KEEP_ALIVE_S = 5
const WAYS = ['in order', 'half-closed', 'client aborts', 'server aborts', 'unread', 'refused'] as const
type Way = (typeof WAYS)[number]

/** One client and what it is at. */
interface Member {
  readonly way: Way
  readonly since: number
  /** When the disturbance is due, or the next connection. */
  readonly dueAt: number
  readonly talk: Conversation | null
  readonly refused: TcpSocket | null
  /** Whether the server's side keeps itself alive by now, and whether the disturbance has been. */
  guarded: boolean
  disturbed: boolean
}

export class Crowd {
  /** Connections that came to their end, by the way they took. */
  readonly ended: Map<Way, number> = new Map()
  /** The longest life of a connection so far, in microseconds. */
  longest = 0
  private readonly options: Required<CrowdOptions>
  private readonly random: Random
  private readonly service: Service
  private readonly members: Member[] = []
  private isOpen = true

  constructor(options: CrowdOptions) {
    this.options = { seed: 1, most: 60_000, restMs: 2000, ...options }
    this.random = createSeededRandom(this.options.seed)
    this.service = new Service(options.server, PORT, 4 * options.size)
    for (let i = 0; i < options.size; i++) this.members.push(this.next())
  }

  /** What is due now: called again and again while time passes. */
  step(): void {
    const { now } = this.options.lan
    // Backwards: members are taken out on the way.
    for (let index = this.members.length - 1; index >= 0; index--) {
      const member = this.members[index] as Member
      if (this.isOver(member)) {
        if (member.dueAt > now) continue
        this.note(member)
        if (this.isOpen) this.members[index] = this.next()
        else this.members.splice(index, 1)
      } else {
        this.guard(member)
        if (member.dueAt <= now) this.disturb(member)
      }
    }
  }

  /** No more connections are opened; those there are go on. */
  stop(): void {
    this.isOpen = false
  }

  /** Connections that have not come to their end. */
  get open(): number {
    return this.members.filter((member) => !this.isOver(member)).length
  }

  /** Closes the service, and what those hold who were still resting. */
  close(): void {
    for (const { refused } of this.members) refused?.close()
    this.service.close()
  }

  /** What is still open, for failure messages. */
  toString(): string {
    return this.members
      .filter((member) => !this.isOver(member))
      .map(({ way, since, talk }) => `${way} since ${since} µs: ${talk ?? 'a connection nobody takes'}`)
      .join('\n')
  }

  private next(): Member {
    const { lan, client, server, most, restMs } = this.options
    const way = WAYS[uniformInteger(this.random, WAYS.length)] as Way
    const since = lan.now
    const dueAt = since + uniform(this.random) * restMs * 1000
    if (way === 'refused') {
      const refused = client.stack.openTcp(4)
      refused.connect(server.address, CLOSED_PORT)
      return { way, since, dueAt, talk: null, refused, guarded: true, disturbed: true }
    }
    const isLate = way === 'unread' || way.endsWith('aborts')
    const finish = isLate ? 'never' : 'when-written'
    const up = { send: uniformInteger(this.random, most), finish, paused: way === 'unread' } as const
    const down = {
      send: uniformInteger(this.random, most),
      finish: way === 'half-closed' ? 'after-peer' : finish,
    } as const
    const talk = this.service.converse(client, up, down)
    keepAlive(talk.client.socket)
    return { way, since, dueAt, talk, refused: null, guarded: false, disturbed: false }
  }

  private guard(member: Member): void {
    const { guarded, talk } = member
    if (guarded || talk === null || talk.server === null) return
    member.guarded = true
    keepAlive(talk.server.socket)
  }

  private disturb(member: Member): void {
    const { way, talk, disturbed } = member
    if (disturbed || talk === null || (way === 'server aborts' && talk.server === null)) return
    member.disturbed = true
    if (way === 'client aborts' && !talk.client.closed) talk.client.socket.reset()
    if (way === 'server aborts' && talk.server?.closed === false) talk.server.socket.reset()
    if (way === 'unread' && !talk.client.closed) {
      // With nothing unread yet this is an end in order.
      talk.up.ended = true
      talk.client.socket.close()
    }
  }

  private isOver({ talk, refused }: Member): boolean {
    if (talk === null) return (refused as TcpSocket).error !== null || ((refused as TcpSocket).ready & ERROR) !== 0
    return talk.client.closed && (talk.server === null || talk.server.closed)
  }

  private note({ way, since, refused }: Member): void {
    refused?.close()
    this.ended.set(way, (this.ended.get(way) ?? 0) + 1)
    this.longest = Math.max(this.longest, this.options.lan.now - since)
  }
}

function keepAlive(socket: TcpSocket): void {
  if (socket.error !== null) return
  socket.setOption('keepAliveDelay', KEEP_ALIVE_S)
  socket.setOption('keepAlive', 1)
}
