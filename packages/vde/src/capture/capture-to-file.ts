/**
 * Records a link in a capture file. Records are gathered and written whole, at the latest a moment later and when the process exits, so
 * the file can be opened at any time, also after `process.exit()`.
 *
 * @module
 */
import { closeSync, openSync } from 'node:fs'
import { Alarm, type CaptureOptions, type Clock, capture, type Link, NetError } from '@ioth/core'
import { appendWhole } from './append-whole.ts'

/** Octets gathered before they are written. */
const GATHER = 262_144
/** How long records may stay in memory, in microseconds. */
const LINGER = 100_000

export interface CaptureToFileOptions extends CaptureOptions {
  /** Told once when the file cannot be written any more; the link goes on. @default a line on standard error */
  readonly onError?: (error: NetError) => void
}

/**
 * Wraps a link so that its frames, in both directions, are written to a file that Wireshark reads. An existing file is replaced.
 * @throws NetError EINVAL when the file cannot be opened.
 */
export function captureToFile(link: Link, path: string, options: CaptureToFileOptions): Link {
  const { onError = (error: NetError): void => void process.stderr.write(`ioth: ${error.message}\n`) } = options
  const file = new CaptureFile(path, options.scheduler.clock, onError)
  const recorded = capture(link, (chunk) => file.write(chunk), options)
  const close = recorded.close.bind(recorded)
  recorded.close = async () => {
    await close()
    file.close()
  }
  return recorded
}

class CaptureFile {
  private readonly path: string
  private readonly clock: Clock
  private readonly onError: (error: NetError) => void
  private readonly alarm = new Alarm(() => this.flush())
  private readonly atExit = (): void => this.close()
  private descriptor: number
  private chunks: Uint8Array[] = []
  private gathered = 0
  /** Of the file, in octets. */
  private length = 0

  constructor(path: string, clock: Clock, onError: (error: NetError) => void) {
    this.path = path
    this.clock = clock
    this.onError = onError
    try {
      this.descriptor = openSync(path, 'w')
    } catch (error) {
      throw cannotWrite('open', path, error)
    }
    process.on('exit', this.atExit)
  }

  /** Keeps a piece of the file: whole records, in memory of their own. */
  write(chunk: Uint8Array): void {
    if (this.descriptor < 0) return
    this.chunks.push(chunk)
    this.gathered += chunk.length
    if (this.gathered >= GATHER) this.flush()
    else if (!this.alarm.armed) this.clock.arm(this.alarm, this.clock.now + LINGER)
  }

  /** Synchronously: in an exit handler nothing else is possible. */
  flush(): void {
    this.clock.disarm(this.alarm)
    const chunks = this.chunks
    this.chunks = []
    this.gathered = 0
    if (this.descriptor < 0 || chunks.length === 0) return
    try {
      this.length = appendWhole(this.descriptor, this.length, chunks)
    } catch (error) {
      this.end()
      this.onError(cannotWrite('write', this.path, error))
    }
  }

  close(): void {
    this.flush()
    this.end()
  }

  private end(): void {
    process.off('exit', this.atExit)
    this.clock.disarm(this.alarm)
    if (this.descriptor < 0) return
    const descriptor = this.descriptor
    this.descriptor = -1
    closeSync(descriptor)
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOENT: 'there is no such directory',
  ENOSPC: 'no space is left there',
  ENOTDIR: 'a part of the path is a file',
  EROFS: 'nothing can be written there',
}

function cannotWrite(call: string, path: string, error: unknown): NetError {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const why = REASONS[code] ?? code
  const message =
    call === 'open'
      ? `the capture file ${path} cannot be written: ${why}. Choose another: --pcap FILE`
      : `the capture into ${path} ends here: ${why}`
  return new NetError('EINVAL', call, { message, cause: error })
}
