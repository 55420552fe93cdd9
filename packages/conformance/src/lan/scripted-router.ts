/**
 * An IPv6 station that does nothing by itself: a test says each message of neighbour and listener discovery, and sees each that hosts
 * send. It may answer for addresses, and advertise itself when asked, as a router would.
 *
 * @module
 */
import { parseIpAddress, parseMac, toBytes } from '@ioth/core'
import type { DiscoveryMessage } from '../checker/discovery.ts'
import { type Dissection, FrameChecker } from '../checker/frame-checker.ts'
import { craftEthernet, craftIpv6, type Ipv6Fields, sumOverIpv6 } from '../craft/craft.ts'
import {
  craftNeighborAdvertisement,
  craftRouterAdvertisement,
  NA,
  ND,
  type RouterAdvertisementFields,
  sourceLink,
  targetLink,
} from '../craft/nd.ts'
import type { Lan } from './lan.ts'
import type { Tap } from './wire.ts'

/** A message of a host, with when and how it came. */
export interface DiscoveryHeard extends DiscoveryMessage {
  /** Microseconds. */
  readonly time: number
  /** Hardware addresses. */
  readonly to: string
  readonly from: string
  /** IPv6 addresses in full: `fe80:0:0:0:0:0:0:1`. */
  readonly source: string
  readonly destination: string
}

/** How a message is sent, where not as a good router would. */
export type Sending = Partial<Ipv6Fields> & {
  /** Hardware address of the sender. */
  readonly mac?: readonly number[]
  readonly toMac?: readonly number[]
  /** A hop-by-hop header with a router alert. */
  readonly routerAlert?: boolean
  /** In place of the right checksum. */
  readonly checksum?: number
  /** Extension headers before the message, and the number of the first. */
  readonly chain?: { readonly first: number; readonly octets: readonly number[] }
}

const ROUTER_ALERT = [58, 0, 5, 2, 0, 0, 1, 0]
const FRAME_PARTS = 12

/** Sixteen octets of an address. */
export function octets6(text: string): number[] {
  return Array.from(toBytes(parseIpAddress(text)))
}

/** An address as the checker writes it: eight groups, nothing left out. */
export function full6(text: string): string {
  const octets = octets6(text)
  return Array.from({ length: 8 }, (_, i) =>
    (((octets[2 * i] as number) << 8) | (octets[2 * i + 1] as number)).toString(16),
  ).join(':')
}

export class ScriptedRouter {
  readonly mac: readonly number[]
  readonly address: string
  readonly heard: DiscoveryHeard[] = []
  /** Every other frame for it, taken apart. */
  readonly packets: Dissection[] = []
  /** For which addresses it answers solicitations. */
  answers: Set<string> = new Set()
  /** What it says when asked for routers; null: nothing. */
  advertisement: RouterAdvertisementFields | null = null
  private readonly lan: Lan
  private readonly tap: Tap
  private readonly checker = new FrameChecker()

  constructor(lan: Lan, address = 'fe80::66', mac: readonly number[] = [2, 0x66, 0, 0, 0, 0x66]) {
    this.lan = lan
    this.address = address
    this.mac = mac
    this.answers.add(full6(address))
    this.tap = lan.tap((frame) => this.arrived(frame))
  }

  /** What came of one type, from a moment on. */
  said(type: number, since = 0): readonly DiscoveryHeard[] {
    return this.heard.filter((each) => each.type === type && each.time >= since)
  }

  /** Sends a message of ICMPv6 with its checksum; to all nodes, with hop limit 255, unless it says otherwise. */
  send(message: Uint8Array, sending: Sending = {}): void {
    const { mac = this.mac, toMac, routerAlert = false, checksum, chain, ...fields } = sending
    const ip = {
      source: octets6(this.address),
      destination: octets6('ff02::1'),
      hopLimit: routerAlert ? 1 : 255,
      ...fields,
    }
    const summed = sumOverIpv6(ip, 58, message.slice())
    if (checksum !== undefined) summed.set([checksum >> 8, checksum & 255], 2)
    const before = chain?.octets ?? (routerAlert ? ROUTER_ALERT : [])
    const nextHeader = chain?.first ?? (routerAlert ? 0 : 58)
    const packet = craftIpv6({ nextHeader, ...ip }, Uint8Array.from([...before, ...summed]))
    const isToGroup = ip.destination[0] === 0xff
    const destination = toMac ?? (isToGroup ? [0x33, 0x33, ...ip.destination.slice(12)] : this.hostMac(0))
    this.tap.send(craftEthernet({ source: mac, destination, type: 0x86dd }, packet))
  }

  /** Advertises itself, with its hardware address and further options. */
  advertise(fields: RouterAdvertisementFields = {}, sending: Sending = {}): void {
    const options = [...sourceLink(sending.mac ?? this.mac), ...(fields.options ?? [])]
    this.send(craftRouterAdvertisement({ ...fields, options }), sending)
  }

  /** Any IPv6 packet to the first host. */
  sendPacket(fields: Partial<Ipv6Fields> & Pick<Ipv6Fields, 'source' | 'destination'>, payload: Uint8Array): void {
    const packet = craftIpv6(fields, payload)
    this.tap.send(craftEthernet({ source: this.mac, destination: this.hostMac(0), type: 0x86dd }, packet))
  }

  /** Any frame. */
  sendFrame(frame: Uint8Array): void {
    this.tap.send(frame)
  }

  /** Hardware address of a host of the LAN. */
  hostMac(index: number): number[] {
    return Array.from(parseMac(this.lan.host(index).stack.interfaces[0]?.mac as string))
  }

  private arrived(frame: Uint8Array): void {
    const dissection = this.checker.check(frame)
    const { ethernet, ip, discovery } = dissection
    if (ethernet === null || ip === null) return
    if (discovery === null) {
      if (ethernet.destination === macText(this.mac)) this.packets.push(dissection)
      return
    }
    const { destination: to, source: from } = ethernet
    const { source, destination } = ip
    this.heard.push({ ...discovery, time: this.lan.now, to, from, source, destination })
    const asker = Array.from(frame.subarray(6, FRAME_PARTS))
    const isFromNobody = ip.sourceOctets.every((octet) => octet === 0)
    if (discovery.type === ND.neighborSolicitation && !isFromNobody && this.answers.has(discovery.target)) {
      const target = octets6(discovery.target)
      const answer = craftNeighborAdvertisement(target, NA.router | NA.solicited | NA.override, targetLink(this.mac))
      this.send(answer, { source: target, destination: Array.from(ip.sourceOctets), toMac: asker })
    }
    if (discovery.type === ND.routerSolicitation && this.advertisement !== null) this.advertise(this.advertisement)
  }
}

function macText(mac: readonly number[]): string {
  return mac.map((octet) => octet.toString(16).padStart(2, '0')).join(':')
}
