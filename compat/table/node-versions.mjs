/**
 * Where the Node versions of the table come from: the one that runs this, and npm's package `node` for the others, installed once into
 * a cache that all clones of the user share.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { npmCommand, run } from '../../scripts/prepare.mjs'

export const SUPPORTED = ['20', '22', '24', '26']

/** Outside of every node_modules folder: what lies within one, Next.js does not compile. */
export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ioth-compat')

/** @param wanted major versions, or `host` @returns the version and the path of each */
export async function nodeVersions(wanted) {
  const found = []
  for (const major of wanted) found.push(await nodeVersion(major))
  return found
}

async function nodeVersion(major) {
  const [host] = process.versions.node.split('.')
  if (major === 'host' || major === host) return { version: process.versions.node, path: process.execPath }
  if (!SUPPORTED.includes(major)) throw new Error(`--node takes ${SUPPORTED.join(', ')} or host, not "${major}"`)
  const folder = join(cache, `node-${major}`)
  const path = join(folder, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (!existsSync(path)) {
    process.stderr.write(`Installing Node ${major} (once) ...\n`)
    mkdirSync(folder, { recursive: true })
    const [command, ...npm] = npmCommand
    await run(
      command,
      [...npm, 'install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `node@${major}`],
      {
        quiet: true,
      },
    )
  }
  const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim().slice(1)
  return { version, path }
}
