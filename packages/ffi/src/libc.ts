/**
 * The functions of the C library that this package calls.
 *
 * @module
 */
import { koffi, type LibraryHandle } from './koffi.ts'

export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, length: number): number
  connect(fd: number, address: Uint8Array, length: number): number
  socketpair(domain: number, type: number, protocol: number, pair: [number, number]): number
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number
  fcntl(fd: number, command: number, type: 'int', argument: number): number
  recv(fd: number, into: Uint8Array, length: number, flags: number): number
  send(fd: number, from: Uint8Array, length: number, flags: number): number
  recvAt(fd: number, into: number, length: number, flags: number): number
  sendAt(fd: number, from: number, length: number, flags: number): number
  read(fd: number, into: Uint8Array, length: number): number
  write(fd: number, from: Uint8Array, length: number): number
  ioctl(fd: number, request: number, type: 'void *', data: Uint8Array): number
  poll(watched: Uint8Array, count: number, timeoutMs: number): number
  close(fd: number): number
}

let bound: Libc | null = null

/** The C library is part of the process: it has no name that would hold on all systems. */
export function libc(): Libc {
  bound ??= bind(koffi().load(null))
  return bound
}

function bind(process: LibraryHandle): Libc {
  return {
    socket: process.func('int socket(int, int, int)'),
    bind: process.func('int bind(int, const void *, uint32_t)'),
    connect: process.func('int connect(int, const void *, uint32_t)'),
    socketpair: process.func('int socketpair(int, int, int, _Out_ int *)'),
    setsockopt: process.func('int setsockopt(int, int, int, const void *, uint32_t)'),
    fcntl: process.func('int fcntl(int, int, ...)'),
    recv: process.func('intptr_t recv(int, void *, size_t, int)'),
    send: process.func('intptr_t send(int, const void *, size_t, int)'),
    // The same functions with an address for memory.
    recvAt: process.func('recv', 'intptr_t', ['int', 'uintptr_t', 'size_t', 'int']),
    sendAt: process.func('send', 'intptr_t', ['int', 'uintptr_t', 'size_t', 'int']),
    read: process.func('intptr_t read(int, void *, size_t)'),
    write: process.func('intptr_t write(int, const void *, size_t)'),
    ioctl: process.func('int ioctl(int, unsigned long, ...)'),
    poll: process.func('int poll(void *, unsigned long, int)'),
    close: process.func('int close(int)'),
  }
}
