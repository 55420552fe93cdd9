/**
 * Readiness without threads: the library's own callback writes an octet to a pipe of ours when a socket becomes readable, and the pipe is
 * watched by the event loop.
 *
 * @module
 */
import { Job, type Scheduler } from '@ioth/core'
import { closeDescriptor, DescriptorWatch, koffi, receive, socketPair } from '@ioth/ffi'
import type { Lwip, Pointer } from './bindings.ts'

const POLLIN = 1
const POLLOUT = 4

/** A socket of the library that is waited for. */
export interface Watched {
  readonly fd: number
  /** It does not want to hear now of what can be read. */
  isPaused: boolean
  /** It has something to write and waits until it can. */
  isBlocked: boolean
  /** It can be read, or has ended. Reads until there is nothing, or pauses, or has itself removed. */
  readable(): void
  /** It can be written to: half of the library's send buffer is free. */
  writable(): void
}

export class Readiness extends Job {
  private readonly scheduler: Scheduler
  private readonly lwip: Lwip
  private readonly watched = new Map<number, Watched>()
  private readonly ends: readonly [number, number]
  /** The pair as C knows it: `int[2]`. Its address must not change. */
  private readonly pair: Pointer
  private readonly watch: DescriptorWatch
  /** What is to be looked at in the next job. */
  private all = false
  private readonly some = new Set<Watched>()
  private readonly drain = new Uint8Array(256)

  constructor(scheduler: Scheduler, lwip: Lwip) {
    super()
    this.scheduler = scheduler
    this.lwip = lwip
    this.ends = socketPair('stream')
    const { alloc, encode } = koffi()
    this.pair = alloc('int', 2) as Pointer
    encode(this.pair, 'int', [...this.ends], 2)
    this.watch = new DescriptorWatch(this.ends[0], { readable: true }, () => {
      while (receive(this.ends[0], this.drain) > 0);
      this.wake()
    })
    this.watch.unref()
  }

  /** From now on it is told when it can be read. */
  add(watched: Watched): void {
    this.watched.set(watched.fd, watched)
    this.again(watched)
  }

  /** Has a socket looked at again that had paused. */
  again(watched: Watched): void {
    watched.isPaused = false
    this.lookAt(watched)
  }

  /** Has all looked at in the next job. */
  wake(): void {
    this.all = true
    this.scheduler.defer(this)
  }

  /** Whether half of the library's send buffer of a connection is free: it takes so much without waiting. */
  hasRoom(watched: Watched): boolean {
    // The question takes the subscription back.
    this.lookAt(watched)
    return this.lwip.subscribe(null, this.pair, watched.fd, POLLOUT) > 0
  }

  /** Has one looked at in the next job. */
  lookAt(watched: Watched): void {
    this.some.add(watched)
    this.scheduler.defer(this)
  }

  /** Before the socket is closed. */
  remove(fd: number): void {
    if (this.watched.delete(fd)) this.lwip.subscribe(null, this.pair, fd, POLLIN)
  }

  run(): void {
    const asked = this.all ? [...this.watched.values()] : [...this.some]
    this.all = false
    this.some.clear()
    for (const watched of asked) if (!watched.isPaused || watched.isBlocked) this.look(watched)
  }

  close(): void {
    for (const fd of [...this.watched.keys()]) this.remove(fd)
    this.watch.close()
    for (const fd of this.ends) closeDescriptor(fd)
    koffi().free(this.pair)
  }

  private look(watched: Watched): void {
    const { lwip, pair } = this
    const { fd } = watched
    if (this.watched.get(fd) !== watched) return
    // An old subscription is taken back first: there would be two of it.
    const ready = lwip.subscribe(null, pair, fd, POLLIN | POLLOUT)
    if (watched.isBlocked && (ready & POLLOUT) !== 0) watched.writable()
    if (!watched.isPaused && (ready & POLLIN) !== 0) watched.readable()
    if (this.watched.get(fd) !== watched) return
    const wanted = (watched.isPaused ? 0 : POLLIN) | (watched.isBlocked ? POLLOUT : 0)
    if (wanted !== 0 && lwip.subscribe(lwip.pipecb, pair, fd, wanted) > 0) this.lookAt(watched)
  }
}
