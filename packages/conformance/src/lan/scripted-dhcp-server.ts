/**
 * A DHCP server that does nothing by itself: a test sees each message of the clients, and says each reply. It answers ARP for 10.0.0.1.
 *
 * @module
 */
import { FrameChecker } from '../checker/frame-checker.ts'
import { craftArp, craftEthernet, type Ipv4Fields } from '../craft/craft.ts'
import { craftDhcp, craftDhcpReply, DHCP, type DhcpFields, type DhcpSaid, readDhcp } from '../craft/dhcp.ts'
import type { Lan } from './lan.ts'
import type { Tap } from './wire.ts'

/** A client's message, with when and how it came. */
export interface DhcpHeard extends DhcpSaid {
  /** Microseconds. */
  readonly time: number
  /** Destination and source of the frame, and of the packet. */
  readonly to: string
  readonly from: string
  readonly station: string
}

export type DhcpReply = Partial<Omit<DhcpFields, 'options'>> & {
  /** Beside message type and server, END excluded. */
  readonly options?: readonly number[]
  /** All options as they stand on the wire, instead. */
  readonly rawOptions?: readonly number[]
  readonly ip?: Partial<Ipv4Fields>
}

export const SERVER_MAC: readonly number[] = [2, 0x67, 0, 0, 0, 1]
const SERVER = [10, 0, 0, 1]
const NETMASK = [1, 4, 255, 255, 255, 0]
const SERVER_ID = [54, 4, ...SERVER]

export class ScriptedDhcpServer {
  readonly heard: DhcpHeard[] = []
  private readonly lan: Lan
  private readonly tap: Tap
  private readonly checker = new FrameChecker()
  private readonly answer: ((heard: DhcpHeard, server: ScriptedDhcpServer) => void) | null

  /** @param answer called with each message. */
  constructor(lan: Lan, answer: ((heard: DhcpHeard, server: ScriptedDhcpServer) => void) | null = null) {
    this.lan = lan
    this.answer = answer
    this.tap = lan.tap((frame) => this.arrived(frame))
  }

  /** What clients said of one type. */
  said(type: number): readonly DhcpHeard[] {
    return this.heard.filter((each) => each.type === type)
  }

  /** Replies to a message; what is not said is as a good server would have it, for 10.0.0.50/24. */
  reply(to: DhcpHeard, type: number, { options, rawOptions, ip, ...fields }: DhcpReply = {}): void {
    const chaddr = to.chaddr.split(':').map((octet) => Number.parseInt(octet, 16))
    const message = craftDhcp({
      xid: to.xid,
      chaddr,
      yiaddr: type === DHCP.nak ? [0, 0, 0, 0] : [10, 0, 0, 50],
      options: rawOptions ?? [53, 1, type, ...SERVER_ID, ...(options ?? [...NETMASK, ...leaseTime(3600)]), 255],
      ...fields,
    })
    const destination = [255, 255, 255, 255, 255, 255]
    this.tap.send(craftEthernet({ source: SERVER_MAC, destination }, craftDhcpReply(message, ip)))
  }

  /** Says that somebody here has an address, when it is asked for. */
  readonly takes: Set<string> = new Set(['10.0.0.1'])

  private arrived(frame: Uint8Array): void {
    const { ethernet, arp, ip, udp } = this.checker.check(frame)
    if (ethernet === null) return
    if (arp !== null && arp.operation === 'request' && this.takes.has(arp.targetAddress)) {
      const reply = craftArp({
        operation: 2,
        senderMac: SERVER_MAC,
        senderAddress: Array.from(frame.subarray(38, 42)),
        targetMac: Array.from(frame.subarray(22, 28)),
        targetAddress: Array.from(frame.subarray(28, 32)),
      })
      const destination = Array.from(frame.subarray(6, 12))
      this.tap.send(craftEthernet({ source: SERVER_MAC, destination, type: 0x806 }, reply))
    }
    if (ip === null || udp === null || udp.destinationPort !== 67) return
    const heard: DhcpHeard = {
      ...readDhcp(udp.data),
      time: this.lan.now,
      to: ip.destination,
      from: ip.source,
      station: ethernet.destination,
    }
    this.heard.push(heard)
    this.answer?.(heard, this)
  }
}

/** Option 51. */
export function leaseTime(seconds: number): number[] {
  return [51, 4, seconds >>> 24, (seconds >>> 16) & 255, (seconds >>> 8) & 255, seconds & 255]
}

/** A server that grants whatever is asked for. */
export function generous(reply: DhcpReply = {}): (heard: DhcpHeard, server: ScriptedDhcpServer) => void {
  return (heard, server) => {
    if (heard.type === DHCP.discover) server.reply(heard, DHCP.offer, reply)
    if (heard.type === DHCP.request) server.reply(heard, DHCP.ack, reply)
  }
}
