/**
 * The hub of a node: holds the plug, answers for the node by a stack of its own (ARP, neighbour discovery, ping, refusals), owns the
 * port table, and hands each frame to the member that it is for.
 *
 * @module
 */
import { chmodSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import {
  Alarm,
  type Backend,
  copyEntry,
  createBatch,
  createPipe,
  type FrameBatch,
  type FramePool,
  FULL_OFFLOAD,
  type Interface,
  type Link,
  type LinkSink,
  type LinkState,
  NetError,
  type Offload,
  parseIpAddress,
  parseMac,
  releaseAll,
  retainFrame,
  type Scheduler,
  type Stack,
  type StackConfig,
  Task,
} from '@ioth/core'
import { createStack } from '@ioth/core/registry'
import type { HubConnection } from './connection-table.ts'
import {
  type Answer,
  type ConnectionNumbers,
  DESK_SOCKET,
  FRAMES_SOCKET,
  type HeldConnection,
  type Membership,
  type PortClaim,
  type Question,
} from './desk-protocol.ts'
import { serveDesk } from './desk-server.ts'
import { FrontLink } from './front-link.ts'
import { MemberPort, type MemberPortHandler } from './member-port.ts'
import { networkOf } from './node-network.ts'
import type { Holding } from './node-ports.ts'
import { withReset } from './reset-frame.ts'
import { Router } from './router.ts'
import { Transit } from './transit.ts'
import { Tuple } from './tuple.ts'
import { Upstream } from './upstream.ts'

const SECOND = 1_000_000
/** Frames that may wait for the front stack. */
const FRONT_QUEUE = 4_096
/** Members of a node, at most. */
const MOST_MEMBERS = 1_024
/** Ports that one member may hold. */
const MOST_PORTS = 65_536

export interface HubOptions {
  readonly dir: string
  /** The node's configuration. */
  readonly config: StackConfig
  /** The link to the network, when it is at hand: then the configuration's is not looked at. It belongs to the hub from now on. */
  readonly link?: Link
  /** Where names of backends are resolved from. */
  readonly from?: readonly string[]
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** The front stack's, when it is at hand. */
  readonly backend?: Backend
  /** The last member left. */
  readonly onEmpty?: () => void
}

export interface NodeHub {
  readonly front: Stack
  readonly members: number
  close(): Promise<void>
}

/** Starts a hub. @throws NetError as `createStack`, when the addresses cannot be had. */
export async function createHub(options: HubOptions): Promise<NodeHub> {
  const hub = new Hub(options)
  try {
    await hub.start()
  } catch (error) {
    await hub.close()
    throw error
  }
  return hub
}

class Member {
  readonly number: number
  port: MemberPort | null = null
  /** What it was told of the network last, as JSON. */
  network = ''
  readonly holdings: Map<number, Holding<Member>> = new Map()

  constructor(number: number) {
    this.number = number
  }

  send(batch: FrameBatch, index: number): void {
    this.port?.send(batch, index)
  }
}

class Hub implements NodeHub, LinkSink, MemberPortHandler {
  readonly accepts: Offload = FULL_OFFLOAD
  front!: Stack
  private readonly options: HubOptions
  private readonly membersByNumber = new Map<number, Member>()
  private readonly memberOfPort = new Map<MemberPort, Member>()
  private readonly paused = new Set<MemberPort>()
  /** Ports that are on their way to another member, and who gave them. */
  private readonly offers = new Map<number, Member>()
  private readonly servers: Server[] = []
  private readonly sockets = new Set<Socket>()
  private readonly clock: Alarm
  /** Deferred when the front stack has learned something. */
  private readonly telling: Task
  private router!: Router<Member>
  private upstream!: Upstream
  private transit!: Transit<Member>
  private frontLink!: FrontLink
  private link!: Link
  private nextMember = 1
  private nextHolding = 1
  private isClosed = false
  /** What the network was told that is listened on; null: nothing yet. */
  private told: string | null = null
  private mac = { high: 0, low: 0 }

  constructor(options: HubOptions) {
    this.options = options
    this.clock = new Alarm(() => this.tick())
    this.telling = new Task(() => this.tellNetwork())
  }

  get members(): number {
    return this.membersByNumber.size
  }

  async start(): Promise<void> {
    const { link, config, scheduler, pool, backend, from } = this.options
    const hands = {
      scheduler,
      pool,
      ...(from === undefined ? {} : { from }),
      ...(backend === undefined ? {} : { backend }),
      ...(link === undefined ? { wrap: (opened: Link) => this.plugIn(opened) } : { link: this.plugIn(link) }),
    }
    const onEvent = (): void => scheduler.defer(this.telling)
    this.front = await createStack({ ...config, stack: 'ts' }, { ...hands, onEvent })
    await this.listen(DESK_SOCKET, (socket) => this.openDesk(socket))
    await this.listen(FRAMES_SOCKET, (socket) => {
      new MemberPort(socket, { scheduler, pool, mtu: this.link.mtu, handler: this })
    })
    scheduler.clock.arm(this.clock, scheduler.clock.now + SECOND)
  }

  /** Stands between the network and all stacks of the node. @returns the front stack's link. */
  private plugIn(link: Link): Link {
    const { config, scheduler, pool } = this.options
    if (link.type !== 'ethernet') {
      throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'hub', {
        message: `several processes on one address need an Ethernet, and ${link.name} carries IP packets only. Use a tap, or --children=host`,
      })
    }
    const mac = parseMac(config.mac ?? '')
    const view = new DataView(mac.buffer)
    this.mac = { high: view.getUint16(0), low: view.getInt32(2) }
    const queue = { queueFrames: FRONT_QUEUE, offload: FULL_OFFLOAD, name: link.name }
    const [frontEnd, routerEnd] = createPipe({ scheduler, pool, mtu: link.mtu, ...queue })
    this.link = link
    this.transit = new Transit(pool)
    this.upstream = new Upstream(link, pool)
    this.frontLink = new FrontLink(frontEnd, link)
    this.router = new Router<Member>({
      random: scheduler.random,
      network: this.upstream,
      front: new FrontPort(routerEnd, pool),
      members: { [Symbol.iterator]: () => this.membersByNumber.values() },
      macHigh: this.mac.high,
      macLow: this.mac.low,
      owns: (tuple) => this.owns(tuple),
      hold: (connection, batch, index) => this.transit.hold(connection, batch, index),
    })
    routerEnd.attach(new FrontSink((batch) => this.fromFront(batch)))
    link.attach(this)
    return this.frontLink
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    this.options.scheduler.clock.disarm(this.clock)
    for (const server of this.servers) server.close()
    for (const socket of this.sockets) socket.destroy()
    for (const port of [...this.memberOfPort.keys()]) port.close()
    await this.front?.close()
    await this.link?.close()
  }

  // ---- frames ----

  /** From the network. */
  frames(batch: FrameBatch): void {
    for (let index = 0; index < batch.count; index++) this.router.arrives(batch, index)
  }

  private fromFront(batch: FrameBatch): void {
    for (let index = 0; index < batch.count; index++) this.router.leaves(batch, index, null)
    this.upstream.flush()
  }

  writable(): void {
    this.upstream.drain()
    if (this.upstream.isCongested) return
    for (const port of this.paused) port.resume()
    this.paused.clear()
  }

  changed(state: LinkState, reason?: NetError): void {
    if (state === 'lost' || state === 'closed') {
      this.upstream.clear()
      this.writable()
    }
    this.frontLink.networkChanged(state, reason)
    for (const member of this.membersByNumber.values()) {
      member.port?.control({ type: 'state', state, ...(reason === undefined ? {} : { reason: reason.message }) })
    }
  }

  // ---- MemberPortHandler ----

  opened(port: MemberPort, number: number): boolean {
    const member = this.membersByNumber.get(number)
    if (member === undefined || member.port !== null) return false
    member.port = port
    this.memberOfPort.set(port, member)
    return true
  }

  begun(): void {
    this.tellNetwork()
  }

  takes(port: MemberPort, batch: FrameBatch): boolean {
    const member = this.memberOfPort.get(port)
    if (member === undefined) return true
    for (let index = 0; index < batch.count; index++) this.router.leaves(batch, index, member)
    this.upstream.flush()
    if (!this.upstream.isCongested) return true
    this.paused.add(port)
    return false
  }

  closed(port: MemberPort): void {
    this.paused.delete(port)
    const member = this.memberOfPort.get(port)
    this.memberOfPort.delete(port)
    if (member?.port === port) member.port = null
  }

  // ---- the desk ----

  private openDesk(socket: Socket): void {
    let member: Member | null = null
    serveDesk(socket, {
      asked: (question) => {
        if (member !== null) return this.answer(member, question)
        if (question.op !== 'join') throw new NetError('ERR_IOTH_PROTOCOL', 'desk', { message: 'join first' })
        member = this.join(question)
        return { membership: this.membership(member) }
      },
      left: () => {
        if (member !== null) this.leave(member)
      },
    })
  }

  private join(question: Extract<Question, { op: 'join' }>): Member {
    if (this.membersByNumber.size >= MOST_MEMBERS) {
      throw new NetError('EMFILE', 'join', { message: `a node has ${MOST_MEMBERS} processes and threads at most` })
    }
    const member = new Member(this.nextMember++)
    this.membersByNumber.set(member.number, member)
    for (const { isListening, ...claim } of question.ports) {
      const holding = this.bind(member, claim).holding
      if (isListening) this.router.ports.listen(holding)
    }
    for (const connection of question.connections) {
      this.router.ports.keep(member, connection.localPort)
      this.router.connections.claim(tupleOf(connection), member)
    }
    return member
  }

  private membership(member: Member): Membership {
    const { config } = this.options
    const { link } = this
    const network = networkOf(this.front)
    member.network = JSON.stringify(network)
    return {
      member: member.number,
      ids: [...member.holdings.keys()],
      mtu: link.mtu,
      network,
      config: {
        ...config,
        dhcp: false,
        slaac: false,
        addresses: network.addresses,
        gateways: network.routes.filter(({ to }) => to.endsWith('/0')).map(({ via }) => via),
        nameServers: network.nameServers,
        searchDomains: network.searchDomains,
      },
    }
  }

  private answer(member: Member, question: Question): Answer | null {
    const { ports } = this.router
    switch (question.op) {
      case 'bind': {
        const { id, holding } = this.bind(member, question)
        return { id, port: holding.place.binding.port }
      }
      case 'offer': {
        const of = member.holdings.get(question.id)
        if (of === undefined) throw new NetError('EBADF', 'offer')
        const id = this.note(member, ports.share(member, of))
        this.offers.set(id, member)
        return { id }
      }
      case 'share': {
        const giver = this.offers.get(question.id)
        const of = giver?.holdings.get(question.id)
        if (giver === undefined || of === undefined) throw new NetError('EBADF', 'share')
        const id = this.note(member, ports.share(member, of))
        this.offers.delete(question.id)
        giver.holdings.delete(question.id)
        ports.release(of)
        const { address, port } = of.place.binding
        return { id, port, address: address.toString(), transport: of.place.transport }
      }
      case 'listen': {
        const holding = member.holdings.get(question.id)
        if (holding === undefined) throw new NetError('EBADF', 'listen')
        ports.listen(holding)
        return {}
      }
      case 'release': {
        const holding = member.holdings.get(question.id)
        member.holdings.delete(question.id)
        if (holding !== undefined) ports.release(holding)
        return null
      }
      case 'lend':
        return ports.lend(member)
      case 'move-out':
        this.moveOut(member, tupleOf(question))
        return {}
      case 'moved':
        this.moved(tupleOf(question), question)
        return null
      case 'move-back':
        this.moveBack(member, tupleOf(question))
        return {}
      case 'move-in':
        this.moveIn(member, tupleOf(question))
        return {}
      default:
        throw new NetError('ERR_IOTH_PROTOCOL', 'desk', { message: 'this hub does not know that question' })
    }
  }

  private moveOut(member: Member, tuple: Tuple): void {
    const { connections } = this.router
    const connection = connections.claim(tuple, member)
    if (connection === null) return
    this.claimPeer(member, connection)
    connection.owner = null
    this.transit.begin(connection, connections.now)
  }

  /** The other end may be in the same stack, whose loopback has shown nothing of it: what comes for it from now on has to find it. */
  private claimPeer(member: Member, connection: HubConnection<Member>): void {
    const { connections } = this.router
    const tuple = new Tuple().reverse(connection)
    if (!this.owns(tuple)) return
    const known = connections.find(tuple)
    const peer = known === null || known.isOver ? connections.claim(tuple, member) : null
    if (peer === null) return
    for (const end of [connection, peer]) {
      end.macHigh = this.mac.high
      end.macLow = this.mac.low
    }
  }

  private moved(tuple: Tuple, { sndNxt, rcvNxt, hasEnded }: ConnectionNumbers): void {
    const { connections } = this.router
    const connection = connections.find(tuple)
    const peer = connections.find(new Tuple().reverse(tuple))
    connection?.place(sndNxt, rcvNxt)
    peer?.place(rcvNxt, sndNxt)
    if (!hasEnded) return
    if (connection !== null) connection.finReceived = true
    if (peer !== null) peer.finSent = true
  }

  private moveBack(member: Member, tuple: Tuple): void {
    this.moveIn(member, tuple)
    const { connections } = this.router
    const other = new Tuple().reverse(tuple)
    if (!this.owns(other)) return
    // Of a looped connection none of whose segments passed here, none will: to the table it is over.
    for (const end of [connections.find(tuple), connections.find(other)]) {
      if (end?.hasNumbers === false) end.isReset = true
    }
  }

  private moveIn(member: Member, tuple: Tuple): void {
    const connection = this.router.connections.find(tuple)
    if (connection === null) throw new NetError('ECONNRESET', 'move-in', { message: 'the connection is no more' })
    connection.owner = member
    this.transit.end(connection, (batch) => {
      for (let index = 0; index < batch.count; index++) member.send(batch, index)
    })
  }

  private owns(tuple: Tuple): boolean {
    if (tuple.isV4 ? tuple.local3 >>> 24 === 127 : tuple.local.isLoopback) return true
    const [plug] = this.front.interfaces as [Interface]
    return plug.addresses.some(({ address }) => tuple.isLocal(address))
  }

  private bind(member: Member, claim: PortClaim): { id: number; holding: Holding<Member> } {
    const { transport, address, port, ...flags } = claim
    if (member.holdings.size >= MOST_PORTS) throw new NetError('EMFILE', 'bind')
    const holding = this.router.ports.bind(member, transport, parseIpAddress(address), port, flags)
    return { id: this.note(member, holding), holding }
  }

  private note(member: Member, holding: Holding<Member>): number {
    const id = this.nextHolding++
    member.holdings.set(id, holding)
    return id
  }

  /** Its process or thread is gone: its ports are free, its connections are over. */
  private leave(member: Member): void {
    this.membersByNumber.delete(member.number)
    for (const id of member.holdings.keys()) this.offers.delete(id)
    member.port?.close()
    this.router.ports.leave(member)
    for (const connection of this.router.connections.take(member)) this.reset(connection)
    this.upstream.flush()
    if (this.membersByNumber.size === 0) this.options.onEmpty?.()
  }

  private reset(connection: HubConnection<Member>): void {
    if (connection.isOver || !connection.hasNumbers) return
    withReset(this.options.pool, this.mac.high, this.mac.low, connection, (batch) => this.router.leaves(batch, 0, null))
  }

  /** To members that know something else. */
  private tellNetwork(): void {
    if (this.isClosed || this.membersByNumber.size === 0) return
    const network = networkOf(this.front)
    const text = JSON.stringify(network)
    for (const member of this.membersByNumber.values()) {
      if (member.network === text || member.port?.control({ type: 'network', network }) !== true) continue
      member.network = text
    }
  }

  /** For those who look at the network: the node's stack and ports, when they have changed. */
  private introduce(): void {
    const { listening } = this.router.ports
    const told = listening.join(' ')
    if (told === this.told) return
    this.told = told
    this.link.introduce?.({ backend: this.options.config.stack ?? 'ts', listening })
  }

  // ---- time, sockets ----

  private tick(): void {
    const { clock } = this.options.scheduler
    const { connections } = this.router
    connections.tick()
    this.introduce()
    // A renewed lease may bring other name servers, and nothing that the stack calls an event.
    this.tellNetwork()
    for (const connection of this.transit.overdue(connections.now)) {
      this.transit.end(connection, () => {})
      connections.remove(connection)
      this.reset(connection)
    }
    clock.arm(this.clock, clock.now + SECOND)
  }

  private async listen(name: string, take: (socket: Socket) => void): Promise<void> {
    const path = join(this.options.dir, name)
    const server = createServer({ pauseOnConnect: name === FRAMES_SOCKET }, (socket) => {
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
      take(socket)
    })
    this.servers.push(server)
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject)
      server.listen({ path, backlog: MOST_MEMBERS }, resolve)
    })
    chmodSync(path, 0o600)
  }
}

function tupleOf({ local, localPort, remote, remotePort }: HeldConnection): Tuple {
  const tuple = new Tuple()
  tuple.setLocal(parseIpAddress(local).unmapped())
  tuple.setRemote(parseIpAddress(remote).unmapped())
  tuple.localPort = localPort
  tuple.remotePort = remotePort
  return tuple
}

/** Frames for the front stack. */
class FrontPort {
  private readonly link: Link
  private readonly one: FrameBatch

  constructor(link: Link, pool: FrameBatch['pool']) {
    this.link = link
    this.one = createBatch(pool, 1)
  }

  send(batch: FrameBatch, index: number): void {
    retainFrame(batch, index)
    copyEntry(batch, index, this.one)
    if (this.link.send(this.one) === 0) releaseAll(this.one)
    this.one.count = 0
  }
}

class FrontSink implements LinkSink {
  readonly accepts: Offload = FULL_OFFLOAD
  readonly frames: (batch: FrameBatch) => void

  constructor(frames: (batch: FrameBatch) => void) {
    this.frames = frames
  }

  writable(): void {}
  changed(): void {}
}
