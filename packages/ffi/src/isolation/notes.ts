/**
 * What program and helper tell each other about sockets, without an answer. Sockets are numbered by the program; those a listener accepts, by
 * the helper, with negative numbers.
 *
 * @module
 */
import type { ErrorCode, OptionName, PingReply, StackEvent } from '@ioth/core'

export interface WireEnds {
  readonly local: string
  readonly localPort: number
  readonly remote: string
  readonly remotePort: number
}

export type WireOptions = Readonly<Partial<Record<OptionName, number>>>

/** From the program. `room`: octets that may be sent to it. */
export type ProgramNote =
  | { readonly note: 'connect'; readonly socket: number; readonly ends: WireEnds; readonly options: WireOptions }
  | {
      readonly note: 'listen'
      readonly socket: number
      readonly local: string
      readonly port: number
      readonly isDual: boolean
      readonly backlog: number
      readonly options: WireOptions
    }
  | {
      readonly note: 'udp'
      readonly socket: number
      readonly local: string
      readonly port: number
      readonly isDual: boolean
      readonly options: WireOptions
    }
  | { readonly note: 'accept' | 'end' | 'finish' | 'reset' | 'close'; readonly socket: number }
  | { readonly note: 'fix'; readonly socket: number; readonly remote: string | null; readonly port: number }
  | {
      readonly note: 'join' | 'leave'
      readonly socket: number
      readonly group: string
      readonly on: string | null
      readonly source: string | null
    }
  | { readonly note: 'set'; readonly socket: number; readonly name: OptionName; readonly value: number }
  | { readonly note: 'flush' }
  | { readonly note: 'route'; readonly add: boolean; readonly route: WireRoute }
  | { readonly note: 'unaddress'; readonly on: string; readonly address: string }

export type WirePingReply = Omit<PingReply, 'from'> & { readonly from: string }

export interface WireRoute {
  readonly destination: string
  readonly prefixLength: number
  readonly via: string | null
  readonly on: string
  readonly metric: number
}

/** From the helper. */
export type HelperNote =
  /** `end-acknowledged`: the peer has what was sent, and its end. */
  | { readonly note: 'connected' | 'ended' | 'end-acknowledged' | 'gone' | 'writable'; readonly socket: number }
  | { readonly note: 'failed'; readonly socket: number; readonly code: ErrorCode }
  | { readonly note: 'accepted'; readonly listener: number; readonly socket: number; readonly ends: WireEnds }
  /** With the closed sockets whose octets are not acknowledged yet. */
  | { readonly note: 'flushed'; readonly lingering: number }
  | { readonly note: 'counters'; readonly counters: Readonly<Record<string, number>> }
  | {
      readonly note: 'event'
      readonly kind: StackEvent['kind']
      readonly on: string
      readonly address: string
      readonly prefixLength: number
      readonly mac: string | null
    }
