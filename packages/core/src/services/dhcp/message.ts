/**
 * DHCP messages (RFC 2131 2, RFC 2132, RFC 3396): octets to values and back.
 *
 * ```
 *   0        1        2        3
 *   | op     | htype  | hlen   | hops   |
 *   | xid                               |
 *   | secs            | flags           |
 *   | ciaddr | yiaddr | siaddr | giaddr |  four addresses, from 12 on
 *   | chaddr (16)     at 28             |
 *   | sname (64)      at 44             |
 *   | file (128)      at 108            |
 *   | cookie, options at 236            |
 * ```
 *
 * @module
 */
import { ANY_V4, fromBytes, type IpAddress, toBytes } from '../../address/ip-address.ts'
import { formatMac, parseMac } from '../../address/mac.ts'
import { OPTION_END, OPTION_MESSAGE_TYPE, OPTION_OVERLOAD, OPTION_PAD, type Options, readByte } from './options.ts'

export const BOOT_REQUEST = 1
export const BOOT_REPLY = 2

const XID = 4
const SECS = 8
const FLAGS = 10
const CLIENT = 12
const YOUR = 16
const SERVER = 20
const RELAY = 24
const HARDWARE = 28
const SNAME = 44
const FILE = 108
const COOKIE = 236
const OPTIONS = 240
const MAGIC = 0x63825363
const BROADCAST_FLAG = 0x8000
const ETHERNET = 1
const MAC_LENGTH = 6
/** Relays and servers of BOOTP's time drop what is shorter (RFC 1542 2.1). */
const LEAST_LENGTH = 300
const LONGEST_PIECE = 255

export interface DhcpMessage {
  /** {@link BOOT_REQUEST} from clients, {@link BOOT_REPLY} from servers. */
  readonly op: 1 | 2
  /** DISCOVER, OFFER, …: option 53. */
  readonly type: number
  /** The transaction's number, 32 bits. */
  readonly xid: number
  /** Seconds since the client began. */
  readonly secs: number
  /** Whether the client can only take replies that are broadcast. */
  readonly broadcast: boolean
  /** The client's address, when it has one and can answer for it. */
  readonly ciaddr: IpAddress
  /** The address the server gives. */
  readonly yiaddr: IpAddress
  readonly siaddr: IpAddress
  /** The relay between the two; unspecified: none. */
  readonly giaddr: IpAddress
  /** The client's hardware address. */
  readonly mac: string
  /** All but 53, by number; split ones are joined. */
  readonly options: Options
}

/** @returns the message, or why it is none. */
export function parseDhcp(octets: Uint8Array): DhcpMessage | string {
  if (octets.length < OPTIONS) return 'short'
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const op = octets[0]
  if (op !== BOOT_REQUEST && op !== BOOT_REPLY) return 'op'
  if (octets[1] !== ETHERNET || octets[2] !== MAC_LENGTH) return 'hardware'
  if (view.getUint32(COOKIE) !== MAGIC) return 'cookie'
  const options = new Map<number, Uint8Array>()
  if (!collect(octets, OPTIONS, octets.length, options)) return 'options'
  const overload = options.get(OPTION_OVERLOAD)
  if (overload !== undefined) {
    const fields = overload.length === 1 ? (overload[0] as number) : 0
    if (fields < 1 || fields > 3) return 'overload'
    options.delete(OPTION_OVERLOAD)
    if ((fields & 1) !== 0 && !collect(octets, FILE, COOKIE, options)) return 'overload'
    if ((fields & 2) !== 0 && !collect(octets, SNAME, FILE, options)) return 'overload'
    // An overload of overloaded fields would send a reader in circles.
    if (options.has(OPTION_OVERLOAD)) return 'overload'
  }
  const type = readByte(options, OPTION_MESSAGE_TYPE)
  if (type === null) return 'type'
  options.delete(OPTION_MESSAGE_TYPE)
  return {
    op,
    type,
    xid: view.getUint32(XID),
    secs: view.getUint16(SECS),
    broadcast: (view.getUint16(FLAGS) & BROADCAST_FLAG) !== 0,
    ciaddr: fromBytes(octets, CLIENT, 4),
    yiaddr: fromBytes(octets, YOUR, 4),
    siaddr: fromBytes(octets, SERVER, 4),
    giaddr: fromBytes(octets, RELAY, 4),
    mac: formatMac(octets, HARDWARE),
    options,
  }
}

/**
 * Reads one field of options. Several with one number are pieces of one value (RFC 3396). RFC 2131 4.1: the last one is END; without it
 * the message was cut off.
 */
function collect(octets: Uint8Array, at: number, end: number, into: Map<number, Uint8Array>): boolean {
  while (at < end) {
    const code = octets[at++] as number
    if (code === OPTION_END) return true
    if (code === OPTION_PAD) continue
    if (at >= end) return false
    const length = octets[at++] as number
    if (at + length > end) return false
    const piece = octets.subarray(at, at + length)
    const before = into.get(code)
    into.set(code, before === undefined ? piece.slice() : concatenated(before, piece))
    at += length
  }
  return false
}

function concatenated(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/** What {@link serializeDhcp} cannot guess. */
export type DhcpFields = Pick<DhcpMessage, 'op' | 'type' | 'xid' | 'mac'> & Partial<DhcpMessage>

/** Values longer than 255 octets are split (RFC 3396); nothing is overloaded. */
export function serializeDhcp(message: DhcpFields): Uint8Array {
  const pieces: number[] = [OPTION_MESSAGE_TYPE, 1, message.type]
  for (const [code, value] of message.options ?? []) {
    for (let at = 0; at === 0 || at < value.length; at += LONGEST_PIECE) {
      const piece = value.subarray(at, at + LONGEST_PIECE)
      pieces.push(code, piece.length, ...piece)
    }
  }
  pieces.push(OPTION_END)
  const octets = new Uint8Array(Math.max(LEAST_LENGTH, OPTIONS + pieces.length))
  const view = new DataView(octets.buffer)
  octets[0] = message.op
  octets[1] = ETHERNET
  octets[2] = MAC_LENGTH
  view.setUint32(XID, message.xid)
  view.setUint16(SECS, message.secs ?? 0)
  view.setUint16(FLAGS, message.broadcast === true ? BROADCAST_FLAG : 0)
  octets.set(toBytes(message.ciaddr ?? ANY_V4), CLIENT)
  octets.set(toBytes(message.yiaddr ?? ANY_V4), YOUR)
  octets.set(toBytes(message.siaddr ?? ANY_V4), SERVER)
  octets.set(toBytes(message.giaddr ?? ANY_V4), RELAY)
  octets.set(parseMac(message.mac), HARDWARE)
  view.setUint32(COOKIE, MAGIC)
  octets.set(pieces, OPTIONS)
  return octets
}
