/**
 * The networks on which the same program is run: the host's loopback as the reference, and stacks.
 *
 * @module
 */
import dgram from 'node:dgram'
import dns from 'node:dns'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'
import { createPipe, createScheduler, defaultPool, defaultScheduler, type Link, type Stack } from '@ioth/core'
import backend from '@ioth/stack-ts'
import { type BoundModules, bindNode, type WebSocketClass } from '../src/index.ts'
import { createFakeStack } from './fake-stack.ts'

export interface Network {
  readonly name: string
  /** Modules and address of the one that listens, and of the one that connects. */
  readonly server: BoundModules
  readonly serverAddress: string
  readonly client: BoundModules
  readonly clientAddress: string
  /** The stack of the one that listens; null: the host. */
  readonly serverStack: Stack | null
  /** The stack of the one that connects. */
  readonly clientStack: Stack | null
  close(): Promise<void>
}

/** Node's own modules, in the shape of bound ones. */
export const hostModules: BoundModules = {
  net,
  http,
  https,
  http2,
  tls,
  dgram,
  dns,
  'dns/promises': dns.promises,
  fetch: globalThis.fetch,
  WebSocket: (globalThis as { WebSocket?: unknown }).WebSocket as WebSocketClass,
}

export function hostNetwork(): Network {
  const host = hostModules
  return {
    name: 'host',
    server: host,
    serverAddress: '127.0.0.1',
    client: host,
    clientAddress: '127.0.0.1',
    serverStack: null,
    clientStack: null,
    close: async () => {},
  }
}

/** Both ends on one stack that has no packets. */
export function fakeNetwork(): Network {
  const clientStack = createFakeStack(createScheduler(), ['10.0.0.1'])
  const modules = bindNode(clientStack)
  return {
    name: 'fake stack',
    server: modules,
    serverAddress: '10.0.0.1',
    client: modules,
    clientAddress: '10.0.0.1',
    serverStack: clientStack,
    clientStack,
    close: async () => {},
  }
}

/** Two stacks in TypeScript at the ends of a pipe: MTU 1500, checksums computed and verified. */
export async function pipeNetwork(): Promise<Network> {
  const shared = { scheduler: defaultScheduler(), pool: defaultPool() }
  const make = (link: Link, address: string): Promise<Stack> =>
    backend.createStack({ ...shared, interfaces: [{ link, addresses: [`${address}/24`] }] })
  const [one, two] = createPipe(shared)
  const [serverStack, clientStack] = await Promise.all([make(one, '10.0.0.1'), make(two, '10.0.0.2')])
  return {
    name: 'stack-ts',
    server: bindNode(serverStack),
    serverAddress: '10.0.0.1',
    client: bindNode(clientStack),
    clientAddress: '10.0.0.2',
    serverStack,
    clientStack,
    async close() {
      await Promise.all([serverStack.close(), clientStack.close()])
    },
  }
}

/** Both ends on one stack in TypeScript, over its loopback. */
export async function loopbackNetwork(): Promise<Network> {
  const stack = await backend.createStack({ scheduler: defaultScheduler(), pool: defaultPool(), interfaces: [] })
  const modules = bindNode(stack)
  return {
    name: 'loopback of stack-ts',
    server: modules,
    serverAddress: '127.0.0.1',
    client: modules,
    clientAddress: '127.0.0.1',
    serverStack: stack,
    clientStack: stack,
    close: () => stack.close(),
  }
}

/** The networks under test, apart from the reference. */
export const stackNetworks: readonly [name: string, create: () => Promise<Network>][] = [
  ['fake stack', async () => fakeNetwork()],
  ['stack-ts over a pipe', pipeNetwork],
  ['the loopback of stack-ts', loopbackNetwork],
]
