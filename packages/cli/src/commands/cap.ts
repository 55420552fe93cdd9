/**
 * `ioth cap`: a live capture of a network or of one of its programs, into a file or into Wireshark, until it is stopped.
 *
 * @module
 */
import { closeSync, existsSync, openSync } from 'node:fs'
import { networkOf, parseMac } from '@ioth/core'
import { appendWhole, captureNetwork, listPorts, type PortInfo, switchDirectory } from '@ioth/vde'
import { EXIT, Failure } from '../failure.ts'
import { explainNetwork } from '../network/network-failure.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { say } from '../output.ts'

export interface CapOptions {
  readonly write?: string
  readonly count?: number
  readonly keylog?: string
}

/** Octets that may wait for who reads our standard output, before the capture ends. */
const MOST_WAITING = 67_108_864

/** @param whom a process id, a name or an address; undefined: everybody. */
export async function cap(whom: string | undefined, options: CapOptions, settings: NetworkSettings): Promise<void> {
  const { filename, device } = settings
  const network =
    networkOf(
      { ...(filename !== undefined && { vnl: filename }), ...(device !== undefined && { device }) },
      existsSync,
    ) ?? ''
  const out = openOutput(options.write)
  try {
    const wants = whom === undefined ? undefined : wantedBy(whom, await listPorts(network))
    const capture = await captureNetwork({
      dir: switchDirectory(network),
      write: (pieces) => out.write(pieces),
      ...(wants !== undefined && { wants }),
      ...(options.keylog !== undefined && { keyLog: options.keylog }),
      ...(options.count !== undefined && { count: options.count }),
    })
    if (options.write !== undefined && options.write !== '-' && !settings.quiet) {
      say(`capturing into ${options.write}; to end it press Ctrl-C`)
    }
    out.onGone(() => capture.end())
    const end = (): void => capture.end()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end)
    const why = await capture.over
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, end)
    out.close()
    if (out.failure !== null) throw out.failure
    if (!settings.quiet) say(`${capture.frames} frames`)
    if (why !== '')
      throw new Failure(EXIT.unavailable, `the capture ends: ${why}. See whether the network is there: ioth ps`)
  } catch (error) {
    out.close()
    throw explainNetwork(error)
  }
}

interface Output {
  /** Why no more can be written. */
  readonly failure: Failure | null
  write(pieces: readonly Buffer[]): boolean
  /** Told when whoever reads has gone. */
  onGone(gone: () => void): void
  close(): void
}

function openOutput(path: string | undefined): Output {
  if (path === undefined && process.stdout.isTTY) {
    throw new Failure(
      EXIT.usage,
      'a capture is nothing to read. Type: ioth cap -w FILE, or: ioth cap | wireshark -k -i -, or: ioth cap | tshark -r -',
    )
  }
  return path === undefined || path === '-' ? new StandardOutput() : new FileOutput(path)
}

class FileOutput implements Output {
  failure: Failure | null = null
  private readonly path: string
  private descriptor: number
  private length = 0

  constructor(path: string) {
    this.path = path
    try {
      this.descriptor = openSync(path, 'w')
    } catch (error) {
      throw new Failure(
        EXIT.cannotCreate,
        `${path} cannot be written: ${reason(error)}. Choose another: ioth cap -w FILE`,
      )
    }
  }

  write(pieces: readonly Buffer[]): boolean {
    try {
      this.length = appendWhole(this.descriptor, this.length, pieces)
      return true
    } catch (error) {
      this.failure = new Failure(
        EXIT.cannotCreate,
        `the capture into ${this.path} ends here: ${reason(error)}. What is there so far can be read; choose another place: ioth cap -w FILE`,
      )
      return false
    }
  }

  onGone(): void {}

  close(): void {
    if (this.descriptor >= 0) closeSync(this.descriptor)
    this.descriptor = -1
  }
}

class StandardOutput implements Output {
  readonly failure = null
  private gone: () => void = () => {}

  constructor() {
    process.stdout.removeAllListeners('error').on('error', () => this.gone())
  }

  write(pieces: readonly Buffer[]): boolean {
    process.stdout.write(Buffer.concat(pieces))
    return process.stdout.writableLength < MOST_WAITING
  }

  onGone(gone: () => void): void {
    this.gone = gone
  }

  close(): void {}
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  ENOSPC: 'no space is left there',
  ENOENT: 'there is no such directory',
  EISDIR: 'it is a directory',
  EROFS: 'nothing can be written there',
}

function reason(error: unknown): string {
  const { code = '' } = error as NodeJS.ErrnoException
  return REASONS[code] ?? code
}

/** What one program sends and gets; of what is for all, what it sends. */
function wantedBy(
  whom: string,
  ports: readonly PortInfo[],
): (from: { readonly port: number }, frame: Uint8Array) => boolean {
  const own = ports.filter(
    ({ pid, name, addresses }) =>
      String(pid) === whom || name === whom || addresses.some(({ address }) => address === whom),
  )
  if (own.length === 0) {
    throw new Failure(EXIT.unavailable, `nobody on this network is ${whom}. See who is: ioth ps`)
  }
  const numbers = new Set(own.map(({ port }) => port))
  const macs = own.flatMap(({ addresses }) => addresses.map(({ mac }) => Buffer.from(parseMac(mac))))
  return ({ port }, frame) => {
    if (numbers.has(port)) return true
    const destination = frame.subarray(0, 6)
    return ((destination[0] as number) & 1) !== 0 || macs.some((mac) => mac.equals(destination))
  }
}
