/**
 * The networks on which the same program is run: the host's loopback as the reference, and stacks.
 *
 * @module
 */
import dgram from 'node:dgram'
import dns from 'node:dns'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'
import { createScheduler, type Stack } from '@ioth/core'
import { type BoundModules, bindNode } from '../src/index.ts'
import { createFakeStack } from './fake-stack.ts'

export interface Network {
  readonly name: string
  /** Modules and address of the one that listens, and of the one that connects. */
  readonly server: BoundModules
  readonly serverAddress: string
  readonly client: BoundModules
  readonly clientAddress: string
  /** The stack of the one that connects; null: the host. */
  readonly clientStack: Stack | null
  close(): Promise<void>
}

export function hostNetwork(): Network {
  const host: BoundModules = { net, http, https, tls, dgram, dns }
  return {
    name: 'host',
    server: host,
    serverAddress: '127.0.0.1',
    client: host,
    clientAddress: '127.0.0.1',
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
    clientStack,
    close: async () => {},
  }
}

/** The networks under test, apart from the reference. */
export const stackNetworks: readonly [name: string, create: () => Promise<Network>][] = [
  ['fake stack', async () => fakeNetwork()],
]
