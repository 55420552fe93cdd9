/**
 * The engine of a stack that runs in a helper process: what the shell asks becomes messages, and the helper's become what the shell is told.
 * Links stay in the program; their frames go through the same socket.
 *
 * @module
 */
import {
  createBatch,
  discardFrames,
  type FrameBatch,
  type FramePool,
  frameLength,
  type Interface,
  type InterfaceOptions,
  type IpAddress,
  type Link,
  type LinkSink,
  type Neighbor,
  NetError,
  NO_OFFLOAD,
  type Offload,
  type PingOptions,
  type PingReply,
  parseIpAddress,
  pushFrame,
  type Route,
  readFrame,
  releaseAll,
  removeFirst,
  type StackOptions,
  type Table,
} from '@ioth/core'
import type {
  Ends,
  Engine,
  EngineInterface,
  EngineOptions,
  ListenerUser,
  ListenLine,
  ShellInterface,
  ShellStack,
  TcpLine,
  UdpLine,
  UdpUser,
} from '@ioth/core/shell'
import { Calls } from './calls.ts'
import { Channel, KIND } from './channel.ts'
import type { Helper } from './helper-process.ts'
import type { HelperNote, ProgramNote, WireEnds, WireOptions, WirePingReply, WireRoute } from './notes.ts'
import { DATAGRAM_HEAD, RemoteDatagrams, type RemoteHost, RemoteLine } from './remote-lines.ts'
import { ADDRESS_LENGTH, readAddress } from './wire-address.ts'

/** What the helper says of its stack when it is there. */
export interface RemoteFacts {
  readonly canHalfClose: boolean
  readonly tcpOptions: EngineOptions
  readonly udpOptions: EngineOptions
}

/** What the helper says of an interface. */
interface RemoteInterface {
  readonly mac: string
  readonly mtu: number
  readonly addresses: readonly { readonly address: string; readonly prefixLength: number }[]
}

/** Frames for a helper that does not read are dropped beyond so many octets, as a full queue of a network card drops them. */
const MOST_PENDING = 4 << 20
/** How long an exit handler waits for what is under way, in milliseconds. */
const FLUSH_MS = 250

export class RemoteEngine implements Engine, RemoteHost {
  readonly carriesLoopback = false
  canHalfClose = true
  tcpOptions: EngineOptions = {}
  udpOptions: EngineOptions = {}
  readonly neighbors: Table<Neighbor>
  private readonly shell: ShellStack
  private readonly helper: Helper
  private readonly pool: FramePool
  private readonly channel: Channel
  private readonly calls: Calls
  private readonly ports: RemotePort[] = []
  private readonly lines = new Map<number, RemoteLine>()
  private readonly listeners = new Map<number, { readonly user: ListenerUser; readonly options: WireOptions }>()
  private readonly datagrams = new Map<number, RemoteDatagrams>()
  private lastSocket = 0
  private lastCounters: Readonly<Record<string, number>> = {}
  private isFlushed = false
  private isClosed = false
  private isGone = false

  constructor(shell: ShellStack, helper: Helper, pool: FramePool) {
    this.shell = shell
    this.pool = pool
    this.helper = helper
    this.channel = new Channel(
      shell.scheduler,
      helper.fd,
      (kind, body, view) => this.take(kind, body, view),
      () => void this.lost(),
    )
    // Whoever uses the stack holds the process, not the helper.
    this.channel.keep(false)
    this.calls = new Calls(this.channel, {
      claim: (port: number, address: string, mac: string) => this.claim(port, address, mac),
      unclaim: (port: number, address: string) => this.ports[port]?.link.unclaim?.(parseIpAddress(address)),
    })
    this.neighbors = new NoNeighbors()
  }

  /** Has the helper make its stack. @throws NetError as `Backend.createStack`; ENETDOWN when it died. */
  async begin(settings: Readonly<Record<string, unknown>>, options: StackOptions): Promise<void> {
    const { name, nameServers, searchDomains, limits } = options
    const facts = (await this.calls.call('begin', {
      settings,
      name,
      nameServers,
      searchDomains,
      limits,
    })) as RemoteFacts
    this.canHalfClose = facts.canHalfClose
    this.tcpOptions = facts.tcpOptions
    this.udpOptions = facts.udpOptions
  }

  // ---------- interfaces ----------

  async addInterface(options: InterfaceOptions, _index: number, name: string): Promise<EngineInterface> {
    const { link, addresses = [], mac, dhcp = false, slaac = false } = options
    if ('vnl' in link)
      throw new NetError('EINVAL', 'interface', { message: 'a stack in a helper process takes a link' })
    const number = this.ports.length
    const port = new RemotePort(link as Link, number, this.channel, name)
    this.ports.push(port)
    const { type, mtu } = port.link
    const canClaim = port.link.claim !== undefined
    const plug = { port: number, name, type, mtu, linkName: port.link.name, canClaim, addresses, mac, dhcp, slaac }
    const made = (await this.calls.call('addInterface', plug)) as RemoteInterface
    return {
      mac: made.mac,
      mtu: made.mtu,
      addresses: made.addresses.map(({ address, prefixLength }) => ({
        address: parseIpAddress(address),
        prefixLength,
      })),
    }
  }

  async removeInterface(on: Interface): Promise<void> {
    try {
      await this.calls.call('removeInterface', on.name)
    } finally {
      await this.ports.find(({ name }) => name === on.name)?.link.close()
    }
  }

  async addAddress(on: Interface, address: IpAddress, prefixLength: number): Promise<void> {
    await this.calls.call('addAddress', on.name, address.toString(), prefixLength)
  }

  removeAddress(on: Interface, address: IpAddress): void {
    this.tell({ note: 'unaddress', on: on.name, address: address.toString() })
  }

  addRoute(route: Readonly<Route>): void {
    this.tell({ note: 'route', add: true, route: wireRoute(route) })
  }

  removeRoute(route: Readonly<Route>): void {
    this.tell({ note: 'route', add: false, route: wireRoute(route) })
  }

  // ---------- sockets ----------

  connect(ends: Ends, options: EngineOptions): TcpLine {
    const { line, socket } = this.newLine(++this.lastSocket)
    this.tell({ note: 'connect', socket, ends: wireEnds(ends), options })
    return line
  }

  listen(user: ListenerUser, local: IpAddress, port: number, isDual: boolean, options: EngineOptions): ListenLine {
    const socket = ++this.lastSocket
    this.listeners.set(socket, { user, options })
    const { backlog } = user
    this.tell({ note: 'listen', socket, local: local.toString(), port, isDual, backlog, options })
    return {
      resume: () => this.tell({ note: 'accept', socket }),
      set: (name, value) => this.tell({ note: 'set', socket, name, value }),
      close: () => {
        this.listeners.delete(socket)
        this.tell({ note: 'close', socket })
      },
    }
  }

  openUdp(user: UdpUser, local: IpAddress, port: number, isDual: boolean, options: EngineOptions): UdpLine {
    const socket = ++this.lastSocket
    const line = new RemoteDatagrams(this, socket, user)
    this.datagrams.set(socket, line)
    this.tell({ note: 'udp', socket, local: local.toString(), port, isDual, options })
    return line
  }

  async ping(to: IpAddress, { signal, ...options }: PingOptions): Promise<PingReply> {
    const reply = (await this.calls.abortable(signal, 'ping', to.toString(), options)) as WirePingReply
    return { ...reply, from: parseIpAddress(reply.from) }
  }

  counters(): Readonly<Record<string, number>> {
    const own = { 'drop.helper.full': this.ports.reduce((sum, { dropped }) => sum + dropped, 0) }
    return { ...this.lastCounters, ...own }
  }

  // ---------- ending ----------

  /** Closed sockets of the helper, as far as {@link flush} has asked. */
  lingering = 0

  /** Blocks for a moment: frames of what the helper still has to send come back through this process. */
  flush(): boolean {
    if (this.isGone || (this.lines.size === 0 && this.lingering === 0)) return true
    this.isFlushed = false
    this.tell({ note: 'flush' })
    const isOut = this.channel.pump(() => this.isFlushed, FLUSH_MS)
    return this.ports.reduce((all, { link }) => link.flush() && all, isOut)
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    if (!this.isGone) {
      try {
        this.lastCounters = (await this.calls.call('close')) as Record<string, number>
      } catch {
        // It died first; that is as good.
      }
      this.channel.close()
      this.calls.failAll(new NetError('ENETDOWN', 'stack'))
    }
    for (const { link } of this.ports) await link.close()
    this.helper.kill()
  }

  // ---------- messages ----------

  tell(note: ProgramNote): void {
    this.channel.json(KIND.note, note)
  }

  send(kind: number, ...parts: readonly Uint8Array[]): void {
    this.channel.send(kind, ...parts)
  }

  forget(socket: number): void {
    this.lines.delete(socket)
    this.datagrams.delete(socket)
  }

  private take(kind: number, body: Uint8Array, view: DataView): void {
    if (kind === KIND.frame) this.ports[view.getUint16(0)]?.leave(body.subarray(2), this.pool)
    else if (kind === KIND.data) this.lines.get(view.getInt32(0))?.arrived(body.subarray(4))
    else if (kind === KIND.credit) {
      const socket = view.getInt32(0)
      this.lines.get(socket)?.credited(view.getInt32(4))
      this.datagrams.get(socket)?.credited(view.getInt32(4))
    } else if (kind === KIND.datagram) this.datagram(body, view)
    else if (kind === KIND.note) this.noted(JSON.parse(new TextDecoder().decode(body)) as HelperNote)
    else this.calls.handle(kind, body)
  }

  private datagram(body: Uint8Array, view: DataView): void {
    const from = readAddress(view, 6)
    const to = readAddress(view, 6 + ADDRESS_LENGTH) ?? undefined
    const user = this.datagrams.get(view.getInt32(0))?.user
    if (from === null || user === undefined) return
    user.datagram(body, DATAGRAM_HEAD, body.length - DATAGRAM_HEAD, from, view.getUint16(4), to)
  }

  private noted(note: HelperNote): void {
    switch (note.note) {
      case 'connected':
        this.lines.get(note.socket)?.user.connected()
        this.lines.get(note.socket)?.resume()
        return
      case 'ended':
        this.lines.get(note.socket)?.user.ended()
        return
      case 'end-acknowledged':
        this.lines.get(note.socket)?.endWasAcknowledged()
        return
      case 'failed':
        this.failed(note.socket, note.code)
        return
      case 'gone': {
        const line = this.lines.get(note.socket)
        this.forget(note.socket)
        line?.user.gone()
        return
      }
      case 'accepted': {
        const listener = this.listeners.get(note.listener)
        if (listener === undefined) {
          this.tell({ note: 'reset', socket: note.socket })
          return
        }
        const { line } = this.newLine(note.socket)
        listener.user.accepted(line, readEnds(note.ends))
        line.resume()
        return
      }
      case 'flushed':
        this.isFlushed = true
        this.lingering = note.lingering
        return
      case 'counters':
        this.lastCounters = note.counters
        return
      case 'event':
        this.event(note)
        return
      default:
    }
  }

  private failed(socket: number, code: NetError['code']): void {
    this.datagrams.get(socket)?.user.failed(code)
    this.listeners.get(socket)?.user.failed(code)
    const line = this.lines.get(socket)
    this.lines.delete(socket)
    line?.user.failed(code)
  }

  private event({ kind, on: name, address: text, prefixLength, mac }: HelperNote & { note: 'event' }): void {
    const on = this.shell.interfaces.find((each) => each.name === name) as ShellInterface | undefined
    // What an interface has from its beginning, it says when it is made.
    if (on === undefined) return
    const address = parseIpAddress(text)
    const isKnown = on.addresses.some((own) => own.address.equals(address))
    if (kind === 'address-added') {
      if (!isKnown) this.shell.addressAdded(on, address, prefixLength)
    } else if (kind === 'address-removed') {
      if (isKnown) this.shell.addressRemoved(on, address)
    } else this.shell.tell({ kind, interface: on, address, ...(mac === null ? {} : { mac }) })
  }

  private newLine(socket: number): { readonly line: RemoteLine; readonly socket: number } {
    const line = new RemoteLine(this, socket)
    this.lines.set(socket, line)
    return { line, socket }
  }

  private async claim(port: number, address: string, mac: string): Promise<boolean> {
    return (await this.ports[port]?.link.claim?.(parseIpAddress(address), mac)) ?? false
  }

  /** The helper's end of the socket ended. */
  private async lost(): Promise<void> {
    if (this.isClosed || this.isGone) return
    this.isGone = true
    this.helper.kill()
    const why = await this.helper.ended
    const message = `the helper process that ran the stack "${this.shell.backend}" died (${why})`
    const cause = new NetError('ENETDOWN', 'stack', { message })
    this.calls.failAll(cause)
    process.stderr.write(`ioth: ${message}; its connections are reset\n`)
    this.shell.died(cause)
  }
}

/** A link of the program, on its side of the channel. */
class RemotePort implements LinkSink {
  readonly accepts: Offload = NO_OFFLOAD
  readonly link: Link
  readonly name: string
  dropped = 0
  private readonly channel: Channel
  private readonly head: Uint8Array
  private readonly scratch: Uint8Array
  private batch: FrameBatch | null = null

  constructor(link: Link, number: number, channel: Channel, name: string) {
    this.link = link
    this.channel = channel
    this.name = name
    this.head = Uint8Array.of(number >> 8, number)
    this.scratch = new Uint8Array(65_536 + 18)
    link.attach(this)
  }

  frames(batch: FrameBatch): void {
    const { channel, scratch } = this
    for (let index = 0; index < batch.count; index++) {
      const length = frameLength(batch, index)
      if (channel.pending > MOST_PENDING || length > scratch.length) {
        this.dropped++
        continue
      }
      readFrame(batch, index, scratch)
      channel.send(KIND.frame, this.head, scratch.subarray(0, length))
    }
  }

  /** A frame of the helper's goes onto the link. */
  leave(frame: Uint8Array, pool: FramePool): void {
    this.batch ??= createBatch(pool, 1)
    const { batch, link } = this
    const at = pool.take(frame.length)
    if (at < 0) {
      this.dropped++
      return
    }
    pool.bytes.set(frame, at)
    pushFrame(batch, at, frame.length)
    const taken = link.state === 'closed' ? discardFrames(batch) : link.send(batch)
    removeFirst(batch, taken)
    this.dropped += batch.count
    releaseAll(batch)
  }

  writable(): void {}

  changed(): void {}
}

/** They are the helper's, and no question of the contract may wait for it. */
class NoNeighbors implements Table<Neighbor> {
  list(): Iterable<Neighbor> {
    return []
  }

  add(): void {
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'neighbor')
  }

  remove(): void {
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'neighbor')
  }
}

function wireEnds({ local, localPort, remote, remotePort }: Ends): WireEnds {
  return { local: local.toString(), localPort, remote: remote.toString(), remotePort }
}

function readEnds({ local, localPort, remote, remotePort }: WireEnds): Ends {
  return { local: parseIpAddress(local), localPort, remote: parseIpAddress(remote), remotePort }
}

function wireRoute({ destination, prefixLength, via, interface: on, metric = 0 }: Readonly<Route>): WireRoute {
  return { destination: destination.toString(), prefixLength, via: via?.toString() ?? null, on: on.name, metric }
}
