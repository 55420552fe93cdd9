/**
 * Readiness of file descriptors, by libuv's own poll handles, which koffi gives access to (`koffi.node.poll`).
 *
 * Five properties of that access are dealt with here, and nowhere else:
 * - a descriptor that cannot be watched ends the process: it is examined first;
 * - it closes a handle that is garbage collected, so all that watch are held;
 * - its callback runs outside of what Node calls a callback scope: promises and ticks that are queued in it wait for some other event. So
 *   what is reported is reported from a macrotask of its own, in the same round of the loop;
 * - its callback gets `(status, events)`, whatever its types say;
 * - the loop runs once more when the process or thread ends, and a callback there ends it with a fatal error: all watches stop before.
 *
 * @module
 */
import { fstatSync } from 'node:fs'
import { type ErrorCode, NetError } from '@ioth/core'
import { koffi } from './koffi.ts'

/** What is waited for, and what is reported. */
export interface DescriptorEvents {
  readonly readable?: boolean
  readonly writable?: boolean
  /** The other side has gone. */
  readonly disconnect?: boolean
}

type PollHandle = import('koffi').node.PollHandle
type PollCallback = (status: number, events: Required<DescriptorEvents>) => void

/** All that watch, by their descriptors. */
const open = new Map<number, DescriptorWatch>()

let stopsAtExit = false

function stopAtExit(): void {
  if (stopsAtExit) return
  stopsAtExit = true
  process.on('exit', () => {
    for (const watch of open.values()) watch.watch({})
  })
}

/** Watches one descriptor, level-triggered: what stays true is reported again in each round of the loop. Keeps the process alive. */
export class DescriptorWatch {
  private readonly fd: number
  private readonly handle: PollHandle
  private readonly report: (events: DescriptorEvents) => void
  private watched: DescriptorEvents = {}
  private scheduled = false
  private happened: DescriptorEvents = {}

  /**
   * @param fd a socket, pipe or device, not one that Node itself uses. It stays the caller's: close it after {@link close}.
   * @param report called with what is ready.
   * @throws NetError EBADF; EPERM for a file, which is always ready; EALREADY when it is watched already.
   */
  constructor(fd: number, events: DescriptorEvents, report: (events: DescriptorEvents) => void) {
    examine(fd)
    this.fd = fd
    this.report = report
    this.watched = events
    this.handle = koffi().node.poll(fd, events, this.polled as unknown as () => void)
    open.set(fd, this)
    stopAtExit()
  }

  /** Waits for something else from now on; for nothing: not at all. */
  watch(events: DescriptorEvents): void {
    if (!this.isOpen) return
    this.watched = events
    if (events.readable || events.writable || events.disconnect) {
      this.handle.start(events, this.polled as unknown as () => void)
    } else {
      this.handle.stop()
    }
  }

  /** From now on it keeps the process alive. */
  ref(): void {
    this.handle.ref()
  }

  /** The process may end although it watches. */
  unref(): void {
    this.handle.unref()
  }

  /** Ends the watch; nothing is reported any more. Idempotent. */
  close(): void {
    if (!this.isOpen) return
    open.delete(this.fd)
    this.handle.close()
  }

  private get isOpen(): boolean {
    return open.get(this.fd) === this
  }

  private readonly polled: PollCallback = (status, events) => {
    const { happened } = this
    this.happened = {
      readable: happened.readable === true || events.readable,
      writable: happened.writable === true || events.writable,
      disconnect: happened.disconnect === true || events.disconnect || status < 0,
    }
    if (this.scheduled) return
    this.scheduled = true
    setImmediate(this.tell)
  }

  private readonly tell = (): void => {
    const { happened, watched } = this
    this.scheduled = false
    this.happened = {}
    if (!this.isOpen) return
    const still: DescriptorEvents = {
      readable: happened.readable === true && watched.readable === true,
      writable: happened.writable === true && watched.writable === true,
      disconnect: happened.disconnect === true,
    }
    if (still.readable || still.writable || still.disconnect) this.report(still)
  }
}

function examine(fd: number): void {
  if (open.has(fd)) throw unwatchable('EALREADY', fd, 'is watched already')
  let isFile: boolean
  try {
    // The other variant leaves the numbers of a socket where Node's `require` looks at them again, and stops at the first link (20.20).
    const stat = fstatSync(fd, { bigint: true })
    isFile = stat.isFile() || stat.isDirectory()
  } catch {
    throw unwatchable('EBADF', fd, 'is not open')
  }
  if (isFile) throw unwatchable('EPERM', fd, 'is a file, which is always ready')
}

function unwatchable(code: ErrorCode, fd: number, why: string): NetError {
  return new NetError(code, 'poll', { message: `poll ${code}: descriptor ${fd} ${why}` })
}
