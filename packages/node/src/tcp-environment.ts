/**
 * What the interception offers to each handle that belongs to a stack.
 *
 * @module
 */
import type { AsyncResource } from 'node:async_hooks'
import type { IpAddress, Stack, TcpSocket } from '@ioth/core'
import type { Natives, NativeTcp } from './native.ts'
import type { Traffic } from './report/traffic.ts'
import type { VirtualTcp } from './virtual-tcp.ts'

/** Why somebody was not reached. */
export type Failure = 'no route' | 'refused'

/** What a handle of either kind is offered. */
export interface HandleEnvironment<Handle> {
  /** The native `close`, which calls back in libuv's closing phase. */
  closeNative(handle: Handle, done: (() => void) | undefined): void
  /** There is no route to this address, or nobody listens on it. */
  failed(stack: Stack, address: IpAddress, port: number, why: Failure): void
  /** What is recorded for a report; null: nothing. */
  readonly traffic: Traffic | null
  /** Runs what `process.nextTick` and promises have queued. */
  drain(): void
}

export interface TcpEnvironment extends HandleEnvironment<NativeTcp> {
  readonly natives: Natives
  /** Makes the native handle of an accepted connection, and joins it to its stack's side. */
  accept(stack: Stack, connection: TcpSocket, listener: AsyncResource): VirtualTcp
  /** A failure that has no number in Node: it goes to the owner of the handle as it is. */
  destroyOwner(handle: NativeTcp, error: unknown): boolean
}
