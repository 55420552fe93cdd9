/**
 * File descriptors: pairs of sockets, and whole messages read from and written to them. All are non-blocking and closed in child processes.
 *
 * @module
 */
import { constants } from 'node:fs'
import { constants as hostConstants } from 'node:os'
import { WOULD_BLOCK } from '@ioth/core'
import { errnoError, errnoName, lastErrno } from './errno.ts'
import { koffi } from './koffi.ts'
import { libc } from './libc.ts'

/** The kinds of sockets that keep or do not keep message boundaries. */
export type SocketKind = 'stream' | 'datagram' | 'seqpacket'

const AF_UNIX = 1
const KINDS: Readonly<Record<SocketKind, number>> = { stream: 1, datagram: 2, seqpacket: 5 }
const F_SETFD = 2
const FD_CLOEXEC = 1
const F_GETFL = 3
const F_SETFL = 4

/** Two Unix sockets joined to each other. @throws NetError EMFILE… */
export function socketPair(kind: SocketKind): [number, number] {
  const pair: [number, number] = [-1, -1]
  if (libc().socketpair(AF_UNIX, KINDS[kind], 0, pair) !== 0) throw errnoError('socketpair')
  for (const fd of pair) makeNonBlocking(fd)
  return pair
}

/** Makes a descriptor non-blocking, and not inherited by child processes. @throws NetError EBADF… */
export function makeNonBlocking(fd: number): void {
  const { fcntl } = libc()
  const flags = fcntl(fd, F_GETFL, 'int', 0)
  if (flags === -1 || fcntl(fd, F_SETFL, 'int', flags | constants.O_NONBLOCK) === -1) throw errnoError('fcntl')
  if (fcntl(fd, F_SETFD, 'int', FD_CLOEXEC) === -1) throw errnoError('fcntl')
}

/** Lets a socket hold so many octets that its peer has not read, or as many as the system grants. */
export function widenSendBuffer(fd: number, octets: number): void {
  const value = new Uint8Array(new Int32Array([octets]).buffer)
  const [level, name] = SEND_BUFFER
  libc().setsockopt(fd, level, name, value, value.length)
}

/** SOL_SOCKET and SO_SNDBUF. */
const SEND_BUFFER: readonly [number, number] = process.platform === 'linux' ? [1, 7] : [0xffff, 0x1001]

/**
 * Receives what is there: octets of a stream, or one message (what is longer than `into` is cut).
 * @returns a count, 0 at the end of a stream, or {@link WOULD_BLOCK}.
 * @throws NetError ECONNRESET, EBADF…
 */
export function receive(fd: number, into: Uint8Array): number {
  return result('recv', libc().recv(fd, into, into.length, 0))
}

/**
 * Sends octets, or one message.
 * @returns a count, or {@link WOULD_BLOCK}.
 * @throws NetError EPIPE, EMSGSIZE, ECONNREFUSED…
 */
export function send(fd: number, from: Uint8Array): number {
  return result('send', libc().send(fd, from, from.length, MSG_NOSIGNAL))
}

/**
 * Where memory begins, as a number for {@link receiveAt} and {@link sendAt}. The memory must not be one that moves: not a small array that
 * JavaScript keeps among its objects.
 */
export function addressOf(bytes: Uint8Array): number {
  return Number(koffi().address(bytes))
}

/** As {@link receive}, into memory at an address of the caller's responsibility: spares the hot path an object for each message. */
export function receiveAt(fd: number, address: number, length: number): number {
  return result('recv', libc().recvAt(fd, address, length, 0))
}

/** As {@link send}, from memory at an address of the caller's responsibility. */
export function sendAt(fd: number, address: number, length: number): number {
  return result('send', libc().sendAt(fd, address, length, MSG_NOSIGNAL))
}

/**
 * Reads octets, or one message of a device (what is longer than `into` is cut).
 * @returns a count, 0 at the end, or {@link WOULD_BLOCK}.
 * @throws NetError EIO, EBADF…
 */
export function readDescriptor(fd: number, into: Uint8Array): number {
  return result('read', libc().read(fd, into, into.length))
}

/**
 * Writes octets, or one message to a device.
 * @returns a count, or {@link WOULD_BLOCK}.
 * @throws NetError EIO, EINVAL…
 */
export function writeDescriptor(fd: number, from: Uint8Array, length: number = from.length): number {
  return result('write', libc().write(fd, from, length))
}

/** Asks a device something; `data` is the structure it reads and writes. @throws NetError EPERM, EBUSY, EINVAL, EBADF… */
export function control(fd: number, request: number, data: Uint8Array): void {
  if (libc().ioctl(fd, request, 'void *', data) < 0) throw errnoError('ioctl')
}

/** Whether a read of the descriptor would not wait, now. */
export function isReadable(fd: number): boolean {
  pollFd.setInt32(0, fd, LITTLE_ENDIAN)
  pollFd.setInt16(4, POLLIN, LITTLE_ENDIAN)
  pollFd.setInt16(6, 0, LITTLE_ENDIAN)
  return libc().poll(pollOctets, 1, 0) > 0
}

/** `struct pollfd`: a descriptor of four octets, what is asked and what is so of two each. */
const pollOctets = new Uint8Array(8)
const pollFd = new DataView(pollOctets.buffer)
const POLLIN = 1
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** @throws NetError EBADF */
export function closeDescriptor(fd: number): void {
  if (libc().close(fd) !== 0) throw errnoError('close')
}

/** Writing to a peer that has gone is an error, not a signal. (Node ignores SIGPIPE; programs may not.) */
const MSG_NOSIGNAL = process.platform === 'linux' ? 0x4000 : 0

/** A send buffer of the host that is full is no failure: BSD says so for messages by ENOBUFS. */
const NOT_NOW: readonly string[] = ['EAGAIN', 'EWOULDBLOCK', 'EINTR', 'ENOBUFS']

/** The host's number. */
const again = hostConstants.errno.EAGAIN

function result(syscall: string, count: number): number {
  if (count >= 0) return count
  const number = lastErrno()
  // By far the most frequent one.
  if (number === again) return WOULD_BLOCK
  if (NOT_NOW.includes(errnoName(number) ?? '')) return WOULD_BLOCK
  throw errnoError(syscall, number)
}
