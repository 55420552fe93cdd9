/**
 * What is listened on, for people who look at the network.
 *
 * @module
 */
import { MOST_LISTENING } from '../contract/link.ts'
import type { Transport } from '../contract/ports.ts'

/** Ports as people write them (`80/tcp`), each once, the lowest first, and no more than a network is told of. */
export function formatListening(ports: Iterable<{ readonly transport: Transport; readonly port: number }>): string[] {
  const keys = new Set<number>()
  for (const { transport, port } of ports) keys.add(port * 256 + transport)
  return [...keys]
    .sort((a, b) => a - b)
    .slice(0, MOST_LISTENING)
    .map((key) => `${key >>> 8}/${(key & 0xff) === 6 ? 'tcp' : 'udp'}`)
}
