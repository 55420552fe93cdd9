/**
 * The functions of libfdpicotcp that are called, with their C types: fd_picoTCP's own, which take descriptors, and a few of the picoTCP that the
 * same file holds.
 *
 * Not here, for they harm in a process like this:
 *
 * - `socket`: its first call starts a thread that works the stack without a lock, while others call it. What it does is done here in its
 *   parts, without the thread: the stack is worked by who calls it.
 * - `accept`, `bind`, `connect` of libc's names: they look at a table at -1, print, and cut IPv6 addresses of more than 27 characters.
 *
 * @module
 */
import { type IpAddress, NetError, toBytes } from '@ioth/core'
import {
  koffi,
  type LibraryHandle,
  type LibraryRequest,
  openLibrary,
  PICO_EVENT_CONNECTION,
  PICO_EVENT_READ,
  picoIp4,
  picoIp6,
  picoIp6Type,
  picoPort,
  silence,
} from '@ioth/ffi'
import { DESCRIPTORS } from './limits.ts'

export const LIBRARY_VARIABLE = 'IOTH_FDPICOTCP_LIB'

/** What is asked of the loader. */
export const REQUEST: LibraryRequest = {
  title: 'fd_picoTCP',
  names: ['libfdpicotcp.so', '/usr/local/lib/libfdpicotcp.so', '/usr/lib/libfdpicotcp.so'],
  variable: LIBRARY_VARIABLE,
  install: `export ${LIBRARY_VARIABLE}=/path/to/libfdpicotcp.so, once fd_picoTCP is built (https://github.com/exmorse/fd_picotcp)`,
  needs: { libvdeplug: 'apt install libvdeplug2' },
  symbols: [
    'FD_TABLE_SIZE',
    'MAX_FD',
    'fd_table',
    'fd_err',
    'pico_err',
    'pico_dev',
    'pico_stack_init',
    'pico_stack_tick',
    'pico_vde_create',
    'pico_device_destroy',
    'pico_ipv4_link_add',
    'pico_ipv4_link_del',
    'pico_ipv6_link_add',
    'pico_ipv6_link_del',
    'pico_ipv6_link_istentative',
    'pico_ipv4_route_add',
    'pico_ipv4_route_del',
    'pico_ipv6_route_add',
    'pico_ipv6_route_del',
    'pico_arp_create_entry',
    'pico_arp_lookup',
    'pico_socket_open',
    'pico_socket_setoption',
    'handle_wakeup',
    'fd_elem_create',
    'fd_elem_delete',
    'get_fd_elem_from_fd',
    'get_socket_from_fd',
    'fd_pico_socket_bind',
    'fd_pico_socket_listen',
    'fd_pico_socket_accept',
    'fd_pico_socket_connect',
    'fd_pico_socket_read',
    'fd_pico_socket_write',
    'fd_pico_socket_close',
  ],
}

/** An address in memory, never looked into but where it says so. */
export type Pointer = bigint

const NET: Readonly<Record<4 | 6, number>> = { 4: 0, 6: 41 }
const PROTOCOL = { tcp: 6, udp: 17 } as const
/** Milliseconds that a finished connection is remembered. */
const OPTION_LINGER = 13
/** `struct s_fd_elem_t` begins with four integers; the next one says whether the socket is one of IPv6. */
const IS_IPV6_AT = 16n
const O_NONBLOCK = 0o4000
const O_CLOEXEC = 0o2000000
const LONGEST_ADDRESS = 100

/** A connection that a listener had. */
export interface Accepted {
  readonly fd: number
  readonly remote: string
  readonly remotePort: number
}

/** Calls that give an `int` give -1 for a failure, with {@link FdPico.error}. None waits. */
export interface FdPico {
  /** picoTCP's error number of the last call that failed. */
  error(): number
  /** Lets the stack work: timers, frames in, frames out. */
  tick(): void
  /** Plugs a device into a switch. Waits for the switch, in a thread of the pool: nothing else may be called meanwhile. */
  createDevice(path: string, name: string, mac: Uint8Array): Promise<Pointer | null>
  destroyDevice(device: Pointer): void
  addLink(device: Pointer, address: IpAddress, mask: IpAddress): number
  removeLink(device: Pointer, address: IpAddress): number
  /** Whether an IPv6 address is past the library's duplicate address detection. */
  isSettled(address: IpAddress): boolean
  addRoute(destination: IpAddress, mask: IpAddress, gateway: IpAddress): number
  removeRoute(destination: IpAddress, mask: IpAddress): number
  /** Tells it the hardware address of a neighbour that it has not heard of; IPv4. */
  introduce(device: Pointer, address: IpAddress, mac: Uint8Array): void
  /** A socket, and its pipe. @throws NetError EMFILE, ENOMEM. */
  open(family: 4 | 6, protocol: 'tcp' | 'udp', wakeup: Pointer): number
  socketOf(fd: number): Pointer
  bind(fd: number, address: IpAddress, port: number): number
  listen(fd: number, backlog: number): number
  /** @returns null when none waits. */
  accept(fd: number): Accepted | null
  connect(fd: number, address: IpAddress, port: number): number
  /** @returns 0 when there is nothing; -1 at the end with ESHUTDOWN. */
  read(fd: number, into: Uint8Array, length: number): number
  /** @returns how many octets were taken. */
  write(fd: number, from: Uint8Array, length: number): number
  /** Ends a socket: a connection's peer is told nothing, and nothing is remembered. The wake-up function hears of its end. */
  close(fd: number): void
  /** The library has freed the socket: only its descriptor is given back. */
  forget(fd: number): void
}

/** A copy of the library that nobody else has, started. @throws NetError ERR_IOTH_BACKEND_UNUSABLE */
export function startLibrary(path?: string): FdPico {
  const { handle } = openLibrary({ ...REQUEST, path, privateCopy: true })
  silence()
  const { encode, load } = koffi()
  const table = load(null).func('void *calloc(size_t, size_t)')(DESCRIPTORS, 8) as Pointer | null
  encode(handle.symbol('FD_TABLE_SIZE'), 'int', DESCRIPTORS)
  encode(handle.symbol('MAX_FD'), 'int', DESCRIPTORS)
  encode(handle.symbol('fd_table'), 'void *', table)
  if (table === null || handle.func('int pico_stack_init()')() !== 0) {
    throw new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'fdpicotcp', { message: 'fd_picoTCP does not start' })
  }
  return bind(handle)
}

function bind(library: LibraryHandle): FdPico {
  const { decode, encode, load } = koffi()
  const errorAt = library.symbol('pico_err')
  const deviceAt = library.symbol('pico_dev')
  const pipe = load(null).func('int pipe2(void *, int)')
  const closePipe = load(null).func('int close(int)')
  const create = library.func('void *pico_vde_create(const char *, const char *, const void *)')
  const ip6 = picoIp6Type()
  const linkAdd4 = library.func('int pico_ipv4_link_add(void *, uint32_t, uint32_t)')
  const linkDelete4 = library.func('int pico_ipv4_link_del(void *, uint32_t)')
  const linkAdd6 = library.func('pico_ipv6_link_add', 'void *', ['void *', ip6, ip6])
  const linkDelete6 = library.func('pico_ipv6_link_del', 'int', ['void *', ip6])
  const tentative = library.func('void *pico_ipv6_link_istentative(void *)')
  const arpLookup = library.func('void *pico_arp_lookup(const void *)')
  const arpCreate = library.func('int pico_arp_create_entry(const void *, uint32_t, void *)')
  const routeAdd4 = library.func('int pico_ipv4_route_add(uint32_t, uint32_t, uint32_t, int, void *)')
  const routeDelete4 = library.func('int pico_ipv4_route_del(uint32_t, uint32_t, int)')
  const routeAdd6 = library.func('pico_ipv6_route_add', 'int', [ip6, ip6, ip6, 'int', 'void *'])
  const routeDelete6 = library.func('pico_ipv6_route_del', 'int', [ip6, ip6, ip6, 'int', 'void *'])
  const openSocket = library.func('void *pico_socket_open(uint16_t, uint16_t, void *)')
  const closeSocket = library.func('int pico_socket_close(void *)')
  const setOption = library.func('int pico_socket_setoption(void *, int, void *)')
  const wake = library.func('void handle_wakeup(uint16_t, void *)')
  const elementCreate = library.func('int fd_elem_create(void *, void *)')
  const elementDelete = library.func('int fd_elem_delete(int)')
  const elementOf = library.func('void *get_fd_elem_from_fd(int)')
  const socketOf = library.func('void *get_socket_from_fd(int)') as (fd: number) => Pointer
  const bindSocket = library.func('int fd_pico_socket_bind(int, const char *, uint16_t)')
  const acceptSocket = library.func('int fd_pico_socket_accept(int, void *, void *)')
  const connectSocket = library.func('int fd_pico_socket_connect(int, const char *, uint16_t)')
  const readSocket = library.func('int fd_pico_socket_read(int, void *, int)')
  const close = library.func('int fd_pico_socket_close(int)')
  const ends = new Int32Array(2)
  const name = Buffer.alloc(LONGEST_ADDRESS)
  const port = new Int32Array(1)
  const none = new Uint8Array(4)
  encode(errorAt, 'int', 0)

  return {
    error: () => decode(errorAt, 'int') as number,
    tick: library.func('void pico_stack_tick()'),
    createDevice: (path, device, mac) =>
      new Promise((resolve, reject) => {
        create.async(path, device, mac, (error: Error | null, made: Pointer | null) => {
          if (error !== null) return reject(error)
          encode(deviceAt, 'void *', made)
          resolve(made)
        })
      }),
    destroyDevice: library.func('void pico_device_destroy(void *)'),
    addLink: (device, address, mask) => {
      if (address.family === 4) return linkAdd4(device, picoIp4(address), picoIp4(mask))
      return linkAdd6(device, picoIp6(address), picoIp6(mask)) == null ? -1 : 0
    },
    removeLink: (device, address) =>
      address.family === 4 ? linkDelete4(device, picoIp4(address)) : linkDelete6(device, picoIp6(address)),
    isSettled: (address) => tentative(toBytes(address)) == null,
    addRoute: (destination, mask, gateway) =>
      destination.family === 4
        ? routeAdd4(picoIp4(destination), picoIp4(mask), picoIp4(gateway), METRIC, null)
        : routeAdd6(picoIp6(destination), picoIp6(mask), picoIp6(gateway), METRIC, null),
    removeRoute: (destination, mask) =>
      destination.family === 4
        ? routeDelete4(picoIp4(destination), picoIp4(mask), METRIC)
        : routeDelete6(picoIp6(destination), picoIp6(mask), NOWHERE, METRIC, null),

    introduce: (device, address, mac) => {
      // It would keep a second entry, and a timer for it.
      if (arpLookup(toBytes(address)) == null) arpCreate(mac, picoIp4(address), device)
    },
    open: (family, protocol, wakeup) => {
      const socket = openSocket(NET[family], PROTOCOL[protocol], wakeup) as Pointer | null
      if (socket === null) throw new NetError('ENOMEM', 'socket')
      if (pipe(ends, O_NONBLOCK | O_CLOEXEC) === 0) {
        const [near = -1, far = -1] = ends
        // Its table has no place for others, and it does not look.
        if (near < DESCRIPTORS && far < DESCRIPTORS && elementCreate(ends, socket) === near) {
          if (family === 6) encode((elementOf(near) as Pointer) + IS_IPV6_AT, 'int', 1)
          return near
        }
        closePipe(near)
        closePipe(far)
      }
      closeSocket(socket)
      throw new NetError('EMFILE', 'socket')
    },
    socketOf,
    bind: (fd, address, to) => bindSocket(fd, address.withScope(0).toString(), picoPort(to)),
    listen: library.func('int fd_pico_socket_listen(int, int)'),
    accept: (fd) => {
      // It would wait, and wakes up once for all that came together: it is told that there is one, and says when there is not.
      wake(PICO_EVENT_CONNECTION, socketOf(fd))
      const accepted = acceptSocket(fd, name, port) as number
      if (accepted < 0) return null
      const text = name.toString('latin1', 0, name.indexOf(0))
      return { fd: accepted, remote: text, remotePort: picoPort((port[0] as number) & 0xffff) }
    },
    connect: (fd, address, to) => connectSocket(fd, address.withScope(0).toString(), picoPort(to)),
    read: (fd, into, length) => {
      // As with accept; and it never wakes up for an end.
      wake(PICO_EVENT_READ, socketOf(fd))
      return readSocket(fd, into, length)
    },
    write: library.func('int fd_pico_socket_write(int, const void *, int)'),
    close: (fd) => {
      setOption(socketOf(fd), OPTION_LINGER, none)
      close(fd)
    },
    forget: (fd) => {
      elementDelete(fd)
    },
  }
}

/** Routes of the library's own have 1. */
const METRIC = 2
const NOWHERE = { octets: new Array(16).fill(0) as number[] }
