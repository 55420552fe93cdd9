/**
 * The ways in which a program of the table is started: by plain Node, as the reference; by `ioth run`; by Node with what `ioth env` prints in
 * its environment; and by `ioth run --strict` in an empty network namespace, where nothing may be seen of it.
 */
import { execFileSync } from 'node:child_process'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../../packages/cli/bin/ioth.js', import.meta.url))
const witness = fileURLToPath(new URL('./empty-namespace.mjs', import.meta.url))

/** A network on which nobody else is. */
const network = ['-q', '-f', 'null://', '-a', '10.40.0.32/24', '-a', 'fc00::32/64']

/** Where the programs find themselves. */
const onStack = { COMPAT_ADDRESS: '10.40.0.32', COMPAT_ADDRESS6: 'fc00::32' }
const onHost = { COMPAT_ADDRESS: '127.0.0.1', COMPAT_ADDRESS6: '::1' }

/** A shell is no Node program: it has to be allowed. */
const strict = ['--strict', '--host', 'exec:sh']

/**
 * @typedef {object} Start
 * @property {string[]} words the command
 * @property {Record<string, string>} env
 */

export const ways = {
  node: {
    title: 'node',
    isAvailable: () => true,
    /** @returns {Start} */
    start: (node, options, words) => ({ words: [node, ...options, ...words], env: onHost }),
    /** A command that finds Node by itself. @returns {Start} */
    shell: (node, words) => ({ words, env: { ...onHost, ...pathOf(node) } }),
  },
  run: {
    title: 'ioth run',
    isAvailable: () => true,
    start: (node, options, words) => ({
      words: [node, command, 'run', ...network, ...options, '--', ...words],
      env: onStack,
    }),
    shell: (node, words) => ({
      words: [node, command, 'run', ...network, '--', ...words],
      env: { ...onStack, ...pathOf(node) },
    }),
  },
  env: {
    title: 'ioth env',
    isAvailable: () => true,
    start: (node, options, words) => ({ words: [node, ...options, ...words], env: { ...onStack, ...printedBy(node) } }),
    shell: (node, words) => ({ words, env: { ...onStack, ...printedBy(node), ...pathOf(node) } }),
  },
  strict: {
    title: '--strict',
    isAvailable: () => process.platform === 'linux' && process.getuid() === 0,
    start: (node, options, words) => ({
      words: [...alone(node), node, command, 'run', ...network, ...strict, ...options, '--', ...words],
      env: onStack,
    }),
    shell: (node, words) => ({
      words: [...alone(node), node, command, 'run', ...network, ...strict, '--', ...words],
      env: { ...onStack, ...pathOf(node) },
    }),
  },
}

/** In a network namespace without as much as a loopback, under the eyes of `ss`. */
function alone(node) {
  return ['unshare', '--net', node, witness]
}

/** So that `node` in a shell is the Node under test. */
function pathOf(node) {
  return { PATH: `${dirname(node)}${delimiter}${process.env.PATH}` }
}

const printed = new Map()

/** What `ioth env` has a user put into the environment. */
function printedBy(node) {
  if (!printed.has(node)) {
    const variables = execFileSync(node, [command, 'env', '--shell', 'json', ...network], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    printed.set(node, JSON.parse(variables))
  }
  return printed.get(node)
}
