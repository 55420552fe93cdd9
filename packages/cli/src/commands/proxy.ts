/**
 * `ioth proxy`: SOCKS 5 and HTTP on the host's loopback, into the network, until it is stopped.
 *
 * @module
 */
import { formatEndpoint, startProxy } from '@ioth/vde'
import { EXIT, Failure } from '../failure.ts'
import { near } from '../network/find-target.ts'
import { joinNetwork } from '../network/join.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { say } from '../output.ts'
import { untilStopped } from '../until-stopped.ts'
import { explainPort } from './publish.ts'

export interface ProxyCommandOptions {
  /** Address of loopback. */
  readonly listen: string
  /** `USER:PASSWORD` */
  readonly password?: string
}

export async function proxy(port: number, options: ProxyCommandOptions, settings: NetworkSettings): Promise<void> {
  const password = options.password ?? process.env.IOTH_PROXY_PASSWORD
  if (password !== undefined && !/^[^:]+:./.test(password)) {
    throw new Failure(
      EXIT.usage,
      'the password is written USER:PASSWORD. Type for example: ioth proxy --password me:secret',
    )
  }
  await using stack = await joinNetwork(settings, { name: 'ioth-proxy', ...near(null, settings) })
  await using running = await startProxy(stack, {
    port,
    host: options.listen,
    ...(password === undefined ? {} : { password }),
  }).catch((error: unknown) => {
    throw explainPort(error)
  })
  const where = formatEndpoint(running.host, running.port)
  say(`SOCKS and HTTP proxy at ${where}. Example: curl -x socks5h://${where} http://10.40.0.32/`)
  await untilStopped()
}
