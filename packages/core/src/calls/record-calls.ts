/**
 * Shows every socket call of a stack with its result, and what its sockets say by themselves: what an application saw, whatever the backend.
 * Calls that would block are not shown: how often somebody asks in vain is no part of what happened.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { CLOSED, END, ERROR, FAILED, type Watch, WOULD_BLOCK, WRITABLE } from '../contract/readiness.ts'
import type { Endpoint, Listener, TcpSocket, UdpSocket } from '../contract/socket.ts'
import type { Stack } from '../contract/stack.ts'

/** One call, or something that a socket said. */
export interface SocketCall {
  /** `tcp 1`, `udp 2`: in the order in which they were opened or accepted. */
  readonly socket: string
  /** `bind`, `listen`, `accept`, `connect`, `read`, `write`, `shutdown`, `close`, `reset`, `send`, `receive`; by itself: `connected`, `failed`, `closed`. */
  readonly call: string
  /** What it was about: an address and port, a backlog, who was accepted. */
  readonly detail: string
  /** `ok`, `end`, or the code of the error. */
  readonly result: string
  /** The octets that were read, written, sent or received: in the caller's memory, during the call only. */
  readonly octets: Uint8Array | null
}

export type CallListener = (call: SocketCall) => void

/** Shows the calls of all sockets that the stack opens from now on. @returns the same stack. */
export function recordCalls<Some extends Pick<Stack, 'openTcp' | 'openUdp'>>(
  stack: Some,
  listener: CallListener,
): Some {
  const recorder = new Recorder(listener)
  const openTcp = stack.openTcp.bind(stack)
  const openUdp = stack.openUdp.bind(stack)
  stack.openTcp = (family) => recorder.tcp(openTcp(family))
  stack.openUdp = (family) => recorder.udp(openUdp(family))
  return stack
}

class Recorder {
  private readonly listener: CallListener
  private tcpCount = 0
  private udpCount = 0

  constructor(listener: CallListener) {
    this.listener = listener
  }

  tcp(socket: TcpSocket): TcpSocket {
    const name = `tcp ${++this.tcpCount}`
    this.common(socket, name)
    this.connection(socket, name)
    this.around(socket, name, 'shutdown', () => '')
    this.around(socket, name, 'reset', () => '')
    const listen = socket.listen.bind(socket)
    socket.listen = (backlog) =>
      this.listening(
        this.tell(name, 'listen', `${backlog}`, () => listen(backlog)),
        name,
      )
    const read = socket.read.bind(socket)
    socket.read = (into, offset, length) => {
      const count = read(into, offset, length)
      this.counted(socket, name, 'read', into, offset, count)
      return count
    }
    const lend = socket.lend.bind(socket)
    socket.lend = (max, sink) => {
      const count = lend(max, {
        bytes: (memory, offset, length) => {
          this.counted(socket, name, 'read', memory, offset, length)
          return sink.bytes(memory, offset, length)
        },
      })
      if (count < 0) this.counted(socket, name, 'read', null, 0, count)
      return count
    }
    const write = socket.write.bind(socket)
    socket.write = (from, offset, length) => {
      const count = write(from, offset, length)
      this.counted(socket, name, 'write', from, offset, count)
      return count
    }
    return socket
  }

  udp(socket: UdpSocket): UdpSocket {
    const name = `udp ${++this.udpCount}`
    this.common(socket, name)
    this.around(socket, name, 'connect', (address, port) => place(address as IpAddress, port as number))
    const send = socket.send.bind(socket)
    socket.send = (from, offset, length, to, port) => {
      const count = send(from, offset, length, to, port)
      if (count !== WOULD_BLOCK) {
        const octets = from.subarray(offset, offset + length)
        this.show(name, 'send', to === null ? '' : place(to, port), count < 0 ? codeOf(socket) : 'ok', octets)
      }
      return count
    }
    const receive = socket.receive.bind(socket)
    socket.receive = (max, sink) => {
      const count = receive(max, {
        datagram: (memory, offset, length, from, port, to) => {
          this.show(name, 'receive', place(from, port), 'ok', memory.subarray(offset, offset + length))
          return sink.datagram(memory, offset, length, from, port, to)
        },
      })
      if (count === FAILED) this.show(name, 'receive', '', codeOf(socket), null)
      return count
    }
    return socket
  }

  private listening(listener: Listener, name: string): Listener {
    this.common(listener, name)
    const accept = listener.accept.bind(listener)
    listener.accept = () => {
      const socket = accept()
      if (socket === null) return null
      const shown = this.tcp(socket)
      this.show(name, 'accept', `tcp ${this.tcpCount} from ${peer(socket)}`, 'ok', null)
      return shown
    }
    return listener
  }

  private connection(socket: TcpSocket, name: string): void {
    let isConnecting = false
    const connect = socket.connect.bind(socket)
    socket.connect = (address, port) => {
      this.tell(name, 'connect', place(address, port), () => connect(address, port))
      isConnecting = true
    }
    const watch: Watch = {
      bits: WRITABLE,
      wake: () => {
        // A socket that failed is writable, too.
        if (isConnecting && socket.error === null) this.show(name, 'connected', `from ${own(socket)}`, 'ok', null)
        isConnecting = false
      },
    }
    socket.watch(watch)
  }

  private common(endpoint: Endpoint, name: string): void {
    this.around(endpoint, name, 'bind', (address, port) => place(address as IpAddress, port as number))
    this.around(endpoint, name, 'close', () => '')
    let isFailed = false
    endpoint.watch({
      bits: ERROR | CLOSED,
      wake: () => {
        if (endpoint.error !== null && !isFailed) {
          isFailed = true
          this.show(name, 'failed', '', endpoint.error.code, null)
        }
        if ((endpoint.ready & CLOSED) !== 0) this.show(name, 'closed', '', 'ok', null)
      },
    })
  }

  /** Shows each call of a method. */
  private around(endpoint: Endpoint, name: string, method: string, detail: (...args: unknown[]) => string): void {
    const call = (Reflect.get(endpoint, method) as (...args: unknown[]) => unknown).bind(endpoint)
    const shown = (...args: unknown[]): unknown => this.tell(name, method, detail(...args), () => call(...args))
    Object.defineProperty(endpoint, method, { value: shown, writable: true, configurable: true })
  }

  private tell<Result>(name: string, call: string, detail: string, run: () => Result): Result {
    try {
      const result = run()
      this.show(name, call, detail, 'ok', null)
      return result
    } catch (error) {
      this.show(name, call, detail, (error as { code?: string }).code ?? 'threw', null)
      throw error
    }
  }

  private counted(
    socket: TcpSocket,
    name: string,
    call: string,
    memory: Uint8Array | null,
    offset: number,
    count: number,
  ): void {
    if (count === WOULD_BLOCK) return
    const result = count === END ? 'end' : count < 0 ? codeOf(socket) : 'ok'
    this.show(name, call, '', result, count < 0 || memory === null ? null : memory.subarray(offset, offset + count))
  }

  private show(socket: string, call: string, detail: string, result: string, octets: Uint8Array | null): void {
    this.listener({ socket, call, detail, result, octets })
  }
}

function place(address: IpAddress, port: number): string {
  return `${address.unmapped()} ${port}`
}

function peer({ remoteAddress, remotePort }: TcpSocket): string {
  return remoteAddress === null ? 'nobody' : place(remoteAddress, remotePort)
}

function own({ localAddress, localPort }: TcpSocket): string {
  return localAddress === null ? 'nowhere' : place(localAddress, localPort)
}

function codeOf({ error }: Endpoint): string {
  return error?.code ?? 'failed'
}
