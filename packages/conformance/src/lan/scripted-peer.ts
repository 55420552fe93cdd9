/**
 * A TCP peer that does nothing by itself: a test says each of its segments, and sees each that comes back. It answers ARP, that is all.
 *
 * @module
 */
import { type IpAddress, parseIpAddress, parseMac, toBytes } from '@ioth/core'
import { FrameChecker } from '../checker/frame-checker.ts'
import type { TcpSegment } from '../checker/tcp.ts'
import { craftArp, craftEthernet, craftIpv4, craftTcp, type Ipv4Fields, type TcpFields } from '../craft/craft.ts'
import type { Host } from './host.ts'
import type { Lan } from './lan.ts'
import type { Tap } from './wire.ts'

/** A segment as a test says it. What is not said continues the conversation: the ports, the numbers, and an ACK. */
export type Script = Partial<TcpFields> & {
  /** Fields of the IP header. */
  readonly ip?: Partial<Ipv4Fields>
}

/** How long a host takes to answer: in virtual time, and at most on the host's clock. */
const MOMENT_MS = 2
const ANSWER_MS = 3000
const NO_DATA = new Uint8Array(0)

export class ScriptedPeer {
  readonly address: IpAddress
  readonly port: number
  /** Every segment that came, in order. */
  readonly received: TcpSegment[] = []
  /** When each of them came, in microseconds. */
  readonly receivedAt: number[] = []
  /** Our next sequence number. */
  next: number
  /** What we acknowledge. */
  ack = 0

  private readonly lan: Lan
  private readonly target: Host
  private readonly targetPort: number
  private readonly tap: Tap
  private readonly mac: readonly number[]
  private readonly checker = new FrameChecker()

  /** @param targetPort the port of the host that segments go to. */
  constructor(lan: Lan, target: Host, targetPort = 80, address = '10.0.0.66', port = 6666) {
    this.lan = lan
    this.target = target
    this.targetPort = targetPort
    this.address = parseIpAddress(address)
    this.port = port
    this.next = 1_000_000
    this.mac = [2, 0x66, 0, 0, 0, this.address.w3 & 255]
    this.tap = lan.tap((frame) => this.arrived(frame))
  }

  /** Sends a segment; the conversation goes on behind it. */
  send(script: Script = {}, data: Uint8Array = NO_DATA): void {
    const { ip, ...fields } = script
    const segment: TcpFields = {
      sourcePort: this.port,
      destinationPort: this.targetPort,
      sequence: this.next,
      flags: 'A',
      ...fields,
    }
    const acknowledgment = segment.flags.includes('A') ? (fields.acknowledgment ?? this.ack) : 0
    const packet = craftTcp(
      { source: Array.from(toBytes(this.address)), destination: Array.from(toBytes(this.target.address)), ...ip },
      { ...segment, acknowledgment },
      data,
    )
    this.tap.send(craftEthernet({ source: this.mac, destination: this.targetMac() }, packet))
    if (fields.sequence !== undefined || ip !== undefined) return
    const length = data.length + (segment.flags.includes('S') ? 1 : 0) + (segment.flags.includes('F') ? 1 : 0)
    this.next = (this.next + length) >>> 0
  }

  /** Any IPv4 packet, from this peer unless it says otherwise. */
  sendPacket(fields: Partial<Ipv4Fields>, payload: Uint8Array): void {
    const ends = { source: Array.from(toBytes(this.address)), destination: Array.from(toBytes(this.target.address)) }
    const packet = craftIpv4({ ...ends, ...fields }, payload)
    this.tap.send(craftEthernet({ source: this.mac, destination: this.targetMac() }, packet))
  }

  /** Sends a segment, waits a moment, and gives what came back. */
  async exchange(script: Script = {}, data: Uint8Array = NO_DATA): Promise<readonly TcpSegment[]> {
    this.send(script, data)
    return this.replies()
  }

  /** What comes within a moment, or the time given. */
  async replies(milliseconds: number = MOMENT_MS): Promise<readonly TcpSegment[]> {
    const from = this.received.length
    await this.lan.wait(milliseconds)
    return this.received.slice(from)
  }

  /** Connects to the port. @param options of the SYN. */
  async connect(options: readonly number[] = [2, 4, 5, 180], window = 65535): Promise<void> {
    const from = this.received.length
    this.send({ flags: 'S', options, window })
    await this.lan.moment(() => this.received.length > from, MOMENT_MS, ANSWER_MS)
    const synAck = this.received[from]
    if (synAck === undefined || !synAck.syn || !synAck.ack) throw new Error('no SYN-ACK came')
    this.ack = (synAck.sequence + 1) >>> 0
    await this.exchange({ window })
  }

  /** Waits for a SYN and answers it. */
  async accept(options: readonly number[] = [2, 4, 5, 180], window = 65535): Promise<void> {
    await this.lan.until(
      () => this.received.some(({ syn }) => syn),
      5000,
      () => 'a SYN',
    )
    const syn = this.received.find((segment) => segment.syn) as TcpSegment
    this.ack = (syn.sequence + 1) >>> 0
    await this.exchange({ flags: 'SA', options, window })
  }

  private targetMac(): number[] {
    return Array.from(parseMac(this.target.stack.interfaces[0]?.mac as string))
  }

  private arrived(frame: Uint8Array): void {
    const { arp, ip, tcp } = this.checker.check(frame)
    const own = `${this.address}`
    if (arp !== null && arp.operation === 'request' && arp.targetAddress === own) {
      const reply = craftArp({
        operation: 2,
        senderMac: this.mac,
        senderAddress: Array.from(toBytes(this.address)),
        targetMac: Array.from(frame.subarray(22, 28)),
        targetAddress: Array.from(frame.subarray(28, 32)),
      })
      const destination = Array.from(frame.subarray(6, 12))
      this.tap.send(craftEthernet({ source: this.mac, destination, type: 0x806 }, reply))
    }
    if (ip !== null && tcp !== null && ip.destination === own && tcp.destinationPort === this.port) {
      this.received.push({ ...tcp, data: tcp.data.slice() })
      this.receivedAt.push(this.lan.now)
    }
  }
}
