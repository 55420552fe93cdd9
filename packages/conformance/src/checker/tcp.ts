/**
 * TCP headers and options (RFC 9293 3.1 and 3.2, RFC 2018, RFC 7323), as a host may send them.
 *
 * @module
 */
import type { Findings } from './finding.ts'
import { type IpPacket, transportChecksum } from './ip.ts'
import { hex, isZero, u8, u16, u32 } from './octets.ts'

const SHORTEST_HEADER = 20

export interface TcpOptions {
  readonly maximumSegmentSize?: number
  readonly windowScale?: number
  readonly sackPermitted?: boolean
  readonly timestamps?: { readonly value: number; readonly echo: number }
  readonly sackBlocks?: readonly { readonly left: number; readonly right: number }[]
}

export interface TcpSegment {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence: number
  readonly acknowledgment: number
  readonly syn: boolean
  readonly ack: boolean
  readonly fin: boolean
  readonly rst: boolean
  readonly psh: boolean
  readonly urg: boolean
  /** As in the header: not scaled. */
  readonly window: number
  readonly headerLength: number
  readonly options: TcpOptions
  readonly data: Uint8Array
}

export function checkTcp(packet: IpPacket, segment: Uint8Array, findings: Findings): TcpSegment | null {
  if (!findings.expect(segment.length >= SHORTEST_HEADER, 'tcp.length', `${segment.length} octets are no header`))
    return null
  const headerLength = (u8(segment, 12) >> 4) * 4
  if (
    !findings.expect(
      headerLength >= SHORTEST_HEADER && headerLength <= segment.length,
      'tcp.data-offset',
      `a header of ${headerLength} octets in a segment of ${segment.length}`,
    )
  )
    return null
  findings.expect(
    transportChecksum(packet, segment) === 0,
    'tcp.checksum',
    `checksum ${hex(u16(segment, 16))} is wrong (${segment.length - headerLength} octets of data)`,
  )
  findings.expect((u8(segment, 12) & 15) === 0, 'tcp.reserved', 'reserved bits are set')
  findings.expect(u16(segment, 0) !== 0 && u16(segment, 2) !== 0, 'tcp.port', 'port 0')
  const flags = u8(segment, 13)
  const parsed: TcpSegment = {
    sourcePort: u16(segment, 0),
    destinationPort: u16(segment, 2),
    sequence: u32(segment, 4),
    acknowledgment: u32(segment, 8),
    fin: (flags & 1) !== 0,
    syn: (flags & 2) !== 0,
    rst: (flags & 4) !== 0,
    psh: (flags & 8) !== 0,
    ack: (flags & 16) !== 0,
    urg: (flags & 32) !== 0,
    window: u16(segment, 14),
    headerLength,
    options: checkOptions(segment.subarray(SHORTEST_HEADER, headerLength), findings),
    data: segment.subarray(headerLength),
  }
  checkFlags(parsed, u16(segment, 18), findings)
  return parsed
}

function checkFlags(segment: TcpSegment, urgentPointer: number, findings: Findings): void {
  const { syn, fin, rst, ack, options } = segment
  findings.expect(!(syn && (fin || rst)), 'tcp.flags', 'SYN together with FIN or RST')
  findings.expect(!(fin && rst), 'tcp.flags', 'FIN together with RST')
  findings.expect(syn || rst || ack, 'tcp.flags', 'neither SYN nor RST, and no ACK')
  if (!ack) findings.expect(segment.acknowledgment === 0, 'tcp.acknowledgment', 'a number without ACK')
  if (!segment.urg) findings.expect(urgentPointer === 0, 'tcp.urgent-pointer', `${urgentPointer} without URG`)
  if (syn) return
  for (const name of ['maximumSegmentSize', 'windowScale', 'sackPermitted'] as const)
    findings.expect(options[name] === undefined, 'tcp.option-place', `${name} on a segment that is no SYN`)
}

/** Exact lengths of the options with a fixed one. */
const LENGTHS = new Map([
  [2, 4],
  [3, 3],
  [4, 2],
  [8, 10],
])

function checkOptions(options: Uint8Array, findings: Findings): TcpOptions {
  const parsed: { -readonly [Name in keyof TcpOptions]: TcpOptions[Name] } = {}
  const seen = new Set<number>()
  for (let at = 0; at < options.length; ) {
    const kind = u8(options, at)
    if (kind === 0) {
      findings.expect(isZero(options, at, options.length), 'tcp.option-padding', 'not zero after the end of options')
      break
    }
    if (kind === 1) {
      at++
      continue
    }
    const length = at + 1 < options.length ? u8(options, at + 1) : 0
    const fits = length >= 2 && at + length <= options.length
    const rest = options.length - at
    if (!findings.expect(fits, 'tcp.option-length', `option ${kind} says ${length} octets, ${rest} are there`)) break
    const exact = LENGTHS.get(kind) ?? length
    if (!findings.expect(length === exact, 'tcp.option-length', `option ${kind} has ${length} octets, not ${exact}`))
      break
    findings.expect(!seen.has(kind), 'tcp.option-twice', `option ${kind} occurs twice`)
    seen.add(kind)
    if (kind === 2) parsed.maximumSegmentSize = u16(options, at + 2)
    else if (kind === 3) parsed.windowScale = u8(options, at + 2)
    else if (kind === 4) parsed.sackPermitted = true
    else if (kind === 5) parsed.sackBlocks = readSackBlocks(options.subarray(at + 2, at + length), findings)
    else if (kind === 8) parsed.timestamps = { value: u32(options, at + 2), echo: u32(options, at + 6) }
    at += length
  }
  findings.expect((parsed.windowScale ?? 0) <= 14, 'tcp.window-scale', `window scale ${parsed.windowScale}`)
  findings.expect((parsed.maximumSegmentSize ?? 536) > 0, 'tcp.mss', 'maximum segment size 0')
  return parsed
}

function readSackBlocks(octets: Uint8Array, findings: Findings): NonNullable<TcpOptions['sackBlocks']> {
  const whole = octets.length > 0 && octets.length % 8 === 0
  if (!findings.expect(whole, 'tcp.option-length', `SACK blocks in ${octets.length} octets`)) return []
  const blocks: { left: number; right: number }[] = []
  for (let at = 0; at < octets.length; at += 8) blocks.push({ left: u32(octets, at), right: u32(octets, at + 4) })
  return blocks
}
