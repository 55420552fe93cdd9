/**
 * A port whose plug speaks the VDE protocol: vde_plug, QEMU, LWIPv6, a program with libvdeplug. One frame a datagram, both ways, without
 * any offload.
 *
 * @module
 */
import { NO_OFFLOAD, type Offload } from '@ioth/core'
import type { DescriptorWatch, PluggedVde } from '@ioth/ffi'
import { MAX_NAME, printable } from '../stream/opening.ts'
import { MIN_FRAME, RECORD_HEADER, writeFrameHeader } from '../stream/record.ts'
import { inputBytes, inputEnd, inputRoom, inputView } from '../stream/stream-input.ts'
import { DatagramOutbox } from './datagram-outbox.ts'
import { Port } from './port.ts'

type Ffi = typeof import('@ioth/ffi')

/** Frames taken at once. The kernel holds about ten in front of us. */
const ROUND = 64
/** How often it is looked again in one round of the event loop: a sender that waited for room has meanwhile gone on. */
const ROUNDS = 8
/** A frame that every VDE program has room for: 9216 octets behind an Ethernet header and a VLAN tag. */
const LONGEST_VDE_FRAME = 9_234

let inputAddress = 0

export class VdePort extends Port {
  readonly outbox: DatagramOutbox
  private readonly ffi: Ffi
  private readonly plug: PluggedVde
  private readonly watch: DescriptorWatch
  private readonly received: (port: VdePort, from: number, end: number) => void

  /** @throws NetError when the plug's socket cannot be watched. */
  constructor(
    plug: PluggedVde,
    setup: {
      ffi: Ffi
      number: number
      tick: number
      now: number
      mtu: number
      queueOctets: number
      /** Records of frames in the input memory. */
      received(port: VdePort, from: number, end: number): void
    },
  ) {
    super(setup)
    this.ffi = setup.ffi
    this.plug = plug
    this.received = setup.received
    this.outbox = new DatagramOutbox(setup.ffi, plug.fd, setup.queueOctets, this.counters, (full) =>
      this.watch.watch(full ? { readable: true, writable: true } : { readable: true }),
    )
    this.watch = new setup.ffi.DescriptorWatch(plug.fd, { readable: true }, ({ readable, writable }) => {
      if (writable) this.outbox.write()
      if (readable) for (let round = 0; round < ROUNDS && this.read(); round++);
    })
    const mtu = Math.min(setup.mtu, LONGEST_VDE_FRAME - 18)
    this.open({ ...introduction(plug.request.description), mtu, accepts: NO_OFFLOAD as Offload, frames: true })
  }

  unref(): void {
    this.watch.unref()
  }

  /** Pulls the plug. */
  close(): void {
    this.plug.close()
  }

  /** Gives the socket back: the plug has gone. */
  release(): void {
    this.state = 'closed'
    this.outbox.close()
    this.watch.close()
    this.ffi.closeDescriptor(this.plug.fd)
  }

  /** Frames become records in the input memory, as many as there are, and are handed over together. @returns whether there were any. */
  private read(): boolean {
    const { ffi, counters } = this
    const { fd } = this.plug
    if (inputAddress === 0) inputAddress = ffi.addressOf(inputBytes)
    const from = inputEnd(0)
    const last = from + inputRoom - RECORD_HEADER - LONGEST_VDE_FRAME - 1
    let at = from
    for (let round = 0; round < ROUND && at <= last; round++) {
      let length: number
      try {
        length = ffi.receiveAt(fd, inputAddress + at + RECORD_HEADER, LONGEST_VDE_FRAME + 1)
      } catch {
        // The plug's socket has gone; its stream tells so as well, and decides.
        break
      }
      if (length < 0) break
      if (length < MIN_FRAME || length > LONGEST_VDE_FRAME) {
        counters['drop.in.malformed']++
        continue
      }
      writeFrameHeader(inputView, at, length, 0, 0, 0)
      at += RECORD_HEADER + length
    }
    if (at > from) this.received(this, from, at)
    return at > from && this.state === 'open'
  }
}

/** What libvdeplug writes: `NAME user=0 pid=4711 SSH=...`. */
function introduction(description: string): { name: string; pid: number } {
  const pid = /\bpid=(\d{1,9})\b/i.exec(description)?.[1]
  const name = description.replace(/\s*\b(user|pid|SSH)=\S*/gi, '').trim()
  return { name: printable(name, MAX_NAME), pid: pid === undefined ? 0 : Number(pid) }
}
