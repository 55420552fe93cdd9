/**
 * Frames made by hand, for scripted peers and hostile input. Every field can be given; what is not given is filled in correctly.
 *
 * @module
 */
import { transportChecksum } from '../checker/ip.ts'
import { internetChecksum } from '../checker/octets.ts'

export interface EthernetFields {
  /** Six octets. */
  readonly destination: readonly number[]
  readonly source: readonly number[]
  readonly type?: number
}

export interface Ipv4Fields {
  /** Four octets. */
  readonly source: readonly number[]
  readonly destination: readonly number[]
  readonly protocol?: number
  readonly id?: number
  /** Reserved, don't fragment, more fragments: three bits. @default 2 */
  readonly flags?: number
  /** Octets; a multiple of 8. */
  readonly fragmentOffset?: number
  readonly timeToLive?: number
  /** Octets of options, a multiple of 4. */
  readonly options?: readonly number[]
  readonly headerLength?: number
  readonly totalLength?: number
  readonly checksum?: number
  readonly version?: number
}

export interface TcpFields {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence?: number
  readonly acknowledgment?: number
  /** Letters of `FSRPAUEC`. */
  readonly flags: string
  readonly window?: number
  /** Octets of options; filled up with zeros to a multiple of 4. */
  readonly options?: readonly number[]
  readonly dataOffset?: number
  readonly reserved?: number
  readonly urgentPointer?: number
  readonly checksum?: number
}

export interface UdpFields {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly length?: number
  readonly checksum?: number
}

export interface IcmpFields {
  readonly type: number
  readonly code?: number
  /** The four octets after the checksum. */
  readonly rest?: readonly number[]
  readonly checksum?: number
}

export interface IgmpFields {
  readonly type: number
  /** Maximum response time of a query, in tenths of a second. */
  readonly code?: number
  /** Four octets. */
  readonly group?: readonly number[]
  readonly checksum?: number
}

export interface ArpFields {
  readonly operation: number
  readonly senderMac: readonly number[]
  readonly senderAddress: readonly number[]
  readonly targetMac?: readonly number[]
  readonly targetAddress: readonly number[]
  readonly hardwareType?: number
  readonly protocolType?: number
  readonly hardwareLength?: number
  readonly protocolLength?: number
}

export function craftEthernet(fields: EthernetFields, payload: Uint8Array): Uint8Array {
  return concat(fields.destination, fields.source, word(fields.type ?? 0x800), payload)
}

export function craftArp(fields: ArpFields): Uint8Array {
  return concat(
    word(fields.hardwareType ?? 1),
    word(fields.protocolType ?? 0x800),
    [fields.hardwareLength ?? 6, fields.protocolLength ?? 4],
    word(fields.operation),
    fields.senderMac,
    fields.senderAddress,
    fields.targetMac ?? [0, 0, 0, 0, 0, 0],
    fields.targetAddress,
  )
}

export function craftIpv4(fields: Ipv4Fields, payload: Uint8Array): Uint8Array {
  const options = fields.options ?? []
  const headerLength = fields.headerLength ?? 20 + options.length
  const fragment = ((fields.flags ?? 2) << 13) | ((fields.fragmentOffset ?? 0) / 8)
  const packet = concat(
    [((fields.version ?? 4) << 4) | (headerLength / 4), 0],
    word(fields.totalLength ?? 20 + options.length + payload.length),
    word(fields.id ?? 0),
    word(fragment),
    [fields.timeToLive ?? 64, fields.protocol ?? 6, 0, 0],
    fields.source,
    fields.destination,
    options,
    payload,
  )
  const header = packet.subarray(0, 20 + options.length)
  setWord(packet, 10, fields.checksum ?? internetChecksum(header))
  return packet
}

export interface Ipv6Fields {
  /** Sixteen octets. */
  readonly source: readonly number[]
  readonly destination: readonly number[]
  readonly nextHeader?: number
  readonly hopLimit?: number
  readonly payloadLength?: number
  readonly version?: number
}

export function craftIpv6(fields: Ipv6Fields, payload: Uint8Array): Uint8Array {
  return concat(
    [(fields.version ?? 6) << 4, 0, 0, 0],
    word(fields.payloadLength ?? payload.length),
    [fields.nextHeader ?? 59, fields.hopLimit ?? 64],
    fields.source,
    fields.destination,
    payload,
  )
}

/** Fills in the checksum of a TCP segment, UDP datagram or ICMPv6 message that goes between two IPv6 addresses. */
export function sumOverIpv6(
  fields: Pick<Ipv6Fields, 'source' | 'destination'>,
  protocol: 6 | 17 | 58,
  message: Uint8Array,
): Uint8Array {
  const at = protocol === 6 ? 16 : protocol === 17 ? 6 : 2
  const filled = message.slice()
  setWord(filled, at, 0)
  const pseudoHeader = {
    family: 6,
    sourceOctets: Uint8Array.from(fields.source),
    destinationOctets: Uint8Array.from(fields.destination),
    protocol,
  } as const
  setWord(filled, at, transportChecksum(pseudoHeader, filled) || 0xffff)
  return filled
}

/** A TCP segment, without its checksum. */
export function craftSegment(fields: TcpFields, data: Uint8Array): Uint8Array {
  const options = [...(fields.options ?? [])]
  while (options.length % 4 !== 0) options.push(0)
  const dataOffset = fields.dataOffset ?? 5 + options.length / 4
  const flags = Array.from(fields.flags).reduce((bits, letter) => bits | (1 << 'FSRPAUEC'.indexOf(letter)), 0)
  return concat(
    word(fields.sourcePort),
    word(fields.destinationPort),
    long(fields.sequence ?? 0),
    long(fields.acknowledgment ?? 0),
    [(dataOffset << 4) | (fields.reserved ?? 0), flags],
    word(fields.window ?? 65535),
    [0, 0],
    word(fields.urgentPointer ?? 0),
    options,
    data,
  )
}

export function craftTcp(ip: Ipv4Fields, fields: TcpFields, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const segment = craftSegment(fields, data)
  setWord(segment, 16, fields.checksum ?? sum(ip, 6, segment))
  return craftIpv4({ protocol: 6, ...ip }, segment)
}

export function craftUdp(ip: Ipv4Fields, fields: UdpFields, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const length = word(fields.length ?? 8 + data.length)
  const datagram = concat(word(fields.sourcePort), word(fields.destinationPort), length, [0, 0], data)
  // A sum of 0 means "none"; 0xffff stands for it (RFC 768).
  setWord(datagram, 6, fields.checksum ?? (sum(ip, 17, datagram) || 0xffff))
  return craftIpv4({ protocol: 17, ...ip }, datagram)
}

export function craftIcmp(ip: Ipv4Fields, fields: IcmpFields, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const message = concat([fields.type, fields.code ?? 0, 0, 0], fields.rest ?? [0, 0, 0, 0], body)
  setWord(message, 2, fields.checksum ?? internetChecksum(message))
  return craftIpv4({ protocol: 1, ...ip }, message)
}

/** @param rest what follows the group: of version 3. */
export function craftIgmp(ip: Ipv4Fields, fields: IgmpFields, rest: readonly number[] = []): Uint8Array {
  const message = concat([fields.type, fields.code ?? 0, 0, 0], fields.group ?? [0, 0, 0, 0], rest)
  setWord(message, 2, fields.checksum ?? internetChecksum(message))
  return craftIpv4({ protocol: 2, timeToLive: 1, options: [148, 4, 0, 0], ...ip }, message)
}

function sum(ip: Ipv4Fields, protocol: number, segment: Uint8Array): number {
  return transportChecksum(
    {
      family: 4,
      sourceOctets: Uint8Array.from(ip.source),
      destinationOctets: Uint8Array.from(ip.destination),
      protocol,
    },
    segment,
  )
}

function word(value: number): number[] {
  return [(value >> 8) & 255, value & 255]
}

function long(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
}

function setWord(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >> 8
  octets[at + 1] = value & 255
}

function concat(...pieces: readonly ArrayLike<number>[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
