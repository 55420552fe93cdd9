/**
 * The backend's own settings, checked: unknown names are refused by name.
 *
 * @module
 */
import { type Limits, NetError, type StackOptions } from '@ioth/core'
import { REASSEMBLY_LIMITS, type ReassemblyLimits } from './ip/reassembly.ts'
import type { ProbeMode } from './neighbor/dad.ts'
import type { IdentifierKind } from './neighbor/interface-identifier.ts'
import { cubic } from './tcp/congestion/cubic.ts'
import { reno } from './tcp/congestion/reno.ts'
import type { TcpOptions, TcpSettings } from './tcp/settings.ts'

/** `StackOptions.settings` of the backend `ts`. */
export interface TsSettings {
  /** Largest IP packet, when less than the link's. */
  readonly mtu?: number
  /** How an address is checked before use, on networks without a register. @default 'fast' */
  readonly probe?: ProbeMode
  /** How long a stack that is made with `dhcp` waits for its first lease, in milliseconds. @default 30000 */
  readonly dhcpWaitMs?: number
  /** Accepts packets to every unicast address, not only to ours: what a gateway is made of. @default false */
  readonly anyAddress?: boolean
  readonly reassembly?: Partial<ReassemblyLimits>
  readonly ipv6?: Ipv6Options
  readonly tcp?: TcpOptions
}

export interface Ipv6Options {
  /**
   * How addresses are formed: `stable` ones tell nothing of the hardware and are the same whenever a stack with the same secret joins the
   * same network (RFC 7217); `eui64` ones show the hardware address. @default 'stable'
   */
  readonly identifiers?: IdentifierKind
  /** 32 hexadecimal digits, for addresses that outlive the stack. @default a random one for each stack */
  readonly secret?: string
  /** Whether the first router's word for a better first hop is taken (RFC 4861 8). @default false */
  readonly redirects?: boolean
}

export interface Settings {
  readonly mtu: number | null
  readonly probe: ProbeMode
  readonly dhcpWaitMs: number
  readonly anyAddress: boolean
  readonly reassembly: ReassemblyLimits
  readonly ipv6: {
    readonly identifiers: IdentifierKind
    readonly secret: Uint8Array | null
    readonly redirects: boolean
  }
  readonly tcp: TcpSettings
}

export const LIMITS: Limits = Object.freeze({
  sockets: 65536,
  sendBuffer: 512 * 1024,
  receiveBuffer: 512 * 1024,
  maxDatagram: 65507,
  backlog: 4096,
  closedHoldMs: 10_000,
})

const SMALLEST_MTU = 68
const LARGEST_MTU = 65535

/** @throws NetError EINVAL */
export function readSettings(given: StackOptions['settings'], limits: Limits): Settings {
  const top = known('settings', given ?? {}, ['mtu', 'probe', 'dhcpWaitMs', 'anyAddress', 'reassembly', 'ipv6', 'tcp'])
  const reassembly = known(
    'settings.reassembly',
    (top.reassembly ?? {}) as Record<string, unknown>,
    Object.keys(REASSEMBLY_LIMITS),
  )
  const ipv6 = known('settings.ipv6', (top.ipv6 ?? {}) as Record<string, unknown>, [
    'identifiers',
    'secret',
    'redirects',
  ])
  const tcp = known('settings.tcp', (top.tcp ?? {}) as Record<string, unknown>, [
    'minRtoMs',
    'synRetries',
    'timeWaitMs',
    'congestion',
    'timestamps',
    'windowScale',
    'sack',
    'retries',
    'keepAliveIntervalMs',
    'keepAliveProbes',
    'finWait2Ms',
    'receiveMemory',
    'sendMemory',
  ])
  return {
    mtu: top.mtu === undefined ? null : integer('mtu', top.mtu, 0, SMALLEST_MTU, LARGEST_MTU),
    probe: oneOf('probe', top.probe, ['fast', 'rfc', 'none'], 'fast'),
    dhcpWaitMs: integer('dhcpWaitMs', top.dhcpWaitMs, 30_000, 1, 3_600_000),
    anyAddress: flag('anyAddress', top.anyAddress, false),
    reassembly: {
      // RFC 1122 3.3.2: between 60 and 120 s; RFC 791 3.2 names 15.
      timeoutMs: integer('reassembly.timeoutMs', reassembly.timeoutMs, REASSEMBLY_LIMITS.timeoutMs, 15_000, 120_000),
      datagrams: integer('reassembly.datagrams', reassembly.datagrams, REASSEMBLY_LIMITS.datagrams, 1, 65_536),
      octets: integer('reassembly.octets', reassembly.octets, REASSEMBLY_LIMITS.octets, 0x20000, 0x3fffffff),
    },
    ipv6: {
      identifiers: oneOf('ipv6.identifiers', ipv6.identifiers, ['stable', 'eui64'], 'stable'),
      secret: secret('ipv6.secret', ipv6.secret),
      redirects: flag('ipv6.redirects', ipv6.redirects, false),
    },
    tcp: {
      minRtoMs: integer('tcp.minRtoMs', tcp.minRtoMs, 200, 1, 120_000),
      initialRtoMs: 1000,
      synRetries: integer('tcp.synRetries', tcp.synRetries, 6, 0, 255),
      synAckRetries: 5,
      retries: integer('tcp.retries', tcp.retries, 15, 1, 255),
      orphanRetries: 8,
      timeWaitMs: integer('tcp.timeWaitMs', tcp.timeWaitMs, 60_000, 0, 3_600_000),
      finWait2Ms: integer('tcp.finWait2Ms', tcp.finWait2Ms, 60_000, 0, 3_600_000),
      keepAliveIntervalMs: integer('tcp.keepAliveIntervalMs', tcp.keepAliveIntervalMs, 75_000, 1, 0x3fffffff),
      keepAliveProbes: integer('tcp.keepAliveProbes', tcp.keepAliveProbes, 9, 1, 255),
      timestamps: flag('tcp.timestamps', tcp.timestamps, true),
      windowScale: flag('tcp.windowScale', tcp.windowScale, true),
      sack: flag('tcp.sack', tcp.sack, true),
      congestion: { cubic, newreno: reno }[oneOf('tcp.congestion', tcp.congestion, ['cubic', 'newreno'], 'cubic')],
      closedHoldMs: limits.closedHoldMs,
      largestWindow: limits.receiveBuffer,
      connections: limits.sockets,
      receiveMemory: integer('tcp.receiveMemory', tcp.receiveMemory, 32 * 1024 * 1024, 0, 0x7fffffff),
      sendMemory: integer('tcp.sendMemory', tcp.sendMemory, 64 * 1024 * 1024, 0, 0x7fffffff),
    },
  }
}

/** @throws NetError EINVAL */
export function readLimits(given: Partial<Limits> | undefined): Limits {
  const limits = known('limits', (given ?? {}) as Record<string, unknown>, Object.keys(LIMITS))
  for (const [name, value] of Object.entries(limits)) integer(`limits.${name}`, value, 0, 0, 0x3fffffff)
  return Object.freeze({ ...LIMITS, ...limits }) as Limits
}

function known(where: string, given: Readonly<Record<string, unknown>>, names: string[]): Record<string, unknown> {
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) throw invalid(`${where} of the stack "ts" has no "${name}"; it has ${names.join(', ')}`)
  }
  return given
}

function integer(name: string, value: unknown, byDefault: number, least: number, most: number): number {
  if (value === undefined) return byDefault
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw invalid(`${name} is a whole number from ${least} to ${most}, not ${String(value)}`)
}

function flag(name: string, value: unknown, byDefault: boolean): boolean {
  if (value === undefined) return byDefault
  if (typeof value === 'boolean') return value
  throw invalid(`${name} is true or false, not ${String(value)}`)
}

function secret(name: string, value: unknown): Uint8Array | null {
  if (value === undefined) return null
  if (typeof value !== 'string' || !/^[0-9a-f]{32}$/i.test(value)) {
    throw invalid(`${name} is 32 hexadecimal digits, not ${String(value)}`)
  }
  return Uint8Array.from({ length: 16 }, (_, index) => Number.parseInt(value.slice(index * 2, index * 2 + 2), 16))
}

function oneOf<Word extends string>(name: string, value: unknown, words: readonly Word[], byDefault: Word): Word {
  if (value === undefined) return byDefault
  if (words.includes(value as Word)) return value as Word
  throw invalid(`${name} is one of ${words.join(', ')}, not ${String(value)}`)
}

function invalid(message: string): NetError {
  return new NetError('EINVAL', 'createStack', { message })
}
