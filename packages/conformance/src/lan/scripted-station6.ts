/**
 * A station with an IPv6 address that does nothing by itself: a test says each of its packets, and sees each that comes back. It answers
 * neighbour solicitations for its address, that is all.
 *
 * @module
 */
import { type IpAddress, parseIpAddress, parseMac, toBytes } from '@ioth/core'
import { type Dissection, FrameChecker } from '../checker/frame-checker.ts'
import type { IcmpMessage } from '../checker/icmp.ts'
import { craftEthernet, type Ipv6Fields } from '../craft/craft.ts'
import { craftChain, craftIcmpv6, craftUdp6, type ExtensionHeader, type Icmpv6Fields } from '../craft/craft-ipv6.ts'
import type { Host } from './host.ts'
import type { Lan } from './lan.ts'
import type { Tap } from './wire.ts'

/** An ICMPv6 message that came, with the second word of its header. */
export interface ReceivedIcmpv6 extends IcmpMessage {
  readonly rest: number
  readonly source: string
  readonly destination: string
  readonly hopLimit: number
}

const NEIGHBOR_SOLICITATION = 135
/** How long a host takes to answer: in virtual time, and at most on the host's clock. */
const MOMENT_MS = 2
const ANSWER_MS = 3000
const NO_HEADERS: readonly ExtensionHeader[] = []

export class ScriptedStation6 {
  readonly address: IpAddress
  readonly octets: readonly number[]
  readonly mac: readonly number[]
  /** Everything that came for this station, neighbour discovery apart. */
  readonly received: Dissection[] = []
  answersSolicitations = true

  private readonly lan: Lan
  private readonly target: Host
  private readonly tap: Tap
  private readonly checker = new FrameChecker()

  constructor(lan: Lan, target: Host, address = 'fc00::66') {
    this.lan = lan
    this.target = target
    this.address = parseIpAddress(address)
    this.octets = Array.from(toBytes(this.address))
    this.mac = [2, 0x66, 0, 0, 0, this.address.w3 & 255]
    this.tap = lan.tap((frame) => this.arrived(frame))
  }

  /** The ends of packets from here to the target. */
  get ends(): { source: readonly number[]; destination: readonly number[] } {
    return { source: this.octets, destination: Array.from(toBytes(this.target.address)) }
  }

  /** Any packet in an Ethernet frame; to a group its frame goes to the group's address. */
  sendPacket(packet: Uint8Array): void {
    const isToGroup = packet[24] === 0xff
    const destination = isToGroup ? [0x33, 0x33, ...packet.subarray(36, 40)] : this.targetMac()
    this.tap.send(craftEthernet({ source: this.mac, destination, type: 0x86dd }, packet))
  }

  /** A chain of headers that leads to a protocol. */
  send(
    headers: readonly ExtensionHeader[],
    protocol: number,
    payload: Uint8Array,
    fields: Partial<Ipv6Fields> = {},
  ): void {
    this.sendPacket(craftChain({ ...this.ends, ...fields }, headers, protocol, payload))
  }

  icmp(
    message: Icmpv6Fields,
    body: Uint8Array,
    headers: readonly ExtensionHeader[] = NO_HEADERS,
    fields: Partial<Ipv6Fields> = {},
  ): void {
    this.send(headers, 58, craftIcmpv6({ ...this.ends, ...fields }, message, body), fields)
  }

  echo(data: Uint8Array, headers: readonly ExtensionHeader[] = NO_HEADERS, fields: Partial<Ipv6Fields> = {}): void {
    this.icmp({ type: 128, rest: [1, 2, 3, 4] }, data, headers, fields)
  }

  udp(
    port: number,
    data: Uint8Array,
    headers: readonly ExtensionHeader[] = NO_HEADERS,
    fields: Partial<Ipv6Fields> = {},
  ): void {
    this.send(headers, 17, craftUdp6({ ...this.ends, ...fields }, 6666, port, data), fields)
  }

  /** What came within a moment, or the time given. */
  async replies(milliseconds: number = MOMENT_MS): Promise<readonly Dissection[]> {
    const from = this.received.length
    await this.lan.wait(milliseconds)
    return this.received.slice(from)
  }

  /** The ICMPv6 messages of {@link replies}. */
  async messages(milliseconds: number = MOMENT_MS): Promise<readonly ReceivedIcmpv6[]> {
    return (await this.replies(milliseconds)).flatMap((frame) => messageOf(frame) ?? [])
  }

  /** The first ICMPv6 message that comes, and should come at once. */
  async message(): Promise<ReceivedIcmpv6 | undefined> {
    const from = this.received.length
    const messages = (): readonly ReceivedIcmpv6[] =>
      this.received.slice(from).flatMap((frame) => messageOf(frame) ?? [])
    await this.lan.moment(() => messages().length > 0, MOMENT_MS, ANSWER_MS)
    return messages()[0]
  }

  close(): Promise<void> {
    return this.tap.close()
  }

  private targetMac(): number[] {
    return Array.from(parseMac(this.target.stack.interfaces[0]?.mac as string))
  }

  private arrived(frame: Uint8Array): void {
    const dissection = this.checker.check(frame)
    const { ip, icmp } = dissection
    if (ip === null || ip.family !== 6) return
    if (icmp?.type === NEIGHBOR_SOLICITATION) {
      if (this.answersSolicitations && icmp.body.subarray(0, 16).every((octet, i) => octet === this.octets[i])) {
        this.advertise(ip.sourceOctets)
      }
      return
    }
    if (ip.destinationOctets.every((octet, i) => octet === this.octets[i])) this.received.push(dissection)
  }

  /** Solicited, with our hardware address. */
  private advertise(to: Uint8Array): void {
    const ends = { source: this.octets, destination: Array.from(to) }
    const body = Uint8Array.from([...this.octets, 2, 1, ...this.mac])
    const message = craftIcmpv6(ends, { type: 136, rest: [0x60, 0, 0, 0] }, body)
    this.sendPacket(craftChain({ ...ends, hopLimit: 255 }, [], 58, message))
  }
}

function messageOf({ ip, icmp }: Dissection): ReceivedIcmpv6 | null {
  if (ip === null || icmp === null) return null
  const view = new DataView(ip.payload.buffer, ip.payload.byteOffset, ip.payload.length)
  const { source, destination, timeToLive: hopLimit } = ip
  return { ...icmp, rest: view.getUint32(4), source, destination, hopLimit }
}
