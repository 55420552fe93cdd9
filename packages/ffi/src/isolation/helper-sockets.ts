/**
 * Sockets of the helper's stack, each driven by the messages of its twin in the program.
 *
 * @module
 */
import {
  type ByteSink,
  type DatagramSink,
  END,
  ERROR,
  FAILED,
  type Interface,
  type IpAddress,
  type Listener,
  type OptionName,
  type Pollable,
  parseIpAddress,
  READABLE,
  type Stack,
  type TcpSocket,
  type UdpSocket,
  WRITABLE,
} from '@ioth/core'
import { ByteQueue } from '@ioth/core/shell'
import { KIND } from './channel.ts'
import type { HelperNote, ProgramNote, WireOptions } from './notes.ts'
import { datagramHead, number32 } from './remote-lines.ts'

/** What sockets need of the helper. */
export interface HelperSockets {
  tell(note: HelperNote): void
  send(kind: number, ...parts: readonly Uint8Array[]): void
  forget(socket: number): void
  /** Has {@link HelperStream.tellAcknowledged} called after the next frames, as long as it says so. */
  watch(stream: HelperStream): void
  adopt(socket: HelperSocket, number: number): void
  nextAccepted(): number
  interfaceNamed(name: string | null): Interface | null
}

/** What a message can be for. */
export interface HelperSocket {
  data(octets: Uint8Array): void
  credited(octets: number): void
  datagram(octets: Uint8Array, to: IpAddress, port: number): void
  noted(note: ProgramNote): void
}

/** Octets read at once. */
const PIECE = 65_536

export class HelperStream implements HelperSocket, ByteSink {
  private readonly host: HelperSockets
  private readonly socket: TcpSocket
  private readonly number: number
  private readonly outgoing = new ByteQueue()
  /** Octets that the stack took, and how many of them the program was told to be out of its send buffer. */
  private written = 0
  private told = 0
  /** Octets that the program has room for. */
  private room = 0
  private isConnected: boolean
  private isEnding = false
  private isFinishing = false
  private isOver = false
  private toldEnd = false

  constructor(host: HelperSockets, socket: TcpSocket, number: number, isConnected: boolean) {
    this.host = host
    this.socket = socket
    this.number = number
    this.isConnected = isConnected
    socket.owner = this
    socket.onReady = HelperStream.onReady
    socket.interest = WRITABLE | ERROR
  }

  /** @throws NetError as `TcpSocket.connect`. */
  static connect(
    host: HelperSockets,
    stack: Stack,
    number: number,
    { ends, options }: ProgramNote & { note: 'connect' },
  ): HelperStream {
    const local = parseIpAddress(ends.local)
    const socket = stack.openTcp(local.family)
    setOptions(socket, options)
    try {
      socket.bind(local, ends.localPort)
      socket.connect(parseIpAddress(ends.remote), ends.remotePort)
    } catch (error) {
      socket.close()
      throw error
    }
    return new HelperStream(host, socket, number, false)
  }

  data(octets: Uint8Array): void {
    if (this.isOver) return
    this.outgoing.push(octets, 0, octets.length)
    this.write()
  }

  credited(octets: number): void {
    this.room += octets
    if (!this.isOver) this.socket.interest |= READABLE
  }

  datagram(): void {}

  noted(note: ProgramNote): void {
    if (this.isOver) return
    if (note.note === 'end') this.isEnding = true
    else if (note.note === 'finish') this.isFinishing = true
    else if (note.note === 'reset') {
      this.socket.reset()
      this.over()
      return
    } else if (note.note === 'set') setOption(this.socket, note.name, note.value)
    this.write()
  }

  bytes(memory: Uint8Array, offset: number, length: number): boolean {
    this.room -= length
    this.host.send(KIND.data, number32(this.number), memory.subarray(offset, offset + length))
    return this.room > 0
  }

  private static onReady(source: Pollable, bits: number): void {
    const stream = source.owner as HelperStream
    if (stream.isOver) return
    if ((bits & WRITABLE) !== 0 && !stream.isConnected && stream.socket.error === null) {
      stream.isConnected = true
      stream.host.tell({ note: 'connected', socket: stream.number })
    }
    if ((bits & READABLE) !== 0) stream.read()
    if ((bits & ERROR) !== 0 && !stream.isOver) stream.fail()
    if ((bits & WRITABLE) !== 0 && !stream.isOver) stream.write()
  }

  private read(): void {
    const { socket } = this
    if (this.room <= 0) {
      socket.interest &= ~READABLE
      return
    }
    const count = socket.lend(Math.min(this.room, PIECE), this)
    if (count === END) {
      socket.interest &= ~READABLE
      this.host.tell({ note: 'ended', socket: this.number })
    } else if (count === FAILED) this.fail()
    if (this.room <= 0) socket.interest &= ~READABLE
  }

  private write(): void {
    const { socket, outgoing } = this
    if (!this.isConnected) return
    while (outgoing.length > 0) {
      const piece = outgoing.front(PIECE)
      const count = socket.write(piece, 0, piece.length)
      if (count === FAILED) {
        this.fail()
        return
      }
      if (count <= 0) break
      outgoing.drop(count)
      this.written += count
    }
    if (this.tellAcknowledged()) this.host.watch(this)
    if (outgoing.length > 0) {
      socket.interest |= WRITABLE
      return
    }
    socket.interest &= ~WRITABLE
    if (this.isFinishing) {
      // Nobody reads what still comes: with something unread the peer would get a RST instead of the end.
      socket.close()
      this.over()
    } else if (this.isEnding) {
      socket.shutdown()
      this.host.watch(this)
    }
  }

  /**
   * Octets are in the program's send buffer until the peer has acknowledged them; and an end is on its way until then. @returns whether
   * something still is.
   */
  tellAcknowledged(): boolean {
    if (this.isOver) return false
    return this.creditAcknowledged() || this.awaitsEnd()
  }

  private awaitsEnd(): boolean {
    if (this.toldEnd || !this.isEnding) return false
    const { state } = this.socket
    if (state === 'FIN-WAIT-2' || state === 'TIME-WAIT') {
      this.toldEnd = true
      this.host.tell({ note: 'end-acknowledged', socket: this.number })
    }
    return state === 'FIN-WAIT-1' || state === 'CLOSING'
  }

  private creditAcknowledged(): boolean {
    const news = this.written - this.told - this.socket.bytesQueued
    if (news > 0) {
      this.told += news
      this.host.send(KIND.credit, number32(this.number), number32(news))
    }
    return this.told < this.written
  }

  private fail(): void {
    const { socket, host, number } = this
    const code = socket.error?.code ?? 'ECONNRESET'
    this.isOver = true
    socket.interest = 0
    socket.close()
    host.forget(number)
    host.tell({ note: 'failed', socket: number, code })
  }

  private over(): void {
    this.isOver = true
    this.socket.interest = 0
    this.host.forget(this.number)
    this.host.tell({ note: 'gone', socket: this.number })
  }
}

export class HelperListener implements HelperSocket {
  private readonly host: HelperSockets
  private readonly listener: Listener
  private readonly number: number
  /** Connections that may still wait in the program. */
  private room: number

  /** @throws NetError as `TcpSocket.listen`. */
  constructor(
    host: HelperSockets,
    stack: Stack,
    number: number,
    { local, port, isDual, backlog, options }: ProgramNote & { note: 'listen' },
  ) {
    this.host = host
    this.number = number
    this.room = backlog
    const address = parseIpAddress(local)
    const socket = stack.openTcp(address.family)
    setOptions(socket, options)
    try {
      socket.bind(address, port, { ipv6Only: !isDual })
      this.listener = socket.listen(backlog)
    } catch (error) {
      socket.close()
      throw error
    }
    this.listener.owner = this
    this.listener.onReady = HelperListener.onReady
    this.listener.interest = READABLE | ERROR
  }

  data(): void {}

  credited(): void {}

  datagram(): void {}

  noted(note: ProgramNote): void {
    if (note.note === 'accept') {
      this.room++
      this.listener.interest |= READABLE
    } else if (note.note === 'close') {
      this.listener.close()
      this.host.forget(this.number)
    }
  }

  private static onReady(source: Pollable, bits: number): void {
    const own = source.owner as HelperListener
    if ((bits & ERROR) !== 0) {
      own.host.tell({ note: 'failed', socket: own.number, code: own.listener.error?.code ?? 'ENETDOWN' })
    }
    while (own.room > 0) {
      const socket = own.listener.accept()
      if (socket === null) return
      own.room--
      own.adopt(socket)
    }
    own.listener.interest &= ~READABLE
  }

  private adopt(socket: TcpSocket): void {
    const { host } = this
    const number = host.nextAccepted()
    const { localPort, remotePort } = socket
    const ends = {
      local: `${(socket.localAddress as IpAddress).unmapped()}`,
      localPort,
      remote: `${(socket.remoteAddress as IpAddress).unmapped()}`,
      remotePort,
    }
    host.tell({ note: 'accepted', listener: this.number, socket: number, ends })
    host.adopt(new HelperStream(host, socket, number, true), number)
  }
}

export class HelperDatagrams implements HelperSocket {
  private readonly host: HelperSockets
  private readonly socket: UdpSocket
  private readonly number: number
  private waiting: { readonly octets: Uint8Array; readonly to: IpAddress; readonly port: number }[] = []

  /** @throws NetError as `UdpSocket.bind`. */
  constructor(
    host: HelperSockets,
    stack: Stack,
    number: number,
    { local, port, isDual, options }: ProgramNote & { note: 'udp' },
  ) {
    this.host = host
    this.number = number
    const address = parseIpAddress(local)
    this.socket = stack.openUdp(address.family)
    setOptions(this.socket, options)
    // Whether a broadcast is allowed is the program's question.
    setOption(this.socket, 'broadcast', 1)
    try {
      this.socket.bind(address, port, { ipv6Only: !isDual, reuse: true })
    } catch (error) {
      this.socket.close()
      throw error
    }
    this.socket.owner = this
    this.socket.onReady = HelperDatagrams.onReady
    this.socket.interest = READABLE | ERROR
  }

  data(): void {}

  credited(): void {}

  datagram(octets: Uint8Array, to: IpAddress, port: number): void {
    this.waiting.push({ octets: octets.slice(), to, port })
    this.write()
  }

  noted(note: ProgramNote): void {
    const { socket, host } = this
    try {
      if (note.note === 'fix') {
        if (note.remote !== null) socket.connect(parseIpAddress(note.remote), note.port)
        else if (socket.remotePort !== 0) socket.disconnect()
      } else if (note.note === 'join' || note.note === 'leave') {
        const source = note.source === null ? undefined : parseIpAddress(note.source)
        socket[note.note](parseIpAddress(note.group), host.interfaceNamed(note.on), source)
      } else if (note.note === 'set') setOption(socket, note.name, note.value)
      else if (note.note === 'close') {
        socket.close()
        host.forget(this.number)
      }
    } catch (error) {
      host.tell({ note: 'failed', socket: this.number, code: (error as { code: 'EINVAL' }).code })
    }
  }

  /** Takes datagrams that arrive. */
  private readonly sink: DatagramSink = {
    datagram: (memory, offset, length, from, port, to) => {
      const head = datagramHead(this.number, from.unmapped(), port, to?.unmapped() ?? null)
      this.host.send(KIND.datagram, head, memory.subarray(offset, offset + length))
      return true
    },
  }

  private static onReady(source: Pollable, bits: number): void {
    const own = source.owner as HelperDatagrams
    if ((bits & READABLE) !== 0 && own.socket.receive(64, own.sink) === FAILED) own.fail()
    if ((bits & WRITABLE) !== 0) own.write()
  }

  private write(): void {
    const { socket, waiting } = this
    let sent = 0
    for (const { octets, to, port } of waiting) {
      const isFixed = socket.remotePort !== 0
      const shown = socket.localAddress?.family === 6 ? to.mapped() : to
      const count = isFixed
        ? socket.send(octets, 0, octets.length, null, 0)
        : socket.send(octets, 0, octets.length, shown, port)
      if (count === -1) break
      if (count === FAILED) this.fail()
      sent++
    }
    this.waiting = waiting.slice(sent)
    if (this.waiting.length > 0) socket.interest |= WRITABLE
    else socket.interest &= ~WRITABLE
    if (sent > 0) this.host.send(KIND.credit, number32(this.number), number32(sent))
  }

  private fail(): void {
    this.host.tell({ note: 'failed', socket: this.number, code: this.socket.error?.code ?? 'ENOBUFS' })
  }
}

interface WithOptions {
  setOption(name: OptionName, value: number): void
}

function setOptions(socket: WithOptions, options: WireOptions): void {
  for (const [name, value] of Object.entries(options)) setOption(socket, name as OptionName, value)
}

/** What the program was told that there is. Buffers are its own. */
function setOption(socket: WithOptions, name: OptionName, value: number): void {
  if (name === 'sendBuffer' || name === 'receiveBuffer') return
  try {
    socket.setOption(name, value)
  } catch {
    // The stack does not know it; the program's socket did not either.
  }
}
