/**
 * An engine with nothing in it yet: what it does not have is refused, its links are attached and closed. A backend extends it by what it can
 * do; outcomes are told by `soon()`, from the next job.
 *
 * @module
 */
import { parseCidr } from '../address/cidr.ts'
import type { IpAddress } from '../address/ip-address.ts'
import { randomMac } from '../address/mac.ts'
import { NO_OFFLOAD } from '../contract/frame.ts'
import type { Link, LinkSink } from '../contract/link.ts'
import type { Interface, InterfaceOptions, Neighbor, PingOptions, PingReply, Route, Table } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'
import type {
  Ends,
  Engine,
  EngineInterface,
  EngineOptions,
  ListenerUser,
  ListenLine,
  TcpLine,
  UdpLine,
  UdpUser,
} from './engine.ts'
import { Later } from './later.ts'
import type { ShellStack } from './shell-stack.ts'

export abstract class BareEngine extends Later implements Engine {
  readonly carriesLoopback: boolean = false
  readonly canHalfClose: boolean = true
  readonly tcpOptions: EngineOptions = {}
  readonly udpOptions: EngineOptions = {}
  readonly neighbors: Table<Neighbor> = {
    list: () => [],
    add: () => this.refuse('neighbour'),
    remove: () => this.refuse('neighbour'),
  }
  protected readonly shell: ShellStack
  private readonly links = new Map<number, Link>()

  constructor(shell: ShellStack) {
    super(shell.scheduler)
    this.shell = shell
  }

  abstract connect(ends: Ends, options: EngineOptions): TcpLine
  abstract listen(
    user: ListenerUser,
    local: IpAddress,
    port: number,
    isDual: boolean,
    options: EngineOptions,
  ): ListenLine

  /** What hears a link of the stack. @default frames are taken, and nothing is done with them */
  protected receiver(_link: Link): LinkSink {
    return { accepts: NO_OFFLOAD, frames() {}, writable() {}, changed() {} }
  }

  /** @throws NetError ERR_IOTH_NOT_IMPLEMENTED, always. */
  protected refuse(what: string): never {
    const message = `the stack "${this.shell.backend}" does not implement ${what}`
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', what, { message })
  }

  /** @throws NetError EINVAL for a locator. */
  protected linkOf({ link }: InterfaceOptions): Link {
    if (!('vnl' in link)) return link
    const message = `the stack "${this.shell.backend}" takes a link, not the locator ${link.vnl}`
    throw new NetError('EINVAL', 'interface', { message })
  }

  async addInterface(options: InterfaceOptions, index: number, _name: string): Promise<EngineInterface> {
    const { mac = randomMac(this.scheduler.random), addresses = [], dhcp, slaac } = options
    const link = this.linkOf(options)
    if (dhcp === true) this.refuse('DHCP')
    if (slaac === true) this.refuse('SLAAC')
    const cidrs = addresses.map((text) => parseCidr(text))
    this.links.set(index, link)
    link.attach(this.receiver(link))
    return { mac, mtu: link.mtu, addresses: cidrs }
  }

  async removeInterface({ index }: Interface): Promise<void> {
    const link = this.links.get(index)
    this.links.delete(index)
    await link?.close()
  }

  async addAddress(_on: Interface, _address: IpAddress, _prefixLength: number): Promise<void> {}

  removeAddress(_on: Interface, _address: IpAddress): void {}

  addRoute(_route: Readonly<Route>): void {
    this.refuse('routes')
  }

  removeRoute(_route: Readonly<Route>): void {
    this.refuse('routes')
  }

  openUdp(_user: UdpUser, _local: IpAddress, _port: number, _isDual: boolean, _options: EngineOptions): UdpLine {
    return this.refuse('UDP')
  }

  async ping(_to: IpAddress, _options: PingOptions): Promise<PingReply> {
    return this.refuse('ping')
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  flush(): boolean {
    return true
  }

  async close(): Promise<void> {
    const links = [...this.links.values()]
    this.links.clear()
    await Promise.all(links.map((link) => link.close()))
  }
}
