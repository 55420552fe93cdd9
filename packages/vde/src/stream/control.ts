/**
 * Control messages of the stream plug protocol: JSON objects with a `type` (docs/stream-plug.md). Codecs only.
 * Messages are rare and small; a member that is not known is ignored, so that both sides may grow.
 *
 * @module
 */
import type { IpAddress, Offload } from '@ioth/core'
import { MOST_LISTENING, tryParseIpAddress } from '@ioth/core'
import { integer, parseObject, parseOffload, printable } from './opening.ts'

/** An address on the network and who has it. */
export interface AddressInfo {
  readonly address: string
  readonly mac: string
  /** True: claimed by its plug. False: seen in ARP or neighbor discovery. */
  readonly claimed: boolean
}

/** One port of a switch, as `ioth ps` shows it. */
export interface PortInfo {
  readonly port: number
  readonly name: string
  readonly pid: number
  /** The stack's name; empty: the plug does not say. */
  readonly backend: string
  /** `80/tcp`, `53/udp`: at most 64 of them, the lowest first. Empty also where the plug does not say. */
  readonly listening: readonly string[]
  readonly mtu: number
  readonly addresses: readonly AddressInfo[]
  /** How many MAC addresses the switch learned on it. */
  readonly macs: number
  /** Milliseconds since the plug came. */
  readonly upMs: number
  /** Octets waiting for the plug to read them. */
  readonly queued: number
  readonly counters: Readonly<Record<string, number>>
}

/** Who has an address that was asked for. */
export interface Holder {
  readonly port: number
  readonly name: string
  readonly pid: number
  readonly mac: string
}

export type PlugMessage =
  | {
      readonly type: 'claim'
      readonly id: number
      readonly address: string
      readonly mac: string
      /** Takes it from another plug that has it. */
      readonly force?: true
    }
  | { readonly type: 'unclaim'; readonly address: string }
  | { readonly type: 'accepts'; readonly accepts: Offload }
  | { readonly type: 'ports'; readonly id: number }
  /** Who uses the plug, for people. */
  | { readonly type: 'about'; readonly backend: string; readonly listening: readonly string[] }
  /** All frames that come in from now on. */
  | { readonly type: 'watch'; readonly id: number }

export type SwitchMessage =
  /** `probe`: somebody was seen to use the address lately; the network must be asked. */
  | { readonly type: 'granted'; readonly id: number; readonly probe?: true }
  | { readonly type: 'refused'; readonly id: number; readonly reason: string; readonly holder?: Holder }
  | { readonly type: 'port'; readonly id: number; readonly port: PortInfo }
  | { readonly type: 'end'; readonly id: number }
  /** The frames that follow came in at this port; to those who watch. */
  | { readonly type: 'from'; readonly port: number; readonly name: string; readonly pid: number }
  | { readonly type: 'closing'; readonly reason: string }

/** A message whose type is not known here: answered (by the switch) or passed over (by a plug), never an error. */
export interface UnknownMessage {
  readonly type: 'unknown'
  readonly id: number | null
  readonly name: string
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/

/** Reads what a plug asks. Null: not a message at all. */
export function parsePlugMessage(text: string): PlugMessage | UnknownMessage | null {
  const said = parseObject(text)
  if (said === null || typeof said.type !== 'string') return null
  const id = integer(said.id, 0, 0x7fffffff)
  switch (said.type) {
    case 'claim': {
      const address = parseAddress(said.address)
      if (id === null || address === null || typeof said.mac !== 'string' || !MAC.test(said.mac)) return null
      return {
        type: 'claim',
        id,
        address: address.toString(),
        mac: said.mac,
        ...(said.force === true && { force: true }),
      }
    }
    case 'unclaim': {
      const address = parseAddress(said.address)
      return address === null ? null : { type: 'unclaim', address: address.toString() }
    }
    case 'accepts':
      return { type: 'accepts', accepts: parseOffload(said.accepts) }
    case 'about':
      return { type: 'about', ...parseUser(said) }
    case 'ports':
    case 'watch':
      return id === null ? null : { type: said.type, id }
    default:
      return { type: 'unknown', id, name: printable(said.type, 40) }
  }
}

/** Reads what a switch answers. Null: not a message at all. */
export function parseSwitchMessage(text: string): SwitchMessage | UnknownMessage | null {
  const said = parseObject(text)
  if (said === null || typeof said.type !== 'string') return null
  const id = integer(said.id, 0, 0x7fffffff)
  switch (said.type) {
    case 'granted':
      return id === null ? null : { type: 'granted', id, ...(said.probe === true && { probe: true }) }
    case 'end':
      return id === null ? null : { type: said.type, id }
    case 'refused': {
      if (id === null) return null
      const reason = typeof said.reason === 'string' ? printable(said.reason, 400) : 'refused'
      const holder = parseHolder(said.holder)
      return holder === null ? { type: 'refused', id, reason } : { type: 'refused', id, reason, holder }
    }
    case 'port': {
      const port = parsePortInfo(said.port)
      return id === null || port === null ? null : { type: 'port', id, port }
    }
    case 'from':
      return { type: 'from', port: count(said.port), name: parseName(said.name), pid: count(said.pid) }
    case 'closing':
      return { type: 'closing', reason: typeof said.reason === 'string' ? printable(said.reason, 400) : '' }
    default:
      return { type: 'unknown', id, name: printable(said.type, 40) }
  }
}

/** Of somebody else: what a terminal can take. */
function parseName(said: unknown): string {
  return typeof said === 'string' ? printable(said, 80) : ''
}

function parseAddress(said: unknown): IpAddress | null {
  return typeof said === 'string' && said.length <= 64 ? tryParseIpAddress(said) : null
}

function parseHolder(said: unknown): Holder | null {
  if (typeof said !== 'object' || said === null) return null
  const { port, name, pid, mac } = said as Record<string, unknown>
  return { port: count(port), name: text(name), pid: count(pid), mac: text(mac) }
}

function parsePortInfo(said: unknown): PortInfo | null {
  if (typeof said !== 'object' || said === null) return null
  const port = said as Record<string, unknown>
  const addresses = Array.isArray(port.addresses) ? port.addresses : []
  return {
    port: count(port.port),
    name: text(port.name),
    pid: count(port.pid),
    ...parseUser(port),
    mtu: count(port.mtu),
    addresses: addresses.map((each: unknown) => {
      const { address, mac, claimed } = (each ?? {}) as Record<string, unknown>
      return { address: text(address), mac: text(mac), claimed: claimed === true }
    }),
    macs: count(port.macs),
    upMs: count(port.upMs),
    queued: count(port.queued),
    counters: parseCounters(port.counters),
  }
}

function parseCounters(said: unknown): Readonly<Record<string, number>> {
  if (typeof said !== 'object' || said === null) return {}
  return Object.fromEntries(Object.entries(said).map(([name, value]) => [printable(name, 60), count(value)]))
}

function text(said: unknown): string {
  return typeof said === 'string' ? printable(said, 64) : ''
}

const LISTENING = /^\d{1,5}\/(tcp|udp)$/

function parseUser({ backend, listening }: Record<string, unknown>): Pick<PortInfo, 'backend' | 'listening'> {
  const ports = Array.isArray(listening) ? listening.slice(0, MOST_LISTENING) : []
  return {
    backend: text(backend),
    listening: ports.filter((each): each is string => typeof each === 'string' && LISTENING.test(each)),
  }
}

function count(said: unknown): number {
  return integer(said, 0, Number.MAX_SAFE_INTEGER) ?? 0
}
