/**
 * DHCP messages made and read by hand, for scripted servers. Shares no code with the services.
 *
 * @module
 */
import { craftUdp, type Ipv4Fields } from './craft.ts'

export const DHCP = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7 } as const

export interface DhcpFields {
  /** 1: request, 2: reply. @default 2 */
  readonly op?: number
  readonly xid: number
  readonly ciaddr?: readonly number[]
  readonly yiaddr?: readonly number[]
  /** Six octets. */
  readonly chaddr: readonly number[]
  readonly cookie?: readonly number[]
  /** The options as they stand on the wire, END and all. */
  readonly options: readonly number[]
  readonly sname?: readonly number[]
  readonly file?: readonly number[]
}

/** The message alone. */
export function craftDhcp(fields: DhcpFields): Uint8Array {
  const message = new Uint8Array(240 + fields.options.length)
  message.set([fields.op ?? 2, 1, 6, 0])
  new DataView(message.buffer).setUint32(4, fields.xid)
  message.set(fields.ciaddr ?? [], 12)
  message.set(fields.yiaddr ?? [], 16)
  message.set(fields.chaddr, 28)
  message.set(fields.sname ?? [], 44)
  message.set(fields.file ?? [], 108)
  message.set(fields.cookie ?? [99, 130, 83, 99], 236)
  message.set(fields.options, 240)
  return message
}

/** The packet of a server to all. */
export function craftDhcpReply(message: Uint8Array, ip: Partial<Ipv4Fields> = {}): Uint8Array {
  const ends = { source: [10, 0, 0, 1], destination: [255, 255, 255, 255], ...ip }
  return craftUdp(ends, { sourcePort: 67, destinationPort: 68 }, message)
}

/** What a client said. */
export interface DhcpSaid {
  readonly type: number
  readonly xid: number
  readonly secs: number
  readonly ciaddr: string
  readonly chaddr: string
  readonly options: ReadonlyMap<number, readonly number[]>
}

/** Reads a client's message, which the frame checker found sound. */
export function readDhcp(message: Uint8Array): DhcpSaid {
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  const options = new Map<number, readonly number[]>()
  for (let at = 240; message[at] !== 255; at += 2 + (message[at + 1] as number)) {
    if (at + 1 >= message.length) throw new Error('the options of a DHCP message have no end')
    options.set(message[at] as number, Array.from(message.subarray(at + 2, at + 2 + (message[at + 1] as number))))
  }
  return {
    type: options.get(53)?.[0] ?? 0,
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    ciaddr: Array.from(message.subarray(12, 16)).join('.'),
    chaddr: hex(message.subarray(28, 34)),
    options,
  }
}

function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join(':')
}
