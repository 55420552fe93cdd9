/**
 * What members and hub say to each other at the desk: one JSON object a line, a question and its answer in turn. The desk is a Unix socket
 * that a member asks without its event loop, so that `bind` and `listen` have their answer when they return.
 *
 * @module
 */
import type { BindFlags, StackConfig, Transport } from '@ioth/core'
import type { NodeNetwork } from './node-network.ts'

/** What the names of hubs' directories begin with. */
export const FOLDER_PREFIX = 'ioth-node-'
/** Sockets and files in a hub's directory. */
export const FRAMES_SOCKET = 'frames'
export const DESK_SOCKET = 'desk'
/** How the hub is to be set up: written by who starts it. */
export const SETUP_FILE = 'setup.json'
/** What became of the start: written by the hub. */
export const REPORT_FILE = 'report.json'

/** Longest line at the desk. */
export const MAX_LINE = 1_048_576

/** A port that a member holds, as it is told to the hub. */
export interface PortClaim extends BindFlags {
  readonly transport: Transport
  readonly address: string
  readonly port: number
}

/** A port that was held before the member joined. */
export interface HeldPort extends PortClaim {
  readonly isListening: boolean
}

/** A connection that was there before the member joined. */
export interface HeldConnection {
  readonly local: string
  readonly localPort: number
  readonly remote: string
  readonly remotePort: number
}

/** The octet that a connection's owner sends next, the one it expects, and whether that is beyond all: the other side's end has come. */
export interface ConnectionNumbers {
  readonly sndNxt: number
  readonly rcvNxt: number
  readonly hasEnded: boolean
}

export type Question =
  | {
      readonly op: 'join'
      readonly pid: number
      readonly name: string
      readonly ports: readonly HeldPort[]
      readonly connections: readonly HeldConnection[]
    }
  | ({ readonly op: 'bind' } & PortClaim)
  /** Another member is to hold a port, too: what it asks for by `share`, once. Until then the port stays held. */
  | { readonly op: 'offer'; readonly id: number }
  | { readonly op: 'share'; readonly id: number }
  | { readonly op: 'listen'; readonly id: number }
  | { readonly op: 'release'; readonly id: number }
  | { readonly op: 'lend' }
  /** A connection leaves its member; what comes for it meanwhile waits. */
  | ({ readonly op: 'move-out' } & HeldConnection)
  /** It has left: where it stands, and whether the other side announced its end. */
  | ({ readonly op: 'moved' } & HeldConnection & ConnectionNumbers)
  /** It stays: it is not established, or has announced its end. */
  | ({ readonly op: 'move-back' } & HeldConnection)
  /** Another member goes on with it. */
  | ({ readonly op: 'move-in' } & HeldConnection)

/** What a member needs to be one. */
export interface Membership {
  /** Its number: the name of its port for frames. */
  readonly member: number
  /** Of the ports that it held before, in their order. */
  readonly ids: readonly number[]
  readonly config: StackConfig
  /** What changes with time; told again when it has, by the link. */
  readonly network: NodeNetwork
  readonly mtu: number
}

/** An answer: members depend on the question. */
export interface Answer {
  readonly code?: string
  readonly message?: string
  readonly id?: number
  readonly port?: number
  readonly first?: number
  readonly count?: number
  readonly transport?: Transport
  readonly address?: string
  readonly membership?: Membership
}

const MEMBER = /^member ([1-9]\d{0,8})$/

/** The name under which a member opens its port for frames. */
export function memberName(member: number): string {
  return `member ${member}`
}

/** The member that a plug's name stands for; null: it is none. */
export function memberOf(name: string): number | null {
  const found = MEMBER.exec(name)
  return found === null ? null : Number(found[1])
}
