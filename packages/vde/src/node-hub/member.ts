/**
 * Joins a node, at once: when {@link joinNode} returns, the stack can be used, though no event loop has run. It is what a child process or
 * a thread does before anything of its program is loaded.
 *
 * @module
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Backend, defaultPool, defaultScheduler, NetError, type Stack } from '@ioth/core'
import { createStack } from '@ioth/core/registry'
import { Desk } from './desk.ts'
import { DESK_SOCKET, type Membership } from './desk-protocol.ts'
import { MemberLink } from './member-link.ts'
import { MemberPorts } from './member-ports.ts'
import { NetworkFollower } from './node-network.ts'
import { SocketPassing } from './pass-sockets.ts'
import type { NodeDescription } from './setup.ts'
import { startHub } from './start-hub.ts'

/** A stack among others of its node. */
export interface NodeMember {
  readonly stack: Stack
  readonly passing: SocketPassing
}

/**
 * @param onGone the hub is gone, and the network of this process with it.
 * @throws NetError ENETDOWN when the node's hub is gone; ETIMEDOUT when it does not answer; EMFILE when the node has too many members.
 */
export function joinNode(description: NodeDescription, onGone: (reason: string) => void = () => {}): NodeMember {
  const scheduler = defaultScheduler()
  const pool = defaultPool()
  const { backend } = createRequire(import.meta.url)(description.backend) as { backend: Backend }
  const desk = new Desk(join(description.hub, DESK_SOCKET))
  const { membership } = desk.ask({ op: 'join', pid: process.pid, name: '', ports: [], connections: [] })
  const { member, mtu, config, network } = membership as Membership
  const ports = new MemberPorts(scheduler.random)
  ports.moveTo(desk, [])
  const link = new MemberLink({
    dir: description.hub,
    member,
    mtu,
    scheduler,
    pool,
    onGone: ({ message }) => {
      desk.close()
      onGone(message)
    },
    onNetwork: (next) => follower.follow(next),
  })
  const stack = now(createStack({ ...config, stack: backend.name }, { backend, link, ports, scheduler, pool }))
  const follower = new NetworkFollower(stack, { ...network, routes: [] })
  follower.follow(network)
  return { stack, passing: new SocketPassing(stack, ports) }
}

/**
 * How those join that a member starts: the same node, or one of their own beside it.
 * @throws NetError when a node of its own cannot be had.
 */
export function describeTo(description: NodeDescription, children: 'share' | 'new' | 'host'): NodeDescription {
  return children === 'new' ? startHub(description.beside, false).description : description
}

/** What a promise holds that needs nothing but other promises to settle. */
function now<T>(promise: Promise<T>): T {
  let outcome: { value: T } | { error: unknown } | null = null
  promise.then(
    (value) => {
      outcome = { value }
    },
    (error: unknown) => {
      outcome = { error }
    },
  )
  ;(process as unknown as { _tickCallback(): void })._tickCallback()
  const settled = outcome as { value: T } | { error: unknown } | null
  if (settled === null) throw new NetError('ETIMEDOUT', 'join', { message: 'the stack waits for something' })
  if ('error' in settled) throw settled.error
  return settled.value
}
