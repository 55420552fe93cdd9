/**
 * The library's functions as they are called here: C signatures, and nothing else. picoTCP-NG takes a stack in front of the arguments of
 * many functions; that is hidden here, so that the rest of this package knows one library.
 *
 * @module
 */
import { ANY_V4, ANY_V6, type IpAddress, toBytes } from '@ioth/core'
import { koffi, type LibraryHandle, picoIp4, picoIp6, picoIp6Type } from '@ioth/ffi'
import type { Abi } from './abi.ts'

/** A pointer of the library's. */
export type Pointer = bigint

/** Of `pico_socket_open`. */
export const NET_IPV4 = 0
export const NET_IPV6 = 41
export const PROTO_TCP = 6
export const PROTO_UDP = 17

export const SHUT_WRITE = 2

export const OPTION_NO_DELAY = 0
/** Milliseconds. */
export const OPTION_KEEP_IDLE = 4
/** Milliseconds. */
export const OPTION_KEEP_INTERVAL = 5
export const OPTION_KEEP_COUNT = 6
export const OPTION_RECEIVE_BUFFER = 52
export const OPTION_SEND_BUFFER = 53

/** C types of the functions that the library calls. */
export const SEND_TYPE = 'int (void *, void *, int)'

/** Calls that give an `int` give -1 for a failure, with {@link Pico.error}. */
export interface Pico {
  /** The library's error number of the last call that failed. */
  error(): number
  /** @returns milliseconds to the next timer, -1 when there is none; null where the library cannot say. */
  tick(): number | null

  deviceInit(device: Pointer, name: string, mac: Uint8Array | null): number
  deviceDestroy(device: Pointer): void
  receive(device: Pointer, frame: Uint8Array, length: number): number
  addLink(device: Pointer, address: IpAddress, mask: IpAddress): number
  removeLink(device: Pointer, address: IpAddress): number
  /** Whether an IPv6 address is past duplicate address detection. */
  isSettled(address: IpAddress): boolean
  /** The library's structure of an address of ours. */
  linkOf(address: IpAddress): Pointer | null
  /** @param gateway null: on the link. */
  addRoute(destination: IpAddress, mask: IpAddress, gateway: IpAddress | null, metric: number, link: Pointer): number
  removeRoute(destination: IpAddress, mask: IpAddress, metric: number, link: Pointer): number

  open(net: number, protocol: number, wakeup: Pointer): Pointer | null
  bind(socket: Pointer, address: Uint8Array, port: Uint8Array): number
  listen(socket: Pointer, backlog: number): number
  accept(socket: Pointer, address: Uint8Array, port: Uint8Array): Pointer | null
  connect(socket: Pointer, address: Uint8Array, portInNetworkOrder: number): number
  read(socket: Pointer, into: Uint8Array, length: number): number
  write(socket: Pointer, from: Uint8Array, length: number): number
  sendTo(socket: Pointer, from: Uint8Array, length: number, address: Uint8Array, portInNetworkOrder: number): number
  receiveFrom(socket: Pointer, into: Uint8Array, length: number, address: Uint8Array, port: Uint8Array): number
  localName(socket: Pointer, address: Uint8Array, port: Uint8Array, protocol: Uint8Array): number
  setOption(socket: Pointer, option: number, value: Uint8Array): number
  shutdown(socket: Pointer, how: number): number
  close(socket: Pointer): number
}

/** A function of the library; koffi checks its arguments against the C signature. */
// biome-ignore lint/suspicious/noExplicitAny: the types are C's, written as text
type Bound = (...values: any[]) => any

/** Binds the functions of a library that was loaded, and makes its stack. @throws Error when the library refuses. */
export function bindPico(handle: LibraryHandle, abi: Abi): Pico {
  const { decode, encode } = koffi()
  const isNg = abi.generation !== 'upstream'
  let stack: Pointer | null = null
  const bare = (result: string, name: string, parameters: string): Bound =>
    handle.func(`${result} ${name}(${parameters})`)
  const onStack = (result: string, name: string, parameters: string): Bound => {
    if (!isNg) return bare(result, name, parameters === '' ? 'void' : parameters)
    const call = bare(result, name, parameters === '' ? 'void *' : `void *, ${parameters}`)
    return (...values: unknown[]) => call(stack, ...values)
  }

  if (isNg) {
    const holder = Buffer.alloc(8)
    if (bare('int', 'pico_stack_init', 'void *')(holder) !== 0) throw new Error('pico_stack_init failed')
    stack = holder.readBigUInt64LE(0)
  } else if (bare('int', 'pico_stack_init', 'void')() !== 0) throw new Error('pico_stack_init failed')

  const errorNumber = handle.symbol('pico_err')
  const tick = isNg ? bare('void', 'pico_stack_tick', 'void *') : bare('void', 'pico_stack_tick', 'void')
  const go = abi.generation === 'ng-tickless' ? bare('int64_t', 'pico_stack_go', 'void *') : null

  const ip6 = picoIp6Type()
  const head = isNg ? ['void *'] : []
  const linkAdd4 = onStack('int', 'pico_ipv4_link_add', 'void *, uint32_t, uint32_t')
  const linkDelete4 = onStack('int', 'pico_ipv4_link_del', 'void *, uint32_t')
  const linkAdd6 = abi.hasIpv6
    ? handle.func(abi.addsWithoutProbe ? 'pico_ipv6_link_add_no_dad' : 'pico_ipv6_link_add', 'void *', [
        'void *',
        ip6,
        ip6,
      ])
    : null
  const linkDelete6 = abi.hasIpv6 ? handle.func('pico_ipv6_link_del', 'int', [...head, 'void *', ip6]) : null
  const tentative = abi.hasIpv6 ? onStack('void *', 'pico_ipv6_link_istentative', 'void *') : null
  const linkGet4 = onStack('void *', 'pico_ipv4_link_get', 'void *')
  const linkGet6 = abi.hasIpv6 ? onStack('void *', 'pico_ipv6_link_get', 'void *') : null
  const routeAdd4 = onStack('int', 'pico_ipv4_route_add', 'uint32_t, uint32_t, uint32_t, int, void *')
  const routeDelete4 = onStack('int', 'pico_ipv4_route_del', 'uint32_t, uint32_t, int')
  const routeAdd6 = abi.hasIpv6
    ? handle.func('pico_ipv6_route_add', 'int', [...head, ip6, ip6, ip6, 'int', 'void *'])
    : null
  const routeDelete6 = abi.hasIpv6
    ? handle.func('pico_ipv6_route_del', 'int', [...head, ip6, ip6, ip6, 'int', 'void *'])
    : null
  const withStack = (values: unknown[]): unknown[] => (isNg ? [stack, ...values] : values)

  encode(errorNumber, 'int', 0)

  return {
    error: () => decode(errorNumber, 'int') as number,
    tick: () => {
      if (go !== null) return Number(go(stack))
      if (isNg) tick(stack)
      else tick()
      return null
    },

    deviceInit: onStack('int', 'pico_device_init', 'void *, const char *, const void *'),
    deviceDestroy: bare('void', 'pico_device_destroy', 'void *'),
    receive: bare('int32_t', 'pico_stack_recv', 'void *, void *, uint32_t'),
    addLink: (device, address, mask) => {
      if (address.family === 4) return linkAdd4(device, picoIp4(address), picoIp4(mask))
      return linkAdd6?.(device, picoIp6(address), picoIp6(mask)) == null ? -1 : 0
    },
    removeLink: (device, address) =>
      address.family === 4
        ? linkDelete4(device, picoIp4(address))
        : (linkDelete6?.(...withStack([device, picoIp6(address)])) ?? -1),
    isSettled: (address) => tentative?.(toBytes(address)) == null,
    linkOf: (address) => (address.family === 4 ? linkGet4 : linkGet6)?.(toBytes(address)) ?? null,
    addRoute: (destination, mask, gateway, metric, link) =>
      destination.family === 4
        ? routeAdd4(picoIp4(destination), picoIp4(mask), picoIp4(gateway ?? ANY_V4), metric, link)
        : (routeAdd6?.(...withStack([picoIp6(destination), picoIp6(mask), picoIp6(gateway ?? ANY_V6), metric, link])) ??
          -1),
    removeRoute: (destination, mask, metric, link) =>
      destination.family === 4
        ? routeDelete4(picoIp4(destination), picoIp4(mask), metric)
        : (routeDelete6?.(...withStack([picoIp6(destination), picoIp6(mask), picoIp6(ANY_V6), metric, link])) ?? -1),

    open: onStack('void *', 'pico_socket_open', 'uint16_t, uint16_t, void *'),
    bind: bare('int', 'pico_socket_bind', 'void *, void *, void *'),
    listen: bare('int', 'pico_socket_listen', 'void *, int'),
    accept: bare('void *', 'pico_socket_accept', 'void *, void *, void *'),
    connect: bare('int', 'pico_socket_connect', 'void *, const void *, uint16_t'),
    read: bare('int', 'pico_socket_read', 'void *, void *, int'),
    write: bare('int', 'pico_socket_write', 'void *, const void *, int'),
    sendTo: bare('int', 'pico_socket_sendto', 'void *, const void *, int, void *, uint16_t'),
    receiveFrom: bare('int', 'pico_socket_recvfrom', 'void *, void *, int, void *, void *'),
    localName: bare('int', 'pico_socket_getname', 'void *, void *, void *, void *'),
    setOption: bare('int', 'pico_socket_setoption', 'void *, int, void *'),
    shutdown: bare('int', 'pico_socket_shutdown', 'void *, int'),
    close: bare('int', 'pico_socket_close', 'void *'),
  }
}
