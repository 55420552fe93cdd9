/**
 * What a VDE plug and a switch say to each other when a plug is put in, version 3 of the protocol of VDE 2: one request on the stream socket
 * `DIR/ctl`, one address as the answer. Numbers are in the host's order, and so is all of it: it never leaves the machine.
 *
 * ```
 * request   magic 0xfeedface, version 3, type: 4 octets each; the plug's datagram socket: struct sockaddr_un; a description, as long as it is
 * type      the port that is wanted, times 256 (0: any), or 1 for the port of management
 * answer    the switch's datagram socket for this plug: struct sockaddr_un. Refused: the stream ends
 * ```
 *
 * The stream stays open as long as the plug is in.
 *
 * @module
 */
import { NetError } from '@ioth/core'
import { parseUnixAddress, serializeUnixAddress, UNIX_ADDRESS_OCTETS } from '../unix-datagram.ts'

export const VDE_MAGIC = 0xfeedface
export const VDE_VERSION = 3
/** What comes before the address. */
const ADDRESS_AT = 12
/** A request without a description. */
export const LEAST_VDE_REQUEST: number = ADDRESS_AT + UNIX_ADDRESS_OCTETS
/** Octets of a description at most. */
export const LONGEST_DESCRIPTION = 128
/** {@link VdeRequest.port} for the port of management, which Debian's switch has as port 0. */
export const MANAGEMENT_PORT = -1
/** The highest port number a request can name. */
export const HIGHEST_PORT = 0x7f_ffff

const REQUEST_NEW_CONTROL = 0
const REQUEST_NEW_PORT0 = 1

export interface VdeRequest {
  /** 0: any; {@link MANAGEMENT_PORT}: the one of management. */
  readonly port: number
  /** Path of the plug's datagram socket. */
  readonly address: string
  /** For people: who plugs in. */
  readonly description: string
}

/** @throws NetError EINVAL: the path is too long, or the port is none. */
export function serializeVdeRequest({ port, address, description }: VdeRequest): Uint8Array {
  if (!Number.isInteger(port) || port < MANAGEMENT_PORT || port > HIGHEST_PORT) {
    throw new NetError('EINVAL', 'request', { message: `a port is a number from 0 to ${HIGHEST_PORT}, not ${port}` })
  }
  const words = Buffer.from(description.replaceAll('\0', '?')).subarray(0, LONGEST_DESCRIPTION)
  const request = new Uint8Array(LEAST_VDE_REQUEST + words.length)
  const type = port === MANAGEMENT_PORT ? REQUEST_NEW_PORT0 : port * 256 + REQUEST_NEW_CONTROL
  new Uint32Array(request.buffer, 0, 3).set([VDE_MAGIC, VDE_VERSION, type])
  request.set(serializeUnixAddress(address), ADDRESS_AT)
  request.set(words, LEAST_VDE_REQUEST)
  return request
}

/**
 * Reads a request. A description has no length and ends with what came in one piece.
 * @returns the reason when it is none, or `incomplete`.
 */
export function parseVdeRequest(octets: Uint8Array): VdeRequest | { readonly fault: string } | 'incomplete' {
  const header = new Uint32Array(3)
  new Uint8Array(header.buffer).set(octets.subarray(0, ADDRESS_AT))
  const [magic, version, type] = header as unknown as [number, number, number]
  if (octets.length >= 4 && magic !== VDE_MAGIC) return { fault: 'magic' }
  if (octets.length >= 8 && version !== VDE_VERSION) return { fault: 'version' }
  if (octets.length >= ADDRESS_AT && (type & 0xff) > REQUEST_NEW_PORT0) return { fault: 'type' }
  if (octets.length < LEAST_VDE_REQUEST) return 'incomplete'
  if (octets.length > LEAST_VDE_REQUEST + LONGEST_DESCRIPTION) return { fault: 'length' }
  const address = parseUnixAddress(octets.subarray(ADDRESS_AT, LEAST_VDE_REQUEST))
  if (address === null || !address.startsWith('/')) return { fault: 'address' }
  const rest = octets.subarray(LEAST_VDE_REQUEST)
  const end = rest.indexOf(0)
  const description = Buffer.from(end < 0 ? rest : rest.subarray(0, end)).toString()
  const port = (type & 0xff) === REQUEST_NEW_PORT0 ? MANAGEMENT_PORT : type >>> 8
  return { port, address, description }
}
