/**
 * What the library is told by ioctl: the hardware address of an interface, and entries of its neighbour table.
 *
 * @module
 */
import { endianness } from 'node:os'
import { type IpAddress, parseMac, toBytes } from '@ioth/core'
import { errnoError } from '@ioth/ffi'
import { AF_INET, AF_INET6 } from './addresses.ts'
import type { Lwip, Pointer } from './bindings.ts'

const SIOCSIFHWADDR = 0x8924
const SIOCGIFHWADDR = 0x8927
const SIOCDARP = 0x8953
const SIOCSARP = 0x8955
const SOCK_DGRAM = 2
const IS_LITTLE = endianness() === 'LE'

/** `struct ifreq`: a name, then a socket address, whose data begin after its family. */
const IFREQ = 40
const IFNAMSIZ = 16
/** `struct arpreq`: two socket addresses, flags, one more, and a name. An IPv6 address reaches into the second one; both lie before the flags. */
const ARPREQ = 68
const ARP_IP4 = 4
const ARP_IP6 = 8
const ARP_DEVICE = 52

/** An interface of a stack of the library, by its name. */
export interface NamedInterface {
  readonly lwip: Lwip
  readonly stack: Pointer
  readonly name: string
}

/** Gives an interface its hardware address. @returns the one that it had. @throws NetError */
export function changeMac(on: NamedInterface, mac: string): Uint8Array {
  const request = new Uint8Array(IFREQ)
  request.set(new TextEncoder().encode(on.name))
  // The hardware address follows its family.
  const at = IFNAMSIZ + 2
  return withSocket(on, (s) => {
    if (on.lwip.ioctl(s, SIOCGIFHWADDR, request) !== 0) throw errnoError('interface')
    const before = request.slice(at, at + 6)
    request.set(parseMac(mac), at)
    if (on.lwip.ioctl(s, SIOCSIFHWADDR, request) !== 0) throw errnoError('interface')
    return before
  })
}

/**
 * The library knows a neighbour from now on, until it is short of room in its table. Its hardware address is none: 00:00:00:00:00:00.
 *
 * The entry is given to the loopback interface, whose entries nobody looks at for their age. (What is marked as permanent is never used:
 * etharp_output wants entries that are "stable".)
 */
export function keepNeighbor(on: NamedInterface, address: IpAddress): void {
  neighbor(on, SIOCSARP, address)
}

export function dropNeighbor(on: NamedInterface, address: IpAddress): void {
  neighbor(on, SIOCDARP, address)
}

function neighbor(on: NamedInterface, request: number, address: IpAddress): void {
  const octets = new Uint8Array(ARPREQ)
  const view = new DataView(octets.buffer)
  const isIp4 = address.family === 4
  view.setUint16(0, isIp4 ? AF_INET : AF_INET6, IS_LITTLE)
  octets.set(toBytes(address), isIp4 ? ARP_IP4 : ARP_IP6)
  octets.set(new TextEncoder().encode('lo0'), ARP_DEVICE)
  // What it returns means nothing: etharp_ioctl sets a result only when it fails.
  withSocket(on, (s) => on.lwip.ioctl(s, request, octets))
}

function withSocket<Result>({ lwip, stack }: NamedInterface, use: (s: number) => Result): Result {
  const s = lwip.socket(stack, AF_INET, SOCK_DGRAM, 0)
  if (s < 0) throw errnoError('interface')
  try {
    return use(s)
  } finally {
    lwip.close(s)
  }
}
