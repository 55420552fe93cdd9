/**
 * `ioth vde start`, `stop` and `status`: a switch that the host itself is plugged into, by a TAP interface. For root.
 *
 * @module
 */
import { type Cidr, hasCode, parseCidr } from '@ioth/core'
import { type Engine, type HostSetup, hostSetups, startHostSetup, stopHostSetup } from '@ioth/vde'
import { EXIT, Failure } from '../failure.ts'
import { explainNetwork } from '../network/network-failure.ts'
import { formatTable, say } from '../output.ts'

export interface VdeStartOptions {
  /** More addresses of the host. */
  readonly address?: readonly string[]
  readonly engine: string
}

const ENGINES: readonly string[] = ['ioth', 'vde_switch']

export async function vdeStart(
  first: string,
  dir: string,
  tap: string | undefined,
  options: VdeStartOptions,
): Promise<void> {
  if (!ENGINES.includes(options.engine)) {
    throw new Failure(
      EXIT.usage,
      `there is no engine "${options.engine}"; there are ${ENGINES.join(' and ')}. See: ioth vde start --help`,
    )
  }
  const addresses = [first, ...(options.address ?? [])].map(readAddress)
  const setup = await startHostSetup({
    addresses,
    dir,
    engine: options.engine as Engine,
    ...(tap === undefined ? {} : { tap }),
  }).catch((error: unknown) => {
    throw explainHostSetup(error)
  })
  say(`switch at ${setup.dir}, and on it this host: ${describe(setup)}`)
  say(`programs join it with -f ${setup.dir}. To undo all this: ioth vde stop ${setup.dir}`)
}

export async function vdeStop(dir: string): Promise<void> {
  const setup = await stopHostSetup(dir).catch((error: unknown) => {
    throw explainHostSetup(error)
  })
  say(`the switch at ${setup.dir} is gone, and ${setup.madeTap ? setup.tap : `its addresses on ${setup.tap}`} with it`)
}

export function vdeStatus(options: { readonly json?: boolean }): void {
  const setups = hostSetups()
  if (options.json === true) {
    console.log(JSON.stringify(setups, null, 2))
    return
  }
  const rows = setups.map(({ dir, tap, addresses, engine, pid, running }) => [
    dir,
    tap,
    addresses.join(' ') || '-',
    engine,
    String(pid),
    running ? 'runs' : `is gone; clean up: ioth vde stop ${dir}`,
  ])
  process.stdout.write(formatTable(['DIRECTORY', 'INTERFACE', 'ADDRESSES', 'ENGINE', 'PID', 'STATE'], rows))
}

function explainHostSetup(error: unknown): unknown {
  if (hasCode(error, 'EPERM')) return new Failure(EXIT.noPermission, (error as Error).message, { cause: error })
  if (hasCode(error, 'EADDRINUSE')) return new Failure(EXIT.cannotCreate, (error as Error).message, { cause: error })
  return explainNetwork(error)
}

function readAddress(text: string): Cidr {
  try {
    return parseCidr(text)
  } catch (error) {
    throw new Failure(
      EXIT.usage,
      `${(error as Error).message}. Type for example: ioth vde start 10.40.0.1/24 /tmp/vde.ctl`,
    )
  }
}

function describe({ tap, addresses }: HostSetup): string {
  return addresses.length === 0 ? tap : `${addresses.join(', ')} on ${tap}`
}
