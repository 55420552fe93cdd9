/**
 * `ioth publish`: ports of the host that lead to nodes, until it is stopped.
 *
 * @module
 */
import { tryParseIpAddress } from '@ioth/core'
import { formatPublishedPort, type Publication, type PublishedPort, parsePublishedPort, publish } from '@ioth/vde'
import { EXIT, Failure } from '../failure.ts'
import { near } from '../network/find-target.ts'
import { joinNetwork } from '../network/join.ts'
import { explainNetwork } from '../network/network-failure.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { say } from '../output.ts'
import { untilStopped } from '../until-stopped.ts'

export async function publishPorts(texts: readonly string[], settings: NetworkSettings): Promise<void> {
  let ports: PublishedPort[]
  try {
    ports = texts.map(parsePublishedPort)
  } catch (error) {
    throw explainNetwork(error)
  }
  const first = tryParseIpAddress((ports[0] as PublishedPort).target)
  await using stack = await joinNetwork(settings, { name: 'ioth-publish', ...near(first, settings) })
  const publications: Publication[] = []
  try {
    for (const port of ports) {
      const publication = await publish(stack, port, { onTrouble: tellTrouble }).catch((error: unknown) => {
        throw explainPort(error)
      })
      publications.push(publication)
      say(formatPublishedPort(publication.port))
    }
    await untilStopped()
  } finally {
    await Promise.all(publications.map((each) => each.close()))
  }
}

/** A port of the host that cannot be had. */
export function explainPort(error: unknown): unknown {
  const { code } = error as { code?: string }
  if (!(error instanceof Error) || code === undefined) return error
  if (code === 'EACCES') return new Failure(EXIT.noPermission, error.message, { cause: error })
  if (code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL')
    return new Failure(EXIT.unavailable, error.message, { cause: error })
  return explainNetwork(error)
}

function tellTrouble(port: PublishedPort, error: Error): void {
  say(`${formatPublishedPort(port)}, which cannot be reached: ${error.message}. See who is on the network: ioth ps`)
}
