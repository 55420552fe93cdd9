/**
 * Addresses as Node's handles take and give them.
 *
 * @module
 */
import { type Interface, type IpAddress, LOOPBACK_V4, LOOPBACK_V6, tryParseIpAddress } from '@ioth/core'

/** What `getsockname` and `getpeername` fill in. */
export interface SocketName {
  address?: string
  family?: string
  port?: number
}

let lastText = ''
let lastAddress: IpAddress | null = null

/** Reads an address; null when it is none. The last one is remembered, since programs connect to the same place again and again. */
export function readAddress(text: string): IpAddress | null {
  if (text !== lastText) {
    lastAddress = tryParseIpAddress(text)
    lastText = text
  }
  return lastAddress
}

/** Where a connection to the unspecified address goes: to the machine itself, as on Linux and macOS. */
export function destination(address: IpAddress): IpAddress {
  if (!address.isUnspecified) return address
  return address.family === 4 ? LOOPBACK_V4 : LOOPBACK_V6
}

/** The text of an address; a link-local one names its interface, as on a host: `fe80::1%eth0`. */
export function textOf(address: IpAddress, interfaces: readonly Interface[]): string {
  const on = address.scope === 0 ? undefined : interfaces.find(({ index }) => index === address.scope)
  return on === undefined ? address.toString() : `${address.withScope(0)}%${on.name}`
}

/** Fills in a socket name. Without an address: the unspecified one of the family. */
export function writeName(
  name: SocketName,
  address: IpAddress | null,
  family: 4 | 6,
  port: number,
  interfaces: readonly Interface[],
): void {
  const shown = address === null ? family : address.family
  name.address = address === null ? (family === 4 ? '0.0.0.0' : '::') : textOf(address, interfaces)
  name.family = shown === 4 ? 'IPv4' : 'IPv6'
  name.port = port
}
