/**
 * The library's network device, made here: frames of the library come by a function it calls, frames of the link are pushed into it. The
 * structure is the library's own, and its layout differs between versions; it is found out before a frame flows.
 *
 * @module
 */
import {
  createBatch,
  discardFrames,
  type FrameBatch,
  type FramePool,
  type Link,
  type LinkSink,
  type LinkState,
  NetError,
  NO_OFFLOAD,
  type Offload,
  pushFrame,
  readFrame,
  removeFirst,
} from '@ioth/core'
import { type Callbacks, koffi, Pieces } from '@ioth/ffi'
import { type Pico, type Pointer, SEND_TYPE } from './bindings.ts'

/** {@link DeviceHost.arrives}: the library shall not see the frame. */
export const DROP = -1
/** {@link DeviceHost.arrives}: as it is. */
export const PASS = 0

/** What a device asks of its stack. */
export interface DeviceHost {
  /** A frame of the library is about to leave. @returns its length from now on; 0: it shall not leave. */
  leaves(device: PicoDevice, frame: Uint8Array, at: number, length: number): number
  /** A frame of the link. @returns {@link DROP}, {@link PASS}, or the port that the library shall see it go to: see `redirect`. */
  arrives(device: PicoDevice, frame: Uint8Array, at: number, length: number): number
  /** The packet that the fragment which just arrived completes, in one frame that is the device's. */
  takeWhole(): Uint8Array | null
  /** What the frame that just arrived acknowledges and does not do besides; null: it is something else. */
  acknowledges(): unknown
  /** Changes the port it goes to, and what else must be, in a copy that begins at 0. @returns its length from now on. */
  redirect(device: PicoDevice, frame: Uint8Array, length: number, port: number): number
  /** Something was put into the library. */
  touch(): void
  linkChanged(device: PicoDevice, state: LinkState, reason?: NetError): void
}

/** Octets of a structure that is certainly larger than the library's; it is zeroed, and the library frees it. */
const STRUCTURE = 1024
const MTU_AT = 24
const ETHERNET_AT = 32
/** The queues follow a field that older versions do not have. */
const QUEUE_AT_WITHOUT_MODE = 40
const SEND_AT_WITHOUT_MODE = 64
const SEND_AT = 72
const DEFAULT_MTU = 1500
/** Link header, IPv6 header, and TCP header with all its options. */
const LONGEST_ACKNOWLEDGMENT = 14 + 60 + 60
/** Frames that wait for the link, beyond which the library keeps its own. */
const OUTGOING = 256

export interface DeviceCounters {
  framesIn: number
  framesOut: number
  octetsIn: number
  octetsOut: number
  dropNoMemory: number
  dropRefused: number
}

export class PicoDevice implements LinkSink {
  readonly accepts: Offload = NO_OFFLOAD
  readonly counters: DeviceCounters = {
    framesIn: 0,
    framesOut: 0,
    octetsIn: 0,
    octetsOut: 0,
    dropNoMemory: 0,
    dropRefused: 0,
  }
  readonly link: Link
  /** The library's structure. */
  readonly pointer: Pointer
  /** Octets in front of the IP header. */
  readonly linkHeader: number
  readonly mtu: number
  /** Null on a link without hardware addresses. */
  readonly mac: Uint8Array | null
  /** Fragments that come: the library loses some that it should join (pico_ipv4_frag.c, pico_ipv6_frag of pico_ipv6.c). */
  readonly pieces: Pieces = new Pieces()
  private readonly pico: Pico
  private readonly pool: FramePool
  private readonly host: DeviceHost
  private readonly outgoing: FrameBatch
  private readonly scratch: Uint8Array
  /** An acknowledgement that waits for a later one. */
  private readonly acknowledgment: Uint8Array = new Uint8Array(LONGEST_ACKNOWLEDGMENT)
  private acknowledgmentLength = 0
  private acknowledging: unknown = null
  private isBlocked = false
  private isGone = false

  /** @throws NetError ERR_IOTH_BACKEND_UNUSABLE: the structure is none that is known. */
  constructor(
    pico: Pico,
    callbacks: Callbacks,
    host: DeviceHost,
    pool: FramePool,
    link: Link,
    name: string,
    mac: Uint8Array,
    mtu: number,
  ) {
    this.pico = pico
    this.pool = pool
    this.host = host
    this.link = link
    this.mtu = mtu
    this.linkHeader = link.type === 'ethernet' ? 14 : 0
    this.mac = link.type === 'ethernet' ? mac : null
    this.outgoing = createBatch(pool, OUTGOING)
    this.scratch = new Uint8Array(mtu + 64)
    const { encode } = koffi()
    const memory = hostLibrary().calloc(1, STRUCTURE)
    if (memory === null) throw new NetError('ENOMEM', 'calloc')
    this.pointer = memory
    if (pico.deviceInit(memory, name, this.mac) !== 0) {
      throw new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'picotcp', {
        message: `picoTCP refused the device ${name}: error ${pico.error()}`,
      })
    }
    const sendAt = layoutOf(memory, this.mac)
    const send = callbacks.add(
      SEND_TYPE,
      (_device: Pointer, octets: Pointer, length: number) => this.transmit(octets, length),
      0,
    )
    encode(memory + BigInt(sendAt), 'void *', send)
    encode(memory + BigInt(MTU_AT), 'uint32_t', mtu)
  }

  /** Frames that {@link emit} takes. */
  get room(): number {
    const { outgoing } = this
    return outgoing.capacity - outgoing.count
  }

  get name(): string {
    return this.link.name
  }

  /** Called by the library, which frees its frame when this returns. @returns 0: not now, keep it. */
  private transmit(octets: Pointer, length: number): number {
    if (this.isGone) return length
    const { outgoing, pool } = this
    if (outgoing.count === outgoing.capacity) {
      this.flush()
      if (outgoing.count === outgoing.capacity) return 0
    }
    const slot = pool.take(Math.max(length, 1))
    if (slot === -1) {
      this.counters.dropNoMemory++
      return length
    }
    hostLibrary().memcpy(pool.bytes.subarray(slot, slot + length), octets, length)
    const left = this.host.leaves(this, pool.bytes, slot, length)
    if (left === 0) {
      pool.release(slot)
      return length
    }
    pushFrame(outgoing, slot, left)
    this.counters.framesOut++
    this.counters.octetsOut += left
    return length
  }

  /** Puts a frame of our own on the wire. */
  emit(frame: Uint8Array): void {
    const { outgoing, pool } = this
    if (outgoing.count === outgoing.capacity) this.flush()
    if (this.isGone || outgoing.count === outgoing.capacity) return
    const slot = pool.take(frame.length)
    if (slot === -1) return
    pool.bytes.set(frame, slot)
    pushFrame(outgoing, slot, frame.length)
    this.counters.framesOut++
    this.counters.octetsOut += frame.length
  }

  /** Frames of our own for the library, which is at work. */
  private readonly later: Uint8Array[] = []

  /** Puts a frame of our own into the library when it is at rest. */
  injectLater(frame: Uint8Array): void {
    this.later.push(frame)
  }

  /** @returns whether there was any. */
  giveLater(): boolean {
    const frames = this.later.splice(0)
    for (const frame of frames) this.inject(frame)
    return frames.length > 0
  }

  /** Puts a frame of our own into the library. */
  inject(frame: Uint8Array): void {
    if (!this.isGone) this.pico.receive(this.pointer, frame, frame.length)
  }

  /** Hands the link what it takes. @returns whether all is gone. */
  flush(): boolean {
    const { outgoing, link } = this
    if (this.isBlocked || outgoing.count === 0) return outgoing.count === 0
    const taken = link.send(outgoing)
    removeFirst(outgoing, taken)
    this.isBlocked = outgoing.count > 0
    return !this.isBlocked
  }

  frames(batch: FrameBatch): void {
    const { pool, counters, scratch } = this
    for (let index = 0; index < batch.count && !this.isGone; index++) {
      const length = (batch.headLength[index] as number) + (batch.bodyLength[index] as number)
      counters.framesIn++
      counters.octetsIn += length
      if (length > scratch.length) counters.dropRefused++
      else if (batch.bodyLength[index] === 0) this.take(pool.bytes, batch.head[index] as number, length, false)
      else {
        readFrame(batch, index, scratch)
        this.take(scratch, 0, length, true)
      }
    }
    this.giveAcknowledgment()
    this.host.touch()
  }

  /** @param isOwn it may be changed. */
  private take(octets: Uint8Array, at: number, length: number, isOwn: boolean): void {
    const { host, scratch } = this
    const verdict = host.arrives(this, octets, at, length)
    const acknowledges = host.acknowledges()
    if (this.acknowledging !== null && this.acknowledging !== acknowledges) this.giveAcknowledgment()
    if (verdict === DROP) {
      const whole = host.takeWhole()
      if (whole !== null) this.take(whole, 0, whole.length, true)
      return
    }
    if (verdict === PASS && acknowledges === null) {
      this.give(octets.subarray(at, at + length), length)
      return
    }
    // A frame of the link is not ours to change, nor to keep.
    if (acknowledges === null) {
      const copy = isOwn ? octets : scratch
      if (!isOwn) scratch.set(octets.subarray(at, at + length))
      this.give(copy, host.redirect(this, copy, length, verdict))
      return
    }
    this.acknowledging = acknowledges
    this.acknowledgmentLength = length
    this.acknowledgment.set(octets.subarray(at, at + length))
    if (verdict !== PASS) host.redirect(this, this.acknowledgment, length, verdict)
  }

  /** Of acknowledgements in a row the last one says all; by several at once, after a timeout, the library loses its place for good. */
  private giveAcknowledgment(): void {
    if (this.acknowledging === null) return
    this.acknowledging = null
    this.give(this.acknowledgment, this.acknowledgmentLength)
  }

  private give(octets: Uint8Array, length: number): void {
    if (this.isGone) return
    if (this.pico.receive(this.pointer, octets, length) <= 0) this.counters.dropRefused++
  }

  writable(): void {
    this.isBlocked = false
    this.flush()
    this.host.touch()
  }

  changed(state: LinkState, reason?: NetError): void {
    if (state === 'up') this.writable()
    if (!this.isGone) this.host.linkChanged(this, state, reason)
  }

  /** Takes the device out of the library. No frame comes or goes any more. */
  destroy(): void {
    if (this.isGone) return
    this.isBlocked = false
    this.flush()
    this.isGone = true
    discardFrames(this.outgoing)
    this.outgoing.count = 0
    this.pico.deviceDestroy(this.pointer)
  }
}

/** Where the pointer to the send function lies. @throws NetError when the structure is none that is known. */
function layoutOf(device: Pointer, mac: Uint8Array | null): number {
  const { decode } = koffi()
  const mtu = decode(device, MTU_AT, 'uint32_t')
  const ethernet = decode(device, ETHERNET_AT, 'void *') as Pointer | null
  const isMacThere =
    mac === null
      ? ethernet === null
      : ethernet !== null && mac.every((octet, at) => decode(ethernet, at, 'uint8_t') === octet)
  if (mtu !== DEFAULT_MTU || !isMacThere) {
    throw new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'picotcp', {
      message:
        'this picoTCP keeps its devices in a way that is not known: an older or newer version than upstream 1.7 and picoTCP-NG 2.x',
    })
  }
  return decode(device, QUEUE_AT_WITHOUT_MODE, 'void *') === null ? SEND_AT : SEND_AT_WITHOUT_MODE
}

interface HostLibrary {
  calloc(count: number, size: number): Pointer | null
  memcpy(into: Uint8Array, from: Pointer, length: number): void
}

let bound: HostLibrary | null = null

/** Two functions of the C library. */
function hostLibrary(): HostLibrary {
  if (bound === null) {
    const host = koffi().load(null)
    bound = {
      calloc: host.func('void *calloc(size_t, size_t)'),
      memcpy: host.func('void memcpy(void *, void *, size_t)'),
    }
  }
  return bound
}
