/**
 * A server of SOCKS 5 (RFC 1928) for one connection, with or without a password (RFC 1929): the negotiation only. Connections are the one
 * command it knows; datagrams and incoming connections are refused as the RFC says.
 *
 * Written here because the servers on npm lose octets that a client sends right behind its request, and end the process when a client
 * closes in the middle of a word.
 *
 * @module
 */
import { IpAddress, tryParseIpAddress } from '@ioth/core'

const VERSION = 5
const PASSWORD_VERSION = 1
const NO_AUTHENTICATION = 0
const PASSWORD = 2
const NO_METHOD = 0xff
const CONNECT = 1
const TYPE_V4 = 1
const TYPE_NAME = 3
const TYPE_V6 = 4

/** RFC 1928 6. */
export const SOCKS_REPLY = {
  succeeded: 0,
  failure: 1,
  notAllowed: 2,
  networkUnreachable: 3,
  hostUnreachable: 4,
  refused: 5,
  commandNotSupported: 7,
  addressTypeNotSupported: 8,
} as const

/** What the octets so far ask for. */
export type SocksStep =
  | { readonly kind: 'more' }
  /** Say this; go on with what follows `used` octets. */
  | { readonly kind: 'say'; readonly octets: Uint8Array; readonly used: number }
  /** Say this and close. */
  | { readonly kind: 'refuse'; readonly octets: Uint8Array }
  | { readonly kind: 'connect'; readonly host: string; readonly port: number; readonly used: number }

const MORE: SocksStep = { kind: 'more' }

/** The words of one client, as a machine without input and output. */
export class SocksNegotiation {
  private state: 'greeting' | 'password' | 'request' = 'greeting'
  private readonly password: string | null

  /** @param password `USER:PASSWORD`; null: anybody may. */
  constructor(password: string | null) {
    this.password = password
  }

  /** What to do about the octets that were received and not used yet. */
  next(octets: Uint8Array): SocksStep {
    if (this.state === 'greeting') return this.greeting(octets)
    return this.state === 'password' ? this.checkPassword(octets) : this.request(octets)
  }

  private greeting(octets: Uint8Array): SocksStep {
    if (octets.length < 2) return MORE
    const used = 2 + (octets[1] as number)
    if (octets.length < used) return MORE
    const wanted = this.password === null ? NO_AUTHENTICATION : PASSWORD
    if (octets[0] !== VERSION || !octets.subarray(2, used).includes(wanted)) {
      return { kind: 'refuse', octets: Uint8Array.of(VERSION, NO_METHOD) }
    }
    this.state = this.password === null ? 'request' : 'password'
    return { kind: 'say', octets: Uint8Array.of(VERSION, wanted), used }
  }

  private checkPassword(octets: Uint8Array): SocksStep {
    const nameLength = octets[1] ?? 256
    const length = octets[2 + nameLength] ?? 256
    const used = 3 + nameLength + length
    if (octets.length < used) return MORE
    const name = Buffer.from(octets.subarray(2, 2 + nameLength)).toString()
    const word = Buffer.from(octets.subarray(3 + nameLength, used)).toString()
    if (octets[0] !== PASSWORD_VERSION || `${name}:${word}` !== this.password) {
      return { kind: 'refuse', octets: Uint8Array.of(PASSWORD_VERSION, 1) }
    }
    this.state = 'request'
    return { kind: 'say', octets: Uint8Array.of(PASSWORD_VERSION, 0), used }
  }

  private request(octets: Uint8Array): SocksStep {
    if (octets.length < 5) return MORE
    const [version, command, , type, first] = octets as unknown as number[]
    const length = type === TYPE_V4 ? 4 : type === TYPE_V6 ? 16 : type === TYPE_NAME ? 1 + (first as number) : 0
    if (version !== VERSION || length === 0) return refuse(SOCKS_REPLY.addressTypeNotSupported)
    const used = 4 + length + 2
    if (octets.length < used) return MORE
    if (command !== CONNECT) return refuse(SOCKS_REPLY.commandNotSupported)
    const host = readHost(type as number, octets.subarray(4, 4 + length))
    return { kind: 'connect', host, port: ((octets[used - 2] as number) << 8) | (octets[used - 1] as number), used }
  }
}

/** The answer to a request. The address of our end is nobody's business: zeroes, as most servers say. */
export function socksReply(code: number): Uint8Array {
  return Uint8Array.of(VERSION, code, 0, TYPE_V4, 0, 0, 0, 0, 0, 0)
}

/** How an error of a stack is called in SOCKS. */
export function socksCode(error: unknown): number {
  const { code } = error as { code?: string }
  if (code === 'ECONNREFUSED') return SOCKS_REPLY.refused
  if (code === 'ENETUNREACH') return SOCKS_REPLY.networkUnreachable
  const unreachable = ['EHOSTUNREACH', 'ETIMEDOUT', 'ENOTFOUND', 'ENODATA', 'EBADNAME', 'ETIMEOUT']
  return code !== undefined && unreachable.includes(code) ? SOCKS_REPLY.hostUnreachable : SOCKS_REPLY.failure
}

function refuse(code: number): SocksStep {
  return { kind: 'refuse', octets: socksReply(code) }
}

function readHost(type: number, octets: Uint8Array): string {
  if (type === TYPE_NAME) {
    const name = Buffer.from(octets.subarray(1)).toString('latin1')
    // Some clients send addresses as names.
    return tryParseIpAddress(name)?.toString() ?? name
  }
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  if (type === TYPE_V4) return IpAddress.v4(view.getInt32(0)).toString()
  return new IpAddress(6, view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)).toString()
}
