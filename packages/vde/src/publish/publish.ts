/**
 * Ports of the host that lead to ports of nodes: the way into a network for those who are not on it. Connections are answered by the
 * host's own sockets and carried on by a stack.
 *
 * @module
 */
import type { Stack } from '@ioth/core'
import { publishTcp } from './publish-tcp.ts'
import { publishUdp } from './publish-udp.ts'
import { formatEndpoint, type PublishedPort } from './published-port.ts'

/** A port that is published. */
export interface Publication extends AsyncDisposable {
  /** With the port that the host chose, where the user left it to it. */
  readonly port: PublishedPort
  /** Connections or flows that are open. */
  readonly open: number
  /** Gives the host's port back; what is open is reset. Idempotent. */
  close(): Promise<void>
}

export interface PublishOptions {
  /** Hears why a node could not be reached, once until it is reached again. */
  readonly onTrouble?: (port: PublishedPort, error: Error) => void
}

/**
 * Publishes a port of the host.
 * @throws NetError EADDRINUSE, EACCES, EADDRNOTAVAIL of the host's socket, with the next command.
 */
export async function publish(stack: Stack, port: PublishedPort, options: PublishOptions = {}): Promise<Publication> {
  return port.transport === 'tcp' ? await publishTcp(stack, port, options) : await publishUdp(stack, port, options)
}

/** `127.0.0.1:8080 -> 10.40.0.32:80`, for people. */
export function formatPublishedPort({ transport, host, hostPort, target, targetPort }: PublishedPort): string {
  return `${formatEndpoint(host, hostPort)} leads to ${formatEndpoint(target, targetPort)}${transport === 'udp' ? ' (udp)' : ''}`
}
