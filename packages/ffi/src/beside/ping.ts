/**
 * Pings, and the answers to those of others, beside a library that has none that will do and takes no fragments.
 *
 * @module
 */
import { type Interface, type IpAddress, NetError, type PingOptions, type PingReply } from '@ioth/core'
import type { ShellStack } from '@ioth/core/shell'
import type { Echo, EchoWay } from './echo.ts'
import type { NeighborProbe } from './neighbor-probe.ts'
import { PacketView } from './packet-view.ts'
import { Pieces } from './pieces.ts'

/** The echo of a stack on one of its interfaces. */
export class DeviceEcho {
  readonly way: EchoWay
  private readonly echo: Echo
  private readonly isOurs: (address: IpAddress) => boolean
  private readonly pieces = new Pieces()
  private readonly view = new PacketView()

  constructor(echo: Echo, way: EchoWay, isOurs: (address: IpAddress) => boolean) {
    this.echo = echo
    this.way = way
    this.isOurs = isOurs
  }

  /**
   * Looks at a packet of the link; fragments are those of pings, for the armour lets no other pass (`fragments: 'echo'`).
   * @returns whether the library shall not see it.
   */
  arriving(packet: PacketView): boolean {
    if (!packet.isFragment) return this.echo.arriving(packet, this.way, this.isOurs)
    const { view } = this
    const whole = this.pieces.add(packet)
    if (whole instanceof Uint8Array && view.read(whole, 0, whole.length))
      this.echo.arriving(view, this.way, this.isOurs)
    return true
  }

  /** An error of the network. @returns whether it is about a ping of ours. */
  errorArrives(packet: PacketView): boolean {
    return this.echo.errorArrives(packet, this.view)
  }
}

/** Pings by the routes and from the addresses of a shell. @throws NetError as `Stack.ping`. */
export async function pingBeside(
  echo: Echo,
  { book }: ShellStack,
  deviceOf: (on: Interface) => { readonly echo: DeviceEcho; readonly neighbors: NeighborProbe } | undefined,
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
  const { neighbors } = device
  const resolve = (done: (mac: Uint8Array | null) => void): void => neighbors.resolve(route.via ?? to, done)
  return await echo.ask(to, { ...device.echo.way, source, resolve }, options)
}
