/**
 * A stack for a program that may start others: alone on its plug at first, one of several behind a hub as soon as there is a second.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import {
  defaultPool,
  defaultScheduler,
  type Link,
  MovableLink,
  NetError,
  type Stack,
  type StackConfig,
} from '@ioth/core'
import { createStack, type StackOverrides, searchFolders } from '@ioth/core/registry'
import { giveAddress } from '../default-network/give-address.ts'
import { Desk } from './desk.ts'
import { DESK_SOCKET } from './desk-protocol.ts'
import { MemberPorts } from './member-ports.ts'
import { SocketPassing } from './pass-sockets.ts'
import type { NodeDescription, NodePlan } from './setup.ts'
import { SharedNode } from './share-node.ts'
import { neighbour, startHub } from './start-hub.ts'

/** A stack, and how others come to it. */
export interface CreatedNode {
  readonly stack: Stack
  /**
   * How a process or thread joins that is about to be started: this node, or a new one beside it. Answers at once, and starts a hub for it.
   * @throws NetError ERR_IOTH_NOT_IMPLEMENTED where the node cannot be shared.
   */
  readonly describe: (children: 'share' | 'new' | 'host') => NodeDescription
  /** How sockets go from one process of the node to another. */
  readonly passing: SocketPassing
}

export interface CreateNodeOptions {
  /** Where names of packages are resolved from. */
  readonly from?: readonly string[]
  /** What stands between the stack and its link. */
  readonly wrap?: NonNullable<StackOverrides['wrap']>
  /** Told what happens to the stack by itself. */
  readonly onEvent?: NonNullable<StackOverrides['onEvent']>
}

/** As `createStack`, with a free address where the configuration names none. @throws NetError as `createStack`. */
export async function createNode(given: StackConfig, options: CreateNodeOptions = {}): Promise<CreatedNode> {
  const { from = searchFolders(), wrap, onEvent } = options
  const config = withSecret(given)
  const plan: NodePlan = { config, from, cwd: process.cwd() }
  const ports = new MemberPorts(defaultScheduler().random)
  const held: { link: MovableLink | null } = { link: null }
  const stack = await createStack(config, {
    from,
    ports,
    ...(onEvent !== undefined && { onEvent }),
    wrap: (link: Link, shared) => {
      held.link = new MovableLink(link, shared.scheduler)
      return wrap?.(held.link, shared) ?? held.link
    },
  })
  const { addresses = [], dhcp = false, slaac = false } = config
  if (addresses.length === 0 && !dhcp && !slaac) await giveAddress(stack)
  const shared = held.link === null ? null : new SharedNode(stack, held.link, ports, defaultPool(), plan)
  return {
    stack,
    passing: new SocketPassing(stack, ports),
    describe(children) {
      if (children === 'new') return startHub(besides(stack, plan), false).description
      if (shared !== null) return shared.describe()
      throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'share', {
        message: `a node of the stack "${stack.backend}" is one process; give its children addresses of their own with --children=new`,
      })
    },
  }
}

/**
 * Starts a hub for processes that are yet to come, and keeps it for as long as this process lives.
 * @throws NetError as {@link createNode}.
 */
export function holdHub(config: StackConfig, from: readonly string[]): NodeDescription {
  const { description } = startHub({ config: withSecret(config), from, cwd: process.cwd() }, false)
  const desk = new Desk(join(description.hub, DESK_SOCKET))
  desk.ask({ op: 'join', pid: process.pid, name: '', ports: [], connections: [] })
  return description
}

function besides(stack: Stack, plan: NodePlan): NodePlan {
  const [near] = stack.interfaces[0]?.addresses ?? []
  return { ...neighbour(plan), ...(near === undefined ? {} : { near: near.address.toString() }) }
}

/** All stacks of a node form the same IPv6 addresses by themselves: from the same secret. */
function withSecret(config: StackConfig): StackConfig {
  const { ipv6, ...settings } = (config.settings ?? {}) as { ipv6?: object }
  if ((config.stack ?? 'ts') !== 'ts') return config
  return { ...config, settings: { ...settings, ipv6: { secret: randomBytes(16).toString('hex'), ...ipv6 } } }
}
