/**
 * A node that others may share: its hub is started when the first of them is, from a call that must not wait for the event loop. The stack
 * that had the node's addresses to itself becomes the first member.
 *
 * @module
 */
import { join } from 'node:path'
import { type FramePool, type Interface, type MovableLink, NetError, type Stack, type StackConfig } from '@ioth/core'
import { Desk } from './desk.ts'
import { DESK_SOCKET, type HeldConnection, type Membership } from './desk-protocol.ts'
import { MemberLink } from './member-link.ts'
import type { MemberPorts } from './member-ports.ts'
import { NetworkFollower, type NodeNetwork, networkOf } from './node-network.ts'
import type { NodeDescription, NodePlan } from './setup.ts'
import { startHub } from './start-hub.ts'

/** A stack's node, to be shared when need be. */
export class SharedNode {
  private readonly stack: Stack
  private readonly link: MovableLink
  private readonly ports: MemberPorts
  private readonly pool: FramePool
  private readonly options: NodePlan
  private description: NodeDescription | null = null

  constructor(stack: Stack, link: MovableLink, ports: MemberPorts, pool: FramePool, options: NodePlan) {
    this.stack = stack
    this.pool = pool
    this.link = link
    this.ports = ports
    this.options = options
  }

  /** Whether there is a hub. */
  get isShared(): boolean {
    return this.description !== null
  }

  /**
   * How other processes join. The first call starts the hub, and moves the stack behind it.
   * @throws NetError
   */
  describe(): NodeDescription {
    this.description ??= this.share()
    return this.description
  }

  private share(): NodeDescription {
    const { link, ports, stack } = this
    if (link.type !== 'ethernet' || link.name.startsWith('hub://')) {
      const reason = link.type === 'ethernet' ? 'exists in one thread only' : 'carries IP packets, and no Ethernet'
      throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'share', {
        message: `its network ${link.name} ${reason}`,
      })
    }
    const hub = startHub({ ...this.options, config: this.configNow() }, true)
    // From here on nobody has the addresses, for the few milliseconds until the hub has them. It learns from servers and routers from now on.
    for (const plug of stack.interfaces) plug.leaveConfiguration?.()
    link.flush()
    link.leave()
    hub.begin()
    const { description } = hub
    const desk = new Desk(join(description.hub, DESK_SOCKET))
    const { membership } = desk.ask({
      op: 'join',
      pid: process.pid,
      name: '',
      ports: ports.held,
      connections: connectionsOf(stack),
    })
    const { member, ids, mtu, network } = membership as Membership
    const follower = new NetworkFollower(stack, networkOf(stack))
    follower.follow(network)
    ports.moveTo(desk, ids)
    const { scheduler } = stack
    const setup = { dir: description.hub, member, mtu, scheduler, pool: this.pool }
    const onNetwork = (next: NodeNetwork): void => follower.follow(next)
    link.move(new MemberLink({ ...setup, onGone: () => desk.close(), onNetwork }))
    return description
  }

  /** The configuration as it has become: with the addresses that were found, and the hardware address that goes with them. */
  private configNow(): StackConfig {
    const { config } = this.options
    const [plug] = this.stack.interfaces as [Interface]
    const isLeased = config.dhcp === true || config.slaac === true
    const addresses = plug.addresses
      .filter(({ address }) => address.family === 4 || !address.isLinkLocal)
      .map(({ address, prefixLength }) => `${address}/${prefixLength}`)
    return { ...config, mac: plug.mac, ...(isLeased ? {} : { addresses }) }
  }
}

/** The connections that segments may come for. */
function connectionsOf(stack: Stack): HeldConnection[] {
  return [...stack.sockets()].flatMap(({ transport, endpoint }) => {
    const { localAddress, localPort, remoteAddress, remotePort } = endpoint
    if (transport !== 'tcp' || localAddress === null || remoteAddress === null) return []
    return [{ local: localAddress.toString(), localPort, remote: remoteAddress.toString(), remotePort }]
  })
}
