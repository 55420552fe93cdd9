/**
 * The ways in which a program of the table is started: by plain Node, as the reference; by `ioth run`; and by Node with
 * the preload in its environment.
 */
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../../packages/cli/bin/ioth.js', import.meta.url))

/** A network on which nobody else is. */
const network = ['-q', '-f', 'null://', '-a', '10.40.0.32/24', '-a', 'fc00::32/64']

/** Where the programs find themselves, and what the traces call it. */
const onStack = { COMPAT_ADDRESS: '10.40.0.32', COMPAT_ADDRESS6: 'fc00::32' }
const onHost = { COMPAT_ADDRESS: '127.0.0.1', COMPAT_ADDRESS6: '::1' }

/** @typedef {{ args: string[], env: Record<string, string> }} Start what follows the path of Node, and what its environment gets */

export const ways = {
  node: {
    title: 'node',
    /** @returns {Start} */
    start: (options, words) => ({ args: [...options, ...words], env: onHost }),
  },
  run: {
    title: 'ioth run',
    start: (options, words) => ({ args: [command, 'run', ...network, ...options, '--', ...words], env: onStack }),
  },
  env: {
    title: 'by NODE_OPTIONS',
    start: (options, words) => ({ args: [...options, ...words], env: { ...onStack, ...environment } }),
  },
}

const preload = fileURLToPath(new URL('../../packages/node/dist/preload.cjs', import.meta.url))

/** What `ioth run` would do, said in the environment alone. */
const environment = {
  NODE_OPTIONS: `--require ${preload}`,
  IOTH_CONFIG: 'vnl=null://,ip=10.40.0.32/24,ip=fc00::32/64',
  IOTH_QUIET: '1',
}
