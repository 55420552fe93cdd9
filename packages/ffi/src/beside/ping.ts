/**
 * Ping of a stack whose library has none, beside it.
 *
 * @module
 */
import { type Interface, type IpAddress, NetError, type PingOptions, type PingReply } from '@ioth/core'
import type { ShellStack } from '@ioth/core/shell'
import type { Echo, EchoWay } from './echo.ts'
import type { NeighborProbe } from './neighbor-probe.ts'

/** An interface as pings leave it. */
export interface PingDevice {
  readonly echoWay: EchoWay
  readonly neighbors: NeighborProbe
}

/** Pings by the routes and from the addresses of a shell. @throws NetError as `Stack.ping`. */
export async function pingBeside(
  echo: Echo,
  { book }: ShellStack,
  deviceOf: (on: Interface) => PingDevice | undefined,
  to: IpAddress,
  options: PingOptions,
): Promise<PingReply> {
  if (to.isLoopback || book.isOurs(to)) return await echo.ask(to, null, options)
  const route = to.isMulticast ? null : book.routeTo(to)
  const device = route === null ? undefined : deviceOf(route.interface)
  const source = book.sourceFor(to)
  if (route === null || device === undefined || source === null) {
    throw new NetError('ENETUNREACH', 'ping', { address: `${to}` })
  }
  const { echoWay, neighbors } = device
  const resolve = (done: (mac: Uint8Array | null) => void): void => neighbors.resolve(route.via ?? to, done)
  return await echo.ask(to, { ...echoWay, source, resolve }, options)
}
