/**
 * `ioth switch`: a switch in the foreground, until it is stopped.
 *
 * @module
 */
import { createSwitch, isTaken } from '@ioth/vde'
import { EXIT, Failure } from '../failure.ts'
import { explainNetwork } from '../network/network-failure.ts'
import { say } from '../output.ts'

export async function runSwitch(dir: string, options: { readonly hub?: boolean }): Promise<void> {
  const running = await createSwitch({ dir, ...options }).catch((error: unknown) => {
    if (isTaken(error))
      throw new Failure(EXIT.cannotCreate, `there is a switch at ${dir} already. See who is on it: ioth ps -f ${dir}`)
    throw explainNetwork(error)
  })
  say(`${options.hub === true ? 'hub' : 'switch'} at ${running.dir}; others join it with -f ${running.dir}`)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void running.close(signal))
  await running.closed
}
