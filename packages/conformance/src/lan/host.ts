/**
 * One host of a LAN: a stack, its line to the hub, and everything seen on that line.
 *
 * @module
 */
import {
  ANY_V4,
  ANY_V6,
  type Direction,
  type ImpairedLink,
  type Impairment,
  type IpAddress,
  type PortTable,
  parseIpAddress,
  type Stack,
  type StackEvent,
  type TcpSocket,
  type UdpSocket,
} from '@ioth/core'
import type { Finding } from '../checker/finding.ts'
import { HostChecker } from '../checker/host-checker.ts'
import type { RecordedFrame } from './capture-file.ts'
import type { FrameObserver } from './observer.ts'
import type { Wire } from './wire.ts'

/** A finding, with the host and the time. */
export interface HostFinding extends Finding {
  readonly host: string
  /** Microseconds. */
  readonly time: number
}

export class Host implements FrameObserver {
  readonly name: string
  /** The address it was given; null: it gets one by DHCP. */
  readonly cidr: string | null
  /** What happened to the stack by itself. */
  readonly events: StackEvent[] = []
  readonly findings: HostFinding[] = []
  readonly frames: RecordedFrame[] = []
  readonly ports: PortTable
  /** Set by the LAN as soon as it is made. */
  stack!: Stack
  /** What its programs threw in their upcalls, on the host's clock; see {@link attempt}. */
  readonly failures: unknown[] = []
  /** Null on links with offload. What this host sends is impaired; what reaches it was impaired by its sender. */
  readonly line: ImpairedLink | null

  private readonly checker: HostChecker
  private readonly wire: Wire
  private readonly given: IpAddress | null
  private readonly isVirtual: boolean
  private readonly known: Map<string, number>

  constructor(
    name: string,
    cidr: string | null,
    mtu: number,
    ports: PortTable,
    line: ImpairedLink | null,
    wire: Wire,
    isVirtual: boolean,
    known: Map<string, number>,
  ) {
    this.name = name
    this.cidr = cidr
    this.given = cidr === null ? null : parseIpAddress(cidr.slice(0, cidr.indexOf('/')))
    this.ports = ports
    this.line = line
    this.wire = wire
    this.isVirtual = isVirtual
    this.known = known
    this.checker = new HostChecker({ mtu })
  }

  /**
   * Runs what a program does in an upcall. On virtual time what it throws reaches the test by itself; on the host's clock it would be an
   * uncaught exception, so it is kept until the test looks (`Lan.until`).
   */
  attempt(action: () => void): void {
    if (this.isVirtual) {
      action()
      return
    }
    try {
      action()
    } catch (error) {
      this.failures.push(error)
    }
  }

  /** The address it was given, or else its first one. */
  get address(): IpAddress {
    const address = this.given ?? this.stack.interfaces[0]?.addresses[0]?.address
    if (address === undefined) throw new Error(`${this.name} has no address`)
    return address
  }

  /** A socket of the family of its address. */
  openTcp(): TcpSocket {
    return this.stack.openTcp(this.address.family)
  }

  openUdp(): UdpSocket {
    return this.stack.openUdp(this.address.family)
  }

  /** The wildcard of the family of its address. */
  get any(): IpAddress {
    return this.address.family === 4 ? ANY_V4 : ANY_V6
  }

  /** Makes the line of this host bad, from the next frame it sends on. */
  impair(impairment: Impairment): void {
    if (this.line === null) throw new Error(`the line of ${this.name} carries unfinished frames and cannot be impaired`)
    this.line.set({ out: impairment })
  }

  frame(direction: Direction, octets: Uint8Array): void {
    const { now } = this.wire
    this.frames.push({ direction, time: now, octets })
    if (direction === 'out') {
      this.wire.emitted(octets)
      this.note(this.checker.sent(octets, now))
    } else {
      if (!this.wire.mayCorrupt && !this.wire.wasEmitted(octets))
        this.note([
          { rule: 'link.frame-changed', text: 'a frame arrived that nobody sent: it changed after its sending' },
        ])
      this.checker.arrived(octets, now)
    }
  }

  unfinished(text: string): void {
    this.note([{ rule: 'link.offload', text }])
  }

  /** Looks for acknowledgements that are overdue. */
  checkOverdue(): void {
    this.note(this.checker.overdue(this.wire.now))
  }

  private note(findings: readonly Finding[]): void {
    for (const finding of findings) {
      // On the host's clock other work may have delayed the acknowledgement.
      if (finding.rule === 'tcp.ack-delay' && !this.isVirtual) continue
      const times = this.known.get(finding.rule)
      if (times !== undefined) {
        this.known.set(finding.rule, times + 1)
        continue
      }
      this.findings.push({ ...finding, host: this.name, time: this.wire.now })
    }
  }
}
