/**
 * What the interception offers to each datagram handle that belongs to a stack.
 *
 * @module
 */
import type { IpAddress, Stack } from '@ioth/core'
import type { Natives, NativeUdp } from './native.ts'
import type { HandleEnvironment } from './tcp-environment.ts'

export interface UdpEnvironment extends HandleEnvironment<NativeUdp> {
  readonly natives: Natives
  /** Whether any destination is the host's by a rule. */
  readonly hasRules: boolean
  /** By which rule a destination of a stack's is the host's; null: it is not. */
  hostRule(stack: Stack, address: IpAddress, port: number): string | null
}
