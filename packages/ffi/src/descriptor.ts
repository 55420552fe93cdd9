/**
 * File descriptors: pairs of sockets, and whole messages read from and written to them. All are non-blocking and closed in child processes.
 *
 * @module
 */
import { constants } from 'node:fs'
import { WOULD_BLOCK } from '@ioth/core'
import { errnoError, errnoName, lastErrno } from './errno.ts'
import { koffi, type LibraryHandle } from './koffi.ts'

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

/** @throws NetError EBADF */
export function closeDescriptor(fd: number): void {
  if (libc().close(fd) !== 0) throw errnoError('close')
}

/** Writing to a peer that has gone is an error, not a signal. (Node ignores SIGPIPE; programs may not.) */
const MSG_NOSIGNAL = process.platform === 'linux' ? 0x4000 : 0

/** A send buffer of the host that is full is no failure: BSD says so for messages by ENOBUFS. */
const NOT_NOW: readonly string[] = ['EAGAIN', 'EWOULDBLOCK', 'EINTR', 'ENOBUFS']

function result(syscall: string, count: number): number {
  if (count >= 0) return count
  const number = lastErrno()
  if (NOT_NOW.includes(errnoName(number) ?? '')) return WOULD_BLOCK
  throw errnoError(syscall, number)
}

interface Libc {
  socketpair(domain: number, type: number, protocol: number, pair: [number, number]): number
  fcntl(fd: number, command: number, type: 'int', argument: number): number
  recv(fd: number, into: Uint8Array, length: number, flags: number): number
  send(fd: number, from: Uint8Array, length: number, flags: number): number
  read(fd: number, into: Uint8Array, length: number): number
  write(fd: number, from: Uint8Array, length: number): number
  ioctl(fd: number, request: number, type: 'void *', data: Uint8Array): number
  close(fd: number): number
}

let bound: Libc | null = null

/** The C library is part of the process: it has no name that would hold on all systems. */
function libc(): Libc {
  bound ??= bind(koffi().load(null))
  return bound
}

function bind(process: LibraryHandle): Libc {
  return {
    socketpair: process.func('int socketpair(int, int, int, _Out_ int *)'),
    fcntl: process.func('int fcntl(int, int, ...)'),
    recv: process.func('intptr_t recv(int, void *, size_t, int)'),
    send: process.func('intptr_t send(int, const void *, size_t, int)'),
    read: process.func('intptr_t read(int, void *, size_t)'),
    write: process.func('intptr_t write(int, const void *, size_t)'),
    ioctl: process.func('int ioctl(int, unsigned long, ...)'),
    close: process.func('int close(int)'),
  }
}
