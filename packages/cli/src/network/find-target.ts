/**
 * From what a user typed as a destination to an address: an address is one, a name is asked for on the network.
 *
 * @module
 */
import { hasCode, type IpAddress, type Stack, tryParseIpAddress } from '@ioth/core'
import { lookup } from '@ioth/core/services'
import { EXIT, Failure } from '../failure.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { type JoinOptions, joinNetwork } from './join.ts'

/** A node that is on the network of its destination. */
export interface Joined {
  readonly stack: Stack
  readonly address: IpAddress
}

/**
 * Joins the network, near the destination, or else near the name server that knows it, and finds the destination's address.
 * @throws Failure
 */
export async function joinTowards(target: string, settings: NetworkSettings, name: string): Promise<Joined> {
  const literal = tryParseIpAddress(target)
  // No top-level domain is a number, and no name has a colon.
  if (literal === null && /(^|\.)\d+\.?$|:/.test(target)) {
    throw new Failure(EXIT.usage, `"${target}" is not an IP address. Type for example: ioth ping 10.40.0.32`)
  }
  const stack = await joinNetwork(settings, { name, ...near(literal, settings) })
  try {
    return { stack, address: literal ?? (await findAddress(stack, target)) }
  } catch (error) {
    await stack.close()
    throw error
  }
}

/** Where a stack without an address of its own should get one. */
export function near(target: IpAddress | null, { dns }: NetworkSettings): Pick<JoinOptions, 'near'> {
  const server = dns[0] === undefined ? null : tryParseIpAddress(dns[0])
  const near = target ?? server
  return near === null ? {} : { near }
}

async function findAddress(stack: Stack, name: string): Promise<IpAddress> {
  try {
    const [address] = await lookup(stack, name)
    return address as IpAddress
  } catch (error) {
    throw explainName(error, stack, name)
  }
}

/** @returns a Failure, or the error itself when it is not about a name. */
export function explainName(error: unknown, stack: Stack, name: string): unknown {
  const servers = stack.nameServers.join(', ')
  const told = (text: string): Failure => new Failure(EXIT.unavailable, text, { cause: error })
  if (hasCode(error, 'EBADNAME')) return new Failure(EXIT.usage, `"${name}" is neither an address nor a name.`)
  if (servers === '' && hasCode(error, 'ECONNREFUSED')) {
    return told(`"${name}" is a name, and this node has no name server. Give one with --dns, or get one with --dhcp.`)
  }
  if (hasCode(error, 'ENOTFOUND'))
    return told(`the name server ${servers} knows no address of "${name}". Check the name.`)
  if (hasCode(error, 'ENODATA')) return told(`the name server ${servers} knows "${name}", but nothing of this kind.`)
  if (hasCode(error, 'ETIMEOUT')) {
    return told(
      `no answer about "${name}" from the name server ${servers}. See whether it is there: ioth ping ${stack.nameServers[0]}`,
    )
  }
  if (!(error instanceof Error) || !('hostname' in error)) return error
  return told(
    `the name server ${servers} does not answer about "${name}" (${(error as { code?: string }).code}). Give another one with --dns.`,
  )
}
