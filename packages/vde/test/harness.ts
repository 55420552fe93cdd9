/**
 * What the tests of this package share: directories, programs in processes of their own, a taker of frames, and frames.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  CHECKSUM_MISSING,
  createBatch,
  defaultPool,
  type FrameBatch,
  frameLength,
  type Link,
  type LinkSink,
  type LinkState,
  type NetError,
  NO_OFFLOAD,
  type Offload,
  parseMac,
  pushFrame,
  readFrame,
  SEGMENT_ME,
} from '@ioth/core'
import { afterEach, expect } from 'vitest'

const pool = defaultPool()
const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Runs when the test is over, last come first. */
export function afterTest(cleanup: () => unknown): void {
  cleanups.push(cleanup)
}

/** A directory that is gone when the test is over. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ioth-vde-'))
  afterTest(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Lets the event loop go round until something is true. The test's time limit bounds it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve))
}

/** A program of `test/programs`, run from `dist`. */
export class Program {
  readonly child: ChildProcess
  readonly lines: string[] = []
  readonly ended: Promise<number | string>
  private readonly waiting: (() => void)[] = []

  constructor(name: string, args: readonly string[], options: { env?: NodeJS.ProcessEnv; uid?: number } = {}) {
    const dist = join(import.meta.dirname, '../dist/index.js')
    if (!existsSync(dist)) throw new Error('packages/vde/dist is missing: npm run build')
    const script = join(import.meta.dirname, 'programs', `${name}.mjs`)
    this.child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'], ...options })
    createInterface(this.child.stdout as NodeJS.ReadableStream).on('line', (line) => {
      this.lines.push(line)
      for (const wake of this.waiting.splice(0)) wake()
    })
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        for (const wake of this.waiting.splice(0)) wake()
        resolve(code ?? signal ?? 'gone')
      })
    })
    afterTest(async () => {
      this.child.kill('SIGKILL')
      await this.ended
    })
  }

  /** Waits for a line with this text. */
  async line(text: string): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => line.includes(text))
      if (found !== undefined) return found
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`the program ended without "${text}": ${this.lines.join(' | ')}`)
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
  }

  say(line: string): void {
    this.child.stdin?.write(`${line}\n`)
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }
}

/** A taker that keeps what arrives. */
export class Taker implements LinkSink {
  readonly accepts: Offload
  readonly link: Link
  readonly received: { bytes: Uint8Array; flags: number; segmentSize: number; transportAt: number }[] = []
  readonly states: LinkState[] = []
  readonly reasons: (NetError | undefined)[] = []
  writables = 0

  constructor(link: Link, accepts: Offload = NO_OFFLOAD) {
    this.link = link
    this.accepts = accepts
    link.attach(this)
    afterTest(() => link.close())
  }

  frames(batch: FrameBatch): void {
    for (let index = 0; index < batch.count; index++) {
      const bytes = new Uint8Array(frameLength(batch, index))
      readFrame(batch, index, bytes)
      this.received.push({
        bytes,
        flags: batch.flags[index] as number,
        segmentSize: batch.segmentSize[index] as number,
        transportAt: batch.transportAt[index] as number,
      })
    }
  }

  writable(): void {
    this.writables++
  }

  changed(state: LinkState, reason?: NetError): void {
    this.states.push(state)
    this.reasons.push(reason)
  }

  /** Waits for so many frames and takes them out. */
  async take(count: number): Promise<Uint8Array[]> {
    await until(() => this.received.length >= count)
    return this.received.splice(0, count).map(({ bytes }) => bytes)
  }
}

export const BROADCAST = 'ff:ff:ff:ff:ff:ff'

/** A MAC address for a small number. */
export function mac(number: number): string {
  return `02:00:00:00:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`
}

/** An Ethernet frame of an experimental type (IEEE 802 88b5) with text in it. */
export function frame(to: string, from: string, text: string, length = 60): Uint8Array {
  const bytes = new Uint8Array(Math.max(length, 14 + text.length))
  bytes.set(parseMac(to))
  bytes.set(parseMac(from), 6)
  bytes.set([0x88, 0xb5], 12)
  bytes.set(Buffer.from(text), 14)
  return bytes
}

/** The text of a {@link frame}. */
export function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? [])
    .subarray(14)
    .toString()
    .replace(/\0+$/, '')
}

/** An ARP announcement (RFC 5227 2.3). */
export function announcement(from: string, address: readonly number[]): Uint8Array {
  const bytes = frame(BROADCAST, from, '')
  bytes.set([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, ...parseMac(from), ...address, 0, 0, 0, 0, 0, 0, ...address], 12)
  return bytes
}

/** A TCP super-segment over IPv4 whose checksum is missing, with `payload` octets, and with no-operation options. */
export function superSegment(to: string, from: string, payload: number, options = 0): Uint8Array {
  const bytes = frame(to, from, '', 54 + options + payload)
  const view = new DataView(bytes.buffer)
  bytes.set([0x08, 0x00, 0x45, 0], 12)
  view.setUint16(16, 40 + options + payload)
  bytes.set([0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 18)
  bytes.set([0x1f, 0x90, 0x00, 0x50, 0, 0, 0, 1, 0, 0, 0, 1, (5 + options / 4) << 4, 0x18, 0xff, 0xff, 0, 0, 0, 0], 34)
  bytes.fill(1, 54, 54 + options)
  for (let i = 54 + options; i < bytes.length; i++) bytes[i] = (i * 31) & 255
  return bytes
}

export const SUPER = CHECKSUM_MISSING | SEGMENT_ME

/** Sends frames on a link and tells how many it took. */
export function send(link: Link, frames: readonly Uint8Array[], flags = 0, segmentSize = 0, transportAt = 0): number {
  const batch = createBatch(pool, frames.length)
  for (const bytes of frames) {
    const at = pool.take(bytes.length)
    expect(at).not.toBe(-1)
    pool.bytes.set(bytes, at)
    pushFrame(batch, at, bytes.length, 0, 0, flags, segmentSize, transportAt)
  }
  const taken = link.send(batch)
  for (let index = taken; index < batch.count; index++) pool.release(batch.head[index] as number)
  return taken
}

/** A connection made by hand. */
export class RawClient {
  readonly socket: Socket
  text = ''
  readonly closed: Promise<void>

  constructor(dir: string, first = '') {
    this.socket = connect(join(dir, 'stream'))
    this.socket.setEncoding('latin1')
    this.socket.on('data', (text: string) => {
      this.text += text
    })
    this.socket.on('error', () => {})
    this.closed = new Promise((resolve) => this.socket.on('close', () => resolve()))
    if (first !== '') this.socket.write(first)
    afterTest(() => this.socket.destroy())
  }

  /** The first line that came. */
  async line(): Promise<string> {
    await until(() => this.text.includes('\n') || this.socket.destroyed)
    return this.text.slice(0, this.text.indexOf('\n'))
  }
}

/** A record as it goes over the stream. */
export function record(bytes: Uint8Array, kind = 0): Buffer {
  const header = Buffer.alloc(8)
  header[0] = kind
  header.writeUIntBE(bytes.length, 5, 3)
  return Buffer.concat([header, bytes])
}

export const OPENING = 'ioth-plug 1 {"name":"raw","pid":1,"mtu":1500}\n'
