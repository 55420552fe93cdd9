/**
 * Tells when the library has seen what went into it.
 *
 * `lwip_send` makes a semaphore for its connection and frees it on its way out; an acknowledgement that the library's own thread handles at
 * that moment signals it (`api_lib.c`, netconn_write; `api_msg.c`, sent_tcp), and the heap is corrupt. So octets are given to the library only
 * while no acknowledgement of that connection is on its way in, and its segments wait meanwhile beside the library.
 *
 * What is asked is a question that the thread which reads the wire answers itself, in the order of the frames: an ARP request for an address
 * that exists for this alone (RFC 7600, the dummy address). The answer never leaves the host.
 *
 * @module
 */
import {
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ARP_TARGET_MAC,
  type Clock,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  IpAddress,
  Timer,
} from '@ioth/core'

/** 192.0.0.8 */
export const FENCE_ADDRESS: IpAddress = IpAddress.v4(0xc0000008 | 0)
/** An answer that has not come by then is lost, in microseconds. */
const LOST = 20_000
const ARP = ETHERNET_HEADER
const ARP_REQUEST = 1

export interface FenceWires {
  readonly clock: Clock
  /** The interface's hardware address. */
  readonly mac: Uint8Array
  toLibrary(frame: Uint8Array): void
}

export class Fence extends Timer {
  private readonly wires: FenceWires
  private readonly request: Uint8Array
  private readonly view: DataView
  /** Acknowledgements that went into the library, and how many of them it has seen. */
  private entered = 0
  private seen = 0
  /** What the question that is under way will tell; 0: there is none. */
  private asked = 0
  private questions = 0
  private waiting: (() => void)[] = []

  constructor(wires: FenceWires) {
    super()
    this.wires = wires
    this.request = new Uint8Array(ARP + ARP_LENGTH)
    const { request } = this
    this.view = new DataView(request.buffer)
    request.set(wires.mac)
    // The hardware address of the one who asks is the number of the question: a local one (IEEE 802, the second lowest bit).
    request[ETH_SOURCE] = 2
    // It asks from no address, so that the library remembers nobody.
    this.view.setUint16(ETH_TYPE, ETHERTYPE_ARP)
    request.set([0, 1, 8, 0, 6, 4, 0, ARP_REQUEST], ARP)
    request[ARP + ARP_SENDER_MAC] = 2
    this.view.setInt32(ARP + ARP_TARGET_IP, FENCE_ADDRESS.w3)
  }

  /** An acknowledgement goes into the library now. @returns its number, from 1. */
  enter(): number {
    return ++this.entered
  }

  /** Whether the library has seen the acknowledgement of this number; 0: there was none. */
  hasSeen(number: number): boolean {
    return number <= this.seen
  }

  /** Calls back once, when the library has seen more than now: see {@link hasSeen}. */
  wait(done: () => void): void {
    this.waiting.push(done)
    if (this.asked === 0) this.ask()
  }

  /** A frame of the library's that is ARP: the answer, if it is one. */
  answer(frame: Uint8Array, length: number): void {
    if (length < ARP + ARP_LENGTH || frame[ARP + ARP_OPERATION + 1] === ARP_REQUEST) return
    const number = new DataView(frame.buffer, frame.byteOffset, frame.byteLength).getUint32(ARP + ARP_TARGET_MAC + 2)
    if (this.asked === 0 || number !== this.questions) return
    this.wires.clock.disarm(this)
    this.seen = this.asked
    this.asked = 0
    for (const done of this.waiting.splice(0)) done()
  }

  /** The answer is lost: the library's queue was full. */
  override fire(): void {
    this.ask()
  }

  close(): void {
    this.wires.clock.disarm(this)
    this.waiting = []
  }

  private ask(): void {
    const { wires, view } = this
    this.asked = this.entered
    this.questions = (this.questions + 1) >>> 0
    view.setUint32(ARP + ARP_SENDER_MAC + 2, this.questions)
    wires.toLibrary(this.request)
    wires.clock.arm(this, wires.clock.now + LOST)
  }
}
