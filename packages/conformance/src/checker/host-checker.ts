/**
 * Everything checked at one host's end of a link: each frame it sends, and its TCP connections across frames.
 *
 * @module
 */
import { type Finding, Findings } from './finding.ts'
import { type Dissection, FrameChecker, type FrameCheckerOptions } from './frame-checker.ts'
import type { TcpSegment } from './tcp.ts'
import { TcpFlow } from './tcp-flow.ts'

/** Looks on at one host. Frames that reach it may be damaged; only what it sends is judged. */
export class HostChecker {
  private readonly sending: FrameChecker
  private readonly receiving: FrameChecker
  /** The host's own, as its frames say; empty until it sends one. */
  private mac = ''
  private readonly flows = new Map<string, TcpFlow>()
  /** The last SYN that asked for a connection, by flow. */
  private readonly lastSyn = new Map<string, TcpSegment>()

  constructor(options: FrameCheckerOptions = {}) {
    this.sending = new FrameChecker(options)
    this.receiving = new FrameChecker({ ...options, mtu: 65535 })
  }

  /** A frame the host sends. @param now microseconds. */
  sent(frame: Uint8Array, now: number): readonly Finding[] {
    const dissection = this.sending.check(frame)
    const { ethernet, ip, tcp } = dissection
    if (ethernet !== null) this.mac = ethernet.source
    if (ip === null || tcp === null) return dissection.findings
    const findings = new Findings()
    const key = flowKey(ip.source, tcp.sourcePort, ip.destination, tcp.destinationPort)
    if (tcp.syn) this.openFlow(key, ip.family, tcp, now)
    this.flows.get(key)?.sent(tcp, now, findings)
    return [...dissection.findings, ...findings.list.map(inFlow(key))]
  }

  /** A frame that reached the host. @param now microseconds. */
  arrived(frame: Uint8Array, now: number): void {
    const dissection = this.receiving.check(frame)
    const { ethernet, ip, tcp } = dissection
    if (ip === null || tcp === null || !isSound(dissection)) return
    if (ethernet !== null && this.mac !== '' && ethernet.destination !== this.mac) return
    // H-36: what claims to come from a group, or from the host itself, is dropped.
    if (ethernet !== null && (Number.parseInt(ethernet.source.slice(0, 2), 16) & 1) === 1) return
    if (ethernet !== null && ethernet.source === this.mac) return
    const key = flowKey(ip.destination, tcp.destinationPort, ip.source, tcp.sourcePort)
    if (tcp.syn && !tcp.ack) this.lastSyn.set(key, tcp)
    this.flows.get(key)?.arrived(tcp, now)
  }

  /** The host sends a SYN: its first, the same again, or that of a new incarnation. */
  private openFlow(key: string, family: 4 | 6, syn: TcpSegment, now: number): void {
    const known = this.flows.get(key)
    if (known !== undefined && known.iss === syn.sequence) return
    const flow = new TcpFlow(family)
    this.flows.set(key, flow)
    // When it answers a SYN, that one belongs to this incarnation.
    const peer = this.lastSyn.get(key)
    if (!syn.ack) return
    flow.irs = (syn.acknowledgment - 1) >>> 0
    if (peer !== undefined) flow.arrived({ ...peer, sequence: flow.irs }, now)
  }

  /** Looks for what is overdue at this time. */
  overdue(now: number): readonly Finding[] {
    return Array.from(this.flows, ([key, flow]) => {
      const findings = new Findings()
      flow.checkDelay(now, findings)
      return findings.list.map(inFlow(key))
    }).flat()
  }
}

/** Rules without which a frame cannot be read. One that breaks others, of options for instance, may be taken up all the same. */
const UNREADABLE: ReadonlySet<string> = new Set([
  'ethernet.length',
  'ipv4.length',
  'ipv4.version',
  'ipv4.header-length',
  'ipv4.total-length',
  'ipv6.payload-length',
  'tcp.length',
  'tcp.data-offset',
])

/** Whether a host would take this frame up. */
function isSound({ findings }: Dissection): boolean {
  return !findings.some(({ rule }) => rule.endsWith('checksum') || UNREADABLE.has(rule))
}

/** Says which connection a finding is about. */
function inFlow(key: string): (finding: Finding) => Finding {
  return ({ rule, text }) => ({ rule, text: `${text} (${key})` })
}

function flowKey(local: string, localPort: number, remote: string, remotePort: number): string {
  return `${local}:${localPort}>${remote}:${remotePort}`
}
