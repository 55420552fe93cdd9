/**
 * What may be reached through a gateway. Rules are asked in their order and the last one that fits decides; without any, everything may be
 * reached but what belongs to the host itself or to its provider: loopback, link-local addresses, and the places where clouds keep
 * credentials. Those stay closed unless a rule names them: "any" does not mean them.
 *
 * @module
 */
import { type Cidr, type IpAddress, inPrefix, NetError, parseCidr } from '@ioth/core'

/** One rule, as it was written: `10.0.0.0/8`, `192.0.2.7:80`, `[fc00::/7]:443`, `any:25`, `10.0.0.0/8:8000-8999`. */
export interface Rule {
  readonly allow: boolean
  /** Null: any address. */
  readonly network: Cidr | null
  readonly firstPort: number
  readonly lastPort: number
}

/** Closed unless a rule lies within them. */
const GUARDED: readonly Cidr[] = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  // Metadata of clouds that is not link-local: Alibaba, Oracle, Azure, Amazon.
  '100.100.100.200/32',
  '192.0.0.192/32',
  '168.63.129.16/32',
  'fd00:ec2::254/128',
  '::/96',
  '::ffff:0:0/96',
  'fe80::/10',
  // The same behind a NAT64 of the host (RFC 6052).
  '64:ff9b::7f00:0/104',
  '64:ff9b::a9fe:0/112',
].map((text) => parseCidr(text))

const FORM = /^(?:\[([^\]]+)\]|([^[\]:]+)|([0-9a-fA-F:./]*:[0-9a-fA-F:./]*))(?::(\d{1,5})(?:-(\d{1,5}))?)?$/

/** @throws NetError ERR_IOTH_CONFIG with an example. */
export function parseRule(text: string, allow: boolean): Rule {
  // An IPv6 network may stand without brackets when it has no port.
  const bare = text.includes('::') && !text.includes('[') ? [text, text] : null
  const match = bare ?? FORM.exec(text)
  const where = match?.[1] ?? match?.[2] ?? match?.[3]
  const first = bare === null ? match?.[4] : undefined
  const last = bare === null ? (match?.[5] ?? first) : undefined
  const wrong = (why: string): NetError =>
    new NetError('ERR_IOTH_CONFIG', 'gateway', {
      message: `"${text}": ${why}. Type for example: ioth gateway --deny any --allow 192.0.2.0/24:80-443 --allow "[2001:db8::/32]:443"`,
    })
  if (where === undefined) throw wrong('it is not ADDRESS[/PREFIX][:PORT[-PORT]]')
  const firstPort = first === undefined ? 0 : Number(first)
  const lastPort = last === undefined ? 65535 : Number(last)
  if (lastPort > 65535 || firstPort > lastPort) throw wrong('there are no such ports')
  if (where === 'any') return { allow, network: null, firstPort, lastPort }
  try {
    return { allow, network: parseCidr(where, { v4: 32, v6: 128 }), firstPort, lastPort }
  } catch (error) {
    throw wrong((error as Error).message)
  }
}

export class Rules {
  private readonly rules: readonly Rule[]

  constructor(rules: readonly Rule[]) {
    this.rules = rules
  }

  /** @param port 0: a ping. */
  allows(address: IpAddress, port: number): boolean {
    const guarded = GUARDED.filter(({ address: network, prefixLength }) => inPrefix(address, network, prefixLength))
    let allowed = guarded.length === 0
    for (const { allow, network, firstPort, lastPort } of this.rules) {
      // A ping has no port: what is said about some ports says nothing about it.
      if (port === 0 ? firstPort !== 0 || lastPort !== 65535 : port < firstPort || port > lastPort) continue
      if (network !== null && !inPrefix(address, network.address, network.prefixLength)) continue
      if (allow && !guarded.every((each) => lies(network, each))) continue
      allowed = allow
    }
    return allowed
  }
}

/** Whether a rule names (a part of) a guarded network. */
function lies(network: Cidr | null, within: Cidr): boolean {
  return (
    network !== null &&
    network.prefixLength >= within.prefixLength &&
    inPrefix(network.address, within.address, within.prefixLength)
  )
}
