/**
 * Echo requests by sockets of the kernel: ICMP datagram sockets, or raw ones for root. Linux.
 *
 * @module
 */
import { randomInt } from 'node:crypto'
import { fromBytes, type IpAddress, toBytes } from '@ioth/core'
import { checksum } from './answers.ts'
import type { HostPing, PingAnswer } from './host-ping.ts'
import { PING_MS } from './host-ping.ts'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_DGRAM = 2
const SOCK_RAW = 3
const PROTO = { 4: 1, 6: 58 } as const
const ECHO = { 4: [8, 0], 6: [128, 129] } as const
const EXPIRED = { 4: 11, 6: 3 } as const
const UNREACHABLE = { 4: 3, 6: 1 } as const
/** Level, name: IP_TTL and IPV6_UNICAST_HOPS. */
const HOPS = { 4: [0, 2], 6: [41, 16] } as const
/** IP_RECVERR and IPV6_RECVERR: routers' words reach datagram sockets by the error queue only. */
const RECVERR = { 4: [0, 11], 6: [41, 25] } as const
const MSG_DONTWAIT = 0x40
const MSG_ERRQUEUE = 0x2000
const SO_EE_ORIGIN_ICMP = 2
const SO_EE_ORIGIN_ICMP6 = 3
/** Pings at a time. */
const MOST_WAITING = 512
const LONGEST = 65_535

interface Waiting {
  readonly to: IpAddress
  readonly settle: (answer: PingAnswer | null) => void
  readonly timer: NodeJS.Timeout
}

type Ffi = typeof import('@ioth/ffi')

/** @returns null where neither kind can be had: no koffi, another system, or not allowed. */
export async function openPingSockets(): Promise<HostPing | null> {
  if (process.platform !== 'linux') return null
  try {
    const ffi = await import('@ioth/ffi')
    const libc = bindLibc(ffi)
    const four = PingSocket.open(ffi, libc, 4)
    const six = PingSocket.open(ffi, libc, 6)
    return four === null ? null : new PingSockets(four, six)
  } catch {
    return null
  }
}

class PingSockets implements HostPing {
  private readonly four: PingSocket
  private readonly six: PingSocket | null

  constructor(four: PingSocket, six: PingSocket | null) {
    this.four = four
    this.six = six
  }

  get way(): string {
    return this.four.isRaw ? 'raw socket' : 'icmp socket'
  }

  async ping(to: IpAddress, data: Uint8Array, ttl: number): Promise<PingAnswer | null> {
    return (await (to.family === 4 ? this.four : this.six)?.ping(to, data, ttl)) ?? null
  }

  close(): void {
    this.four.close()
    this.six?.close()
  }
}

class PingSocket {
  readonly isRaw: boolean
  private readonly fd: number
  private readonly family: 4 | 6
  private readonly libc: Libc
  private readonly ffi: Ffi
  private readonly watch: InstanceType<Ffi['DescriptorWatch']>
  private readonly waiting = new Map<number, Waiting>()
  private readonly id = randomInt(0x10000)
  private sequence = randomInt(0x10000)
  private readonly buffer = new Uint8Array(LONGEST)

  static open(ffi: Ffi, libc: Libc, family: 4 | 6): PingSocket | null {
    const domain = family === 4 ? AF_INET : AF_INET6
    for (const kind of [SOCK_DGRAM, SOCK_RAW]) {
      const fd = libc.socket(domain, kind, PROTO[family])
      if (fd >= 0) return new PingSocket(ffi, libc, fd, family, kind === SOCK_RAW)
    }
    return null
  }

  private constructor(ffi: Ffi, libc: Libc, fd: number, family: 4 | 6, isRaw: boolean) {
    this.ffi = ffi
    this.libc = libc
    this.fd = fd
    this.family = family
    this.isRaw = isRaw
    ffi.makeNonBlocking(fd)
    if (!isRaw) this.option(RECVERR[family], 1)
    this.watch = new ffi.DescriptorWatch(fd, {}, () => this.receive())
  }

  ping(to: IpAddress, data: Uint8Array, ttl: number): Promise<PingAnswer | null> {
    if (this.waiting.size >= MOST_WAITING) return Promise.resolve(null)
    do this.sequence = (this.sequence + 1) & 0xffff
    while (this.waiting.has(this.sequence))
    const { sequence } = this
    const message = new Uint8Array(8 + data.length)
    const view = new DataView(message.buffer)
    message[0] = ECHO[this.family][0]
    view.setUint16(4, this.id)
    view.setUint16(6, sequence)
    message.set(data, 8)
    // Of IPv6 the kernel sums, and of its own ICMP sockets.
    if (this.family === 4) view.setUint16(2, checksum(message, 0))
    this.option(HOPS[this.family], ttl)
    const address = socketAddress(to)
    return new Promise((settle) => {
      const timer = setTimeout(() => this.answered(sequence, null), PING_MS)
      this.waiting.set(sequence, { to, settle, timer })
      // An open watch keeps the process alive, and a stopped one is deaf: it watches while somebody waits.
      this.watch.watch({ readable: true })
      if (this.libc.sendto(this.fd, message, message.length, MSG_DONTWAIT, address, address.length) < 0) {
        this.answered(sequence, null)
      }
    })
  }

  close(): void {
    for (const [sequence] of this.waiting) this.answered(sequence, null)
    this.watch.close()
    this.ffi.closeDescriptor(this.fd)
  }

  private answered(sequence: number, answer: PingAnswer | null): void {
    const waiting = this.waiting.get(sequence)
    if (waiting === undefined) return
    this.waiting.delete(sequence)
    clearTimeout(waiting.timer)
    waiting.settle(answer)
    if (this.waiting.size === 0) this.watch.watch({})
  }

  private receive(): void {
    const from = new Uint8Array(28)
    const length = new Int32Array(1)
    for (;;) {
      length[0] = from.length
      const count = this.libc.recvfrom(this.fd, this.buffer, LONGEST, MSG_DONTWAIT, from, length)
      if (count < 0) break
      this.read(this.buffer.subarray(0, count), from)
    }
    if (!this.isRaw) this.readErrors()
  }

  private read(octets: Uint8Array, from: Uint8Array): void {
    const { family } = this
    const isWithHeader = this.isRaw && family === 4
    const icmp = isWithHeader ? octets.subarray(((octets[0] as number) & 15) * 4) : octets
    if (icmp.length < 8) return
    const view = new DataView(icmp.buffer, icmp.byteOffset, icmp.length)
    const type = view.getUint8(0)
    const sender = family === 4 ? fromBytes(from, 4, 4) : fromBytes(from, 8, 16)
    if (type === ECHO[family][1]) {
      if (this.isRaw && view.getUint16(4) !== this.id) return
      const sequence = view.getUint16(6)
      if (this.waiting.get(sequence)?.to.equals(sender) === true)
        this.answered(sequence, { kind: 'reply', from: sender })
    } else if (this.isRaw && (type === EXPIRED[family] || type === UNREACHABLE[family])) {
      const quoted = icmp.subarray(8)
      const inner = family === 4 ? ((quoted[0] ?? 0) & 15) * 4 : 40
      if (quoted.length < inner + 8 || quoted[inner] !== ECHO[family][0]) return
      const request = new DataView(quoted.buffer, quoted.byteOffset + inner, 8)
      if (request.getUint16(4) !== this.id) return
      this.answered(request.getUint16(6), {
        kind: type === EXPIRED[family] ? 'time-exceeded' : 'unreachable',
        from: sender,
      })
    }
  }

  /** recvmsg(2) with MSG_ERRQUEUE: the request that failed, and in a control message `struct sock_extended_err` and who said so. */
  private readErrors(): void {
    for (;;) {
      const queued = this.libc.receiveError(this.fd)
      if (queued === null) return
      const { request, control } = queued
      if (request.length < 8) continue
      const sequence = ((request[6] as number) << 8) | (request[7] as number)
      const view = new DataView(control.buffer, control.byteOffset, control.length)
      // struct cmsghdr: length(8) level(4) type(4); then errno(4) origin(1) type(1) code(1) pad(1) info(4) data(4); then a sockaddr.
      if (control.length < 16 + 16 + 16) continue
      const origin = view.getUint8(20)
      if (origin !== SO_EE_ORIGIN_ICMP && origin !== SO_EE_ORIGIN_ICMP6) continue
      const from = this.family === 4 ? fromBytes(control, 32 + 4, 4) : fromBytes(control, 32 + 8, 16)
      this.answered(sequence, {
        kind: view.getUint8(21) === EXPIRED[this.family] ? 'time-exceeded' : 'unreachable',
        from,
      })
    }
  }

  private option([level, name]: readonly [number, number], value: number): void {
    this.libc.setsockopt(this.fd, level, name, Int32Array.of(value), 4)
  }
}

/** `struct sockaddr_in` or `struct sockaddr_in6` with port 0. */
function socketAddress(address: IpAddress): Uint8Array {
  const octets = new Uint8Array(address.family === 4 ? 16 : 28)
  // The family is in the host's order, which is little-endian wherever koffi runs Linux.
  octets[0] = address.family === 4 ? AF_INET : AF_INET6
  octets.set(toBytes(address), address.family === 4 ? 4 : 8)
  return octets
}

interface Libc {
  socket(domain: number, type: number, protocol: number): number
  setsockopt(fd: number, level: number, name: number, value: Int32Array, length: number): number
  sendto(fd: number, from: Uint8Array, length: number, flags: number, to: Uint8Array, toLength: number): number
  recvfrom(
    fd: number,
    into: Uint8Array,
    length: number,
    flags: number,
    from: Uint8Array,
    fromLength: Int32Array,
  ): number
  receiveError(fd: number): { readonly request: Uint8Array; readonly control: Uint8Array } | null
}

let bound: Libc | null = null

function bindLibc({ koffi }: Ffi): Libc {
  if (bound !== null) return bound
  const library = koffi().load(null)
  koffi().struct('ioth_ping_iovec', { base: 'void *', length: 'size_t' })
  koffi().struct('ioth_ping_msghdr', {
    name: 'void *',
    nameLength: 'uint32_t',
    iov: 'ioth_ping_iovec *',
    iovCount: 'size_t',
    control: 'void *',
    controlLength: 'size_t',
    flags: 'int',
  })
  const recvmsg = library.func('intptr_t recvmsg(int, _Inout_ ioth_ping_msghdr *, int)')
  const request = new Uint8Array(64)
  const control = new Uint8Array(512)
  bound = {
    socket: library.func('int socket(int, int, int)'),
    setsockopt: library.func('int setsockopt(int, int, int, const void *, uint32_t)'),
    sendto: library.func('intptr_t sendto(int, const void *, size_t, int, const void *, uint32_t)'),
    recvfrom: library.func('intptr_t recvfrom(int, void *, size_t, int, void *, void *)'),
    receiveError: (fd) => {
      const header = {
        name: null,
        nameLength: 0,
        iov: [{ base: request, length: request.length }],
        iovCount: 1,
        control,
        controlLength: control.length,
        flags: 0,
      }
      const count = Number(recvmsg(fd, header, MSG_ERRQUEUE | MSG_DONTWAIT))
      return count < 0
        ? null
        : { request: request.subarray(0, count), control: control.subarray(0, Number(header.controlLength)) }
    },
  }
  return bound
}
