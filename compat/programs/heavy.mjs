/**
 * Programs that are too large for every clone: installed by npm when they are asked for, into the user's cache, by a lock file of their own.
 */
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npmCommand, run, tool } from '../../scripts/prepare.mjs'
import { cache } from '../table/node-versions.mjs'

const manifest = fileURLToPath(new URL('../heavy/', import.meta.url))
const here = fileURLToPath(new URL('.', import.meta.url))

let installed = null

/** @returns the folder that has them in its node_modules */
export function installHeavy() {
  installed ??= install()
  return installed
}

async function install() {
  const lock = readFileSync(join(manifest, 'package-lock.json'))
  const folder = join(cache, `heavy-${createHash('sha256').update(lock).digest('hex').slice(0, 12)}`)
  if (existsSync(join(folder, 'complete'))) return folder
  process.stderr.write('Installing Next.js and vitest (once, 380 MB) ...\n')
  mkdirSync(folder, { recursive: true })
  cpSync(manifest, folder, { recursive: true })
  const [command, ...npm] = npmCommand
  await run(command, [...npm, 'install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts'], {
    quiet: true,
  })
  mkdirSync(join(folder, 'complete'))
  return folder
}

/** The words that run `next start` on our application, which is built first. */
export async function nextStart(node, port, address) {
  const folder = await installHeavy()
  const project = join(folder, 'next')
  const program = join(folder, 'node_modules', 'next', 'dist', 'bin', 'next')
  if (!existsSync(join(project, '.next', 'BUILD_ID'))) {
    process.stderr.write('Building the Next.js application (once) ...\n')
    cpSync(join(here, 'next', 'app'), join(project, 'app'), { recursive: true })
    await run(node, [program, 'build', project], { quiet: true, env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' } })
  }
  return [program, 'start', project, '-p', port, ...(address === undefined ? [] : ['-H', address])]
}

/** The words that run vitest on tests of ours; its newest version needs Node 22. */
export async function vitestRun(_node, major) {
  const folder = await installHeavy()
  const project = join(folder, 'vitest')
  cpSync(join(here, 'vitest'), project, { recursive: true })
  const program = major >= 22 ? join(folder, 'node_modules', 'vitest', 'vitest.mjs') : tool('vitest', 'vitest.mjs')
  return [program, 'run', '--root', project, '--no-color', '--reporter=verbose']
}
