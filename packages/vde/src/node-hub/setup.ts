/**
 * How a hub is set up, and how the processes of its node find it.
 *
 * @module
 */
import type { StackConfig } from '@ioth/core'

/** A node to be made. */
export interface NodePlan {
  /** Addresses, gateways, the network, the stack's own settings. */
  readonly config: StackConfig
  /** Where names of packages are resolved from. */
  readonly from: readonly string[]
  /** Where paths begin. */
  readonly cwd: string
  /** Without an address of its own it gets a free one of the network of this address. */
  readonly near?: string
}

/** What the hub's process is told, as JSON. */
export interface HubSetup extends NodePlan {
  /** The program's path: others on the network see its name. */
  readonly program: string
  /** Whether to wait for a word on standard input before the network is joined: somebody else has the addresses until then. */
  readonly awaitsTurn: boolean
}

/** What the hub says of its start. */
export interface HubReport {
  readonly phase: 'loaded' | 'up' | 'failed'
  readonly pid: number
  readonly addresses?: readonly string[]
  readonly code?: string
  readonly message?: string
}

/** `IOTH_NODE` of a process that belongs to a node with a hub. */
export interface NodeDescription {
  /** The program that the node was made for. */
  readonly pid: number
  readonly addresses: readonly string[]
  /** The hub's directory, and its process. */
  readonly hub: string
  readonly hubPid: number
  /** The module that joins it. */
  readonly join: string
  /** The module of the backend that members use. */
  readonly backend: string
  /** How a node is made that is a neighbour of this one. */
  readonly beside: NodePlan
}
