/**
 * The first time a program of a node does not reach somebody who might be on the host's network, one line says why, and which rule would
 * lead there.
 *
 * @module
 */
import { type IpAddress, LOOPBACK_V4, type Stack } from '@ioth/core'
import { interception } from '../interception.ts'
import { onNoNameServer } from '../lookup.ts'
import { say } from '../messages.ts'
import type { Failure } from '../tcp-environment.ts'

/** What is told of failures: the first one, and no other. */
export function explainFailures(): (stack: Stack, address: IpAddress, port: number, why: Failure) => void {
  let told = false
  const tell = (text: string): void => {
    if (!told) say(text)
    told = true
  }
  onNoNameServer((name) =>
    tell(
      `this node has no name server to ask for "${name}": --dns ADDRESS names one. ` +
        `To leave it, and the way to it, to the host: ioth run --host ${name} … (or IOTH_HOST=${name})`,
    ),
  )
  return (stack, address, port, why) => {
    // One of the addresses of localhost; the other one is the host's already.
    if (address.family === 6 && interception().policy.rules.match(LOOPBACK_V4, port) !== null) return
    const rule = ruleFor(address, port)
    const advice = `To use the host's network for it: ioth run --host ${rule} … (or IOTH_HOST=${rule})`
    if (why === 'refused') {
      tell(`nothing listens at port ${port} of ${address} on this node, whose loopback is its own. ${advice}`)
      return
    }
    const own = stack.interfaces.flatMap(({ addresses }) =>
      addresses.map(({ address: each, prefixLength }) => `${each}/${prefixLength}`),
    )
    tell(
      `there is no route to ${address} from ${own.length === 0 ? 'a node without an address' : own.join(', ')}; ` +
        `--gateway ADDRESS names the way out of its network. ${advice}`,
    )
  }
}

function ruleFor(address: IpAddress, port: number): string {
  const plain = address.unmapped().withScope(0)
  // The first address of a name whose second one is meant as often.
  if (plain.family === 6 && plain.isLoopback) return `localhost:${port}`
  if (port === 0) return plain.toString()
  return plain.family === 4 ? `${plain}:${port}` : `[${plain}]:${port}`
}
