/**
 * C values of picoTCP that its backends share, whatever else their libraries differ in: events of a socket, ports and addresses.
 *
 * @module
 */
import { type IpAddress, toBytes } from '@ioth/core'
import { koffi } from './koffi.ts'

/** Events of the function that a socket wakes up. */
export const PICO_EVENT_READ = 1
export const PICO_EVENT_WRITE = 2
export const PICO_EVENT_CONNECTION = 4
export const PICO_EVENT_CLOSE = 8
export const PICO_EVENT_FIN = 0x10
export const PICO_EVENT_ERROR = 0x80
/** C type of that function: events, and the socket. */
export const PICO_WAKEUP_TYPE = 'void (uint16_t, void *)'

/** A port as the library keeps it: in network order, seen as a number of this (little-endian) machine. Its own inverse. */
export function picoPort(port: number): number {
  return ((port & 0xff) << 8) | (port >>> 8)
}

/** The four octets of an IPv4 address, seen as a number of this (little-endian) machine. */
export function picoIp4({ w3 }: IpAddress): number {
  return (((w3 & 0xff) << 24) | ((w3 & 0xff00) << 8) | ((w3 >>> 8) & 0xff00) | (w3 >>> 24)) >>> 0
}

/** An IPv6 address as a value of {@link picoIp6Type}. */
export function picoIp6(address: IpAddress): { octets: number[] } {
  return { octets: [...toBytes(address)] }
}

type StructType = ReturnType<ReturnType<typeof koffi>['struct']>

let ip6Struct: StructType | null = null

/**
 * `struct pico_ip6`, passed by value. koffi keeps types by name for the life of the process.
 * @throws NetError ERR_IOTH_BACKEND_UNUSABLE without koffi.
 */
export function picoIp6Type(): StructType {
  ip6Struct ??= koffi().struct('ioth_pico_ip6', { octets: koffi().array('uint8_t', 16) })
  return ip6Struct
}
