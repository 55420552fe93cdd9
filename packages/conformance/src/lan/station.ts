/**
 * A host that does nothing by itself but answer ARP: a test says each of its packets, and sees each that comes back.
 *
 * @module
 */
import { parseMac, toBytes } from '@ioth/core'
import { type Dissection, FrameChecker } from '../checker/frame-checker.ts'
import {
  craftArp,
  craftEthernet,
  craftIcmp,
  craftUdp,
  type IcmpFields,
  type Ipv4Fields,
  type UdpFields,
} from '../craft/craft.ts'
import type { Host } from './host.ts'
import type { Lan } from './lan.ts'
import type { Tap } from './wire.ts'

const NO_DATA = new Uint8Array(0)
/** The longest that an answer takes, in virtual time and on the host's clock. */
const ANSWER_MS = 5
const SERVED_MS = 1000
const ATTEMPTS = 3

export class Station {
  readonly ip: readonly number[]
  readonly mac: readonly number[]
  readonly lan: Lan
  readonly target: Host
  private readonly tap: Tap
  private readonly checker = new FrameChecker()
  private received: Dissection[] = []

  /** @param last octet of its address, 10.0.0.x. */
  constructor(lan: Lan, target: Host, last = 66) {
    this.lan = lan
    this.target = target
    this.ip = [10, 0, 0, last]
    this.mac = [2, 0x66, 0, 0, 0, last]
    this.tap = lan.tap((frame) => this.arrived(frame))
  }

  /** Addresses of a packet to the target. */
  get ends(): Pick<Ipv4Fields, 'source' | 'destination'> {
    return { source: this.ip, destination: Array.from(toBytes(this.target.address)) }
  }

  get targetMac(): number[] {
    return Array.from(parseMac(this.target.stack.interfaces[0]?.mac as string))
  }

  /** Puts an IPv4 packet on the wire. */
  send(packet: Uint8Array, destination: readonly number[] = this.targetMac): void {
    this.frame(craftEthernet({ source: this.mac, destination }, packet))
  }

  /** Puts any frame on the wire. */
  frame(octets: Uint8Array): void {
    this.tap.send(octets)
  }

  udp(fields: UdpFields, data: Uint8Array = NO_DATA, ip: Partial<Ipv4Fields> = {}): void {
    this.send(craftUdp({ ...this.ends, ...ip }, fields, data))
  }

  icmp(fields: IcmpFields, body: Uint8Array = NO_DATA, ip: Partial<Ipv4Fields> = {}): void {
    this.send(craftIcmp({ ...this.ends, ...ip }, fields, body))
  }

  /** What comes to this station within a moment, fragments put together. */
  async answers(milliseconds: number = ANSWER_MS): Promise<Dissection[]> {
    await this.lan.wait(milliseconds)
    return this.received.splice(0)
  }

  /** The first thing that comes, and should come at once. */
  async answer(): Promise<Dissection | undefined> {
    await this.lan.moment(() => this.received.length > 0, ANSWER_MS, SERVED_MS)
    return this.received.splice(0)[0]
  }

  /** Whether the target still answers: an echo request comes back whole. */
  async isServed(): Promise<boolean> {
    const body = Uint8Array.of(1, 2, 3, 4, 5, 6, 7)
    const isReply = ({ icmp }: Dissection): boolean => icmp?.type === 0 && icmp.body.join() === body.join()
    const isVirtual = this.lan.virtual !== null
    // On the host's clock what was under way may come before it.
    const isAnswered = (): boolean => this.received.some((each, place) => isReply(each) && (place === 0 || !isVirtual))
    this.received.length = 0
    // What waits for a neighbour of a library may be lost (R-ARP-03 is a SHOULD, and a test of its own).
    const attempts = isVirtual ? 1 : ATTEMPTS
    for (let attempt = 1; attempt <= attempts && !isAnswered(); attempt++) {
      this.icmp({ type: 8, rest: [0x7e, 0x57, 0, attempt] }, body)
      await this.lan.moment(isAnswered, ANSWER_MS, SERVED_MS)
    }
    const isServed = isAnswered()
    this.received.length = 0
    return isServed
  }

  close(): Promise<void> {
    return this.tap.close()
  }

  private arrived(frame: Uint8Array): void {
    const dissection = this.checker.check(frame)
    const { arp, ip } = dissection
    const own = this.ip.join('.')
    if (arp !== null && arp.operation === 'request' && arp.targetAddress === own && arp.senderAddress !== '0.0.0.0') {
      const reply = craftArp({
        operation: 2,
        senderMac: this.mac,
        senderAddress: this.ip,
        targetMac: Array.from(frame.subarray(22, 28)),
        targetAddress: Array.from(frame.subarray(28, 32)),
      })
      this.frame(
        craftEthernet({ source: this.mac, destination: Array.from(frame.subarray(6, 12)), type: 0x806 }, reply),
      )
    }
    if (ip?.destination === own) this.received.push(dissection)
  }
}
