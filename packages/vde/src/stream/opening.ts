/**
 * The opening of the stream plug protocol: one line of text from each side before the first record (docs/stream-plug.md).
 * A line can be read by people, and refuses in words.
 *
 * @module
 */
import type { Offload } from '@ioth/core'
import { FULL_OFFLOAD, NO_OFFLOAD } from '@ioth/core'

/** The one version spoken here. */
const VERSION = 1
/** Longest opening line, its line feed included. */
export const MAX_OPENING = 1_024
/** Longest name of a plug, in characters. */
export const MAX_NAME = 64

const PLUG_MAGIC = 'ioth-plug'
const SWITCH_MAGIC = 'ioth-switch'
const REFUSED_MAGIC = 'ioth-refused'

/** What a plug says of itself. */
export interface PlugOpening {
  /** For people: a program's name. */
  readonly name: string
  readonly pid: number
  /** Largest IP packet the plug takes. */
  readonly mtu: number
  /** What the plug takes on arriving frames. */
  readonly accepts: Offload
  /** False: only control messages; the connection is no port of the switch. */
  readonly frames: boolean
  /** The port that is wanted, or null: any. */
  readonly port?: number | null
  /** Any other will do as well. */
  readonly prefer?: boolean
}

/** What a switch says of itself. */
export interface SwitchOpening {
  readonly pid: number
  /** The plug's port number; 0 for one without frames. */
  readonly port: number
  /** Largest IP packet the switch carries. */
  readonly mtu: number
  /** What the switch takes from the plug; it finishes frames for those who do not take them. */
  readonly accepts: Offload
}

/** The other side said something that is no opening, or refused. The text is for people. */
export interface Refusal {
  readonly refusal: string
  /** Whether it speaks the protocol at all. */
  readonly known: boolean
}

export function plugOpening(opening: PlugOpening): string {
  return `${PLUG_MAGIC} ${VERSION} ${JSON.stringify(opening)}\n`
}

export function switchOpening(opening: SwitchOpening): string {
  return `${SWITCH_MAGIC} ${VERSION} ${JSON.stringify(opening)}\n`
}

export function refusalLine(reason: string): string {
  return `${REFUSED_MAGIC} ${printable(reason, 400)}\n`
}

/** Whether these octets can still become a plug's opening line: lets garbage be refused before its line feed comes. */
export function mayOpenPlug(octets: Uint8Array, from: number, to: number): boolean {
  const prefix = `${PLUG_MAGIC} `
  const length = Math.min(prefix.length, to - from)
  for (let i = 0; i < length; i++) if (octets[from + i] !== prefix.charCodeAt(i)) return false
  return true
}

/** Reads a plug's opening line, without its line feed. */
export function parsePlugOpening(line: string): PlugOpening | Refusal {
  const parts = split(line, PLUG_MAGIC)
  if (parts === null) return { refusal: 'this is an ioth switch, and that was not the opening of a plug', known: false }
  if (parts.version !== String(VERSION)) {
    return {
      refusal: `this switch speaks version ${VERSION} of the stream plug protocol, the plug asked for version ${printable(parts.version, 20)}`,
      known: true,
    }
  }
  const said = parseObject(parts.rest)
  if (said === null) return { refusal: 'the opening holds no JSON object', known: true }
  const name = typeof said.name === 'string' ? printable(said.name, MAX_NAME) : ''
  const pid = integer(said.pid, 0, 0x7fffffff) ?? 0
  const frames = said.frames !== false
  const mtu = integer(said.mtu, 68, 65_535)
  if (mtu === null && frames) return { refusal: 'the opening names no MTU between 68 and 65535', known: true }
  const port = integer(said.port, 1, 65_535)
  const prefer = said.prefer === true
  return { name, pid, mtu: mtu ?? 0, accepts: parseOffload(said.accepts), frames, port, prefer }
}

/** Reads a switch's opening line, without its line feed. */
export function parseSwitchOpening(line: string): SwitchOpening | Refusal {
  if (line.startsWith(`${REFUSED_MAGIC} `)) {
    return { refusal: printable(line.slice(REFUSED_MAGIC.length + 1), 400), known: true }
  }
  const parts = split(line, SWITCH_MAGIC)
  if (parts === null) {
    return { refusal: `it does not speak the stream plug protocol (it said "${printable(line, 60)}")`, known: false }
  }
  if (parts.version !== String(VERSION)) {
    return {
      refusal: `the switch speaks version ${printable(parts.version, 20)} of the stream plug protocol, this plug version ${VERSION}`,
      known: true,
    }
  }
  const said = parseObject(parts.rest)
  const mtu = integer(said?.mtu, 68, 65_535)
  if (said === null || mtu === null) return { refusal: 'the opening of the switch is not complete', known: true }
  return {
    pid: integer(said.pid, 0, 0x7fffffff) ?? 0,
    port: integer(said.port, 0, 0x7fffffff) ?? 0,
    mtu,
    accepts: parseOffload(said.accepts),
  }
}

export function isRefusal(opening: PlugOpening | SwitchOpening | Refusal): opening is Refusal {
  return 'refusal' in opening
}

/** An offload as the other side wrote it; whatever is not understood is not taken. */
export function parseOffload(said: unknown): Offload {
  if (typeof said !== 'object' || said === null) return NO_OFFLOAD
  const { checksum, segment, maxSegment } = said as Record<string, unknown>
  const most = segment === true ? (integer(maxSegment, 1, 65_535) ?? 0) : 0
  return Object.freeze({
    checksum: checksum === true,
    segment: most > 0,
    maxSegment: Math.min(most, FULL_OFFLOAD.maxSegment),
  })
}

/** Text of the other side made fit for a terminal: no control characters, no longer than asked. */
export function printable(text: string, most: number): string {
  const clean = text.replace(/[^\x20-\x7e\u00a0-\ud7ff\ue000-\uffff]/g, '?')
  return clean.length <= most ? clean : `${clean.slice(0, most - 1)}…`
}

/** A whole number within bounds, or null. */
export function integer(value: unknown, least: number, most: number): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? value : null
}

function split(line: string, magic: string): { version: string; rest: string } | null {
  if (!line.startsWith(`${magic} `)) return null
  const end = line.indexOf(' ', magic.length + 1)
  if (end < 0) return { version: line.slice(magic.length + 1), rest: '' }
  return { version: line.slice(magic.length + 1, end), rest: line.slice(end + 1) }
}

export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
