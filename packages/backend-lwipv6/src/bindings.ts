/**
 * The functions of liblwipv6 that are called, with their C types. LWIPv6 1.5a, `lwipv6.h`.
 *
 * Not here, for they do not work or harm: `lwip_poll`, `lwip_select` (they lose errors), `lwip_readv`, `lwip_writev`, `lwip_sendmsg` (more than
 * one piece breaks them), `lwip_shutdown` (does nothing).
 *
 * @module
 */
import { type LibraryHandle, type LibraryRequest, openLibrary } from '@ioth/ffi'

/** What is asked of the loader. */
export const REQUEST: LibraryRequest = {
  title: 'LWIPv6',
  names: ['liblwipv6.so.2', 'liblwipv6.so'],
  variable: 'IOTH_LWIPV6_LIB',
  install: 'apt install liblwipv6-2 libvdeplug-dev',
  // Its threads outlive whoever loaded it.
  pinned: true,
  symbols: [
    'lwip_version',
    'lwip_stack_new',
    'lwip_del_stack',
    'lwip_add_vdeif',
    'lwip_ifup_flags',
    'lwip_ifdown',
    'lwip_add_addr',
    'lwip_del_addr',
    'lwip_add_route',
    'lwip_del_route',
    'lwip_msocket',
    'lwip_bind',
    'lwip_connect',
    'lwip_listen',
    'lwip_accept',
    'lwip_getsockname',
    'lwip_recv',
    'lwip_recvfrom',
    'lwip_send',
    'lwip_sendto',
    'lwip_ioctl',
    'lwip_close',
    'lwip_event_subscribe',
    'lwip_pipecb',
  ],
}

/** `lwip_version()` of the only interface there ever was. */
export const ABI = 2

/** A stack or an interface: an address in memory, never looked into. */
export type Pointer = bigint

export interface Lwip {
  version(): number
  stackNew(): Pointer | null
  delStack(stack: Pointer): void
  /** Null when the locator cannot be opened, or `libvdeplug.so` is missing. */
  addVdeif(stack: Pointer, vnl: string, flags: number): Pointer | null
  ifUp(nif: Pointer, flags: number): number
  ifDown(nif: Pointer): number
  addAddr(nif: Pointer, address: Uint8Array, mask: Uint8Array): number
  delAddr(nif: Pointer, address: Uint8Array, mask: Uint8Array): number
  /** 0, or a negative errno. */
  addRoute(
    stack: Pointer,
    destination: Uint8Array,
    mask: Uint8Array,
    hop: Uint8Array,
    nif: Pointer,
    flags: number,
  ): number
  delRoute(
    stack: Pointer,
    destination: Uint8Array,
    mask: Uint8Array,
    hop: Uint8Array,
    nif: Pointer,
    flags: number,
  ): number
  socket(stack: Pointer, domain: number, type: number, protocol: number): number
  bind(s: number, name: Uint8Array, length: number): number
  /** Blocks, up to 12 s: in a thread of the pool. */
  connect(s: number, name: Uint8Array, length: number, done: (error: Error | null, result: number) => void): void
  listen(s: number, backlog: number): number
  /** Blocks unless a connection waits. The address it tells is not that of the peer. */
  accept(s: number, name: Uint8Array, length: Uint8Array): number
  /** Of a TCP connection: the address of the *peer*. */
  getsockname(s: number, name: Uint8Array, length: Uint8Array): number
  recv(s: number, into: Uint8Array, length: number, flags: number): number
  recvfrom(s: number, into: Uint8Array, size: number, flags: number, name: Uint8Array, length: Uint8Array): number
  /** Blocks until everything is queued. */
  send(s: number, from: Uint8Array, length: number, flags: number): number
  sendto(s: number, from: Uint8Array, size: number, flags: number, name: Uint8Array, length: number): number
  ioctl(s: number, request: number, data: Uint8Array): number
  close(s: number): number
  /** 0 when it subscribed, else the events that are true now. Without `callback` it only asks, and unsubscribes. */
  subscribe(callback: Pointer | null, argument: Pointer, s: number, events: number): number
  /** Writes an octet to `argument[1]`. */
  readonly pipecb: Pointer
}

let loaded: Lwip | null = null

/** The library; there is one in a process. @throws NetError ERR_IOTH_BACKEND_UNUSABLE */
export function lwip(path?: string): Lwip {
  loaded ??= bind(openLibrary({ ...REQUEST, path }).handle)
  return loaded
}

function bind(library: LibraryHandle): Lwip {
  const connect = library.func('int lwip_connect(int, const void *, uint32_t)')
  // koffi keeps no hold of memory that a thread still reads: it would be collected, and the connect go to any port.
  const names = new Set<Uint8Array>()
  return {
    version: library.func('long lwip_version()'),
    stackNew: library.func('void *lwip_stack_new()'),
    delStack: library.func('void lwip_del_stack(void *)'),
    addVdeif: library.func('void *lwip_add_vdeif(void *, const char *, int)'),
    ifUp: library.func('int lwip_ifup_flags(void *, int)'),
    ifDown: library.func('int lwip_ifdown(void *)'),
    addAddr: library.func('int lwip_add_addr(void *, const void *, const void *)'),
    delAddr: library.func('int lwip_del_addr(void *, const void *, const void *)'),
    addRoute: library.func('int lwip_add_route(void *, const void *, const void *, const void *, void *, int)'),
    delRoute: library.func('int lwip_del_route(void *, const void *, const void *, const void *, void *, int)'),
    socket: library.func('int lwip_msocket(void *, int, int, int)'),
    bind: library.func('int lwip_bind(int, const void *, uint32_t)'),
    connect: (s, name, length, done) => {
      names.add(name)
      connect.async(s, name, length, (error: Error | null, result: number) => {
        names.delete(name)
        done(error, result)
      })
    },
    listen: library.func('int lwip_listen(int, int)'),
    accept: library.func('int lwip_accept(int, void *, void *)'),
    getsockname: library.func('int lwip_getsockname(int, void *, void *)'),
    recv: library.func('long lwip_recv(int, void *, int, uint32_t)'),
    recvfrom: library.func('long lwip_recvfrom(int, void *, int, uint32_t, void *, void *)'),
    send: library.func('long lwip_send(int, const void *, int, uint32_t)'),
    sendto: library.func('long lwip_sendto(int, const void *, int, uint32_t, const void *, uint32_t)'),
    ioctl: library.func('int lwip_ioctl(int, long, void *)'),
    close: library.func('int lwip_close(int)'),
    subscribe: library.func('int lwip_event_subscribe(void *, void *, int, int)'),
    pipecb: library.symbol('lwip_pipecb') as Pointer,
  }
}
