/**
 * Unix datagram sockets, which Node lacks: made, named and joined by paths. Messages are received, sent and waited for as with every other
 * descriptor (`descriptor.ts`, `descriptor-watch.ts`); poll tells of a joined one whether the other side has room.
 *
 * @module
 */
import { NetError } from '@ioth/core'
import { closeDescriptor, makeNonBlocking } from './descriptor.ts'
import { errnoError } from './errno.ts'
import { libc } from './libc.ts'

const AF_UNIX = 1
const SOCK_DGRAM = 2
/** Octets of `struct sockaddr_un` on Linux: a family of two, and a path with its NUL. */
export const UNIX_ADDRESS_OCTETS = 110
const PATH_AT = 2
/** Octets of a path at most. */
export const LONGEST_UNIX_PATH: number = UNIX_ADDRESS_OCTETS - PATH_AT - 1

/** A datagram socket without a name, non-blocking and not inherited by child processes. @throws NetError EMFILE… */
export function openUnixDatagram(): number {
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM, 0)
  if (fd < 0) throw errnoError('socket')
  try {
    makeNonBlocking(fd)
  } catch (error) {
    closeDescriptor(fd)
    throw error
  }
  return fd
}

/** Names a socket: makes the file. @throws NetError EADDRINUSE, ENOENT, EACCES, ENAMETOOLONG… */
export function bindUnix(fd: number, path: string): void {
  if (libc().bind(fd, serializeUnixAddress(path), UNIX_ADDRESS_OCTETS) !== 0) throw failure('bind', path)
}

/** Joins a socket to another: it sends there, and receives from nobody else. @throws NetError ECONNREFUSED, ENOENT, EACCES, EPROTOTYPE… */
export function connectUnix(fd: number, path: string): void {
  if (libc().connect(fd, serializeUnixAddress(path), UNIX_ADDRESS_OCTETS) !== 0) throw failure('connect', path)
}

/** `struct sockaddr_un` for a path. @throws NetError ENAMETOOLONG */
export function serializeUnixAddress(path: string): Uint8Array {
  const address = new Uint8Array(UNIX_ADDRESS_OCTETS)
  const octets = Buffer.from(path)
  if (octets.length > LONGEST_UNIX_PATH || octets.includes(0)) {
    const message = `${path}: a Unix socket's path has at most ${LONGEST_UNIX_PATH} octets, and no NUL`
    throw new NetError('EINVAL', 'bind', { address: path, message })
  }
  // The family is in the host's order, as all of this structure: it never leaves the machine.
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX
  address.set(octets, PATH_AT)
  return address
}

/** The path in a `struct sockaddr_un`; null when it is none, or has no path. */
export function parseUnixAddress(address: Uint8Array): string | null {
  if (address.length < UNIX_ADDRESS_OCTETS) return null
  if (new Uint16Array(Uint8Array.from(address.subarray(0, PATH_AT)).buffer)[0] !== AF_UNIX) return null
  const path = address.subarray(PATH_AT, UNIX_ADDRESS_OCTETS)
  const end = path.indexOf(0)
  if (end === 0) return null
  return Buffer.from(end < 0 ? path : path.subarray(0, end)).toString()
}

function failure(syscall: string, path: string): NetError {
  const { code, message } = errnoError(syscall)
  return new NetError(code, syscall, { address: path, message: `${message} ${path}` })
}
