/**
 * Makes a clone ready to run: installs the dependencies when the lock file asks for it, and builds what is older than its sources.
 * Needs nothing but Node and npm. `npm start`, `npm test` and `npm run build` begin here.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

const PNPM = 'pnpm@12.21.0'
const packagesFolder = join(root, 'packages')
const stamps = join(root, 'node_modules', '.cache', 'ioth')

/** How npm is started: by its own program when npm started us, which needs no shell on any system. */
export const npmCommand = process.env.npm_execpath?.endsWith('npm-cli.js')
  ? [process.execPath, process.env.npm_execpath]
  : [process.platform === 'win32' ? 'npm.cmd' : 'npm']

/** The folders of all packages of the workspace. */
export function packageFolders() {
  return readdirSync(packagesFolder)
    .map((name) => join(packagesFolder, name))
    .filter((folder) => existsSync(join(folder, 'package.json')))
}

/** Installs and builds as needed. @returns whether anything had to be done. */
export async function prepare() {
  const installed = await install()
  const built = await build()
  return installed || built
}

/** Installs exactly what the lock file names, when it is not there yet. */
async function install() {
  if (sameText(join(root, 'pnpm-lock.yaml'), join(root, 'node_modules', '.pnpm', 'lock.yaml'))) return false
  process.stderr.write('Installing the dependencies (once) ...\n')
  const [command, ...npm] = npmCommand
  await run(command, [...npm, 'exec', '--yes', '--', PNPM, 'install', '--frozen-lockfile'], { quiet: true })
  return true
}

/** Type declarations and examples (tsc knows what changed), then the JavaScript of each package that is older than its sources. */
async function build() {
  const stale = packageFolders().filter((folder) => !isFresh(folder))
  if (stale.length > 0) process.stderr.write(`Building ${stale.map((folder) => basename(folder)).join(', ')} ...\n`)
  const started = new Date().toISOString()
  for (const folder of stale) removeDeclarations(join(folder, 'dist'), join(folder, 'src'))
  await run(process.execPath, [tool('typescript', 'bin/tsc'), '-b', 'tsconfig.build.json'], { quiet: true })
  await inParallel(stale, availableParallelism(), async (folder) => {
    removeJavaScript(join(folder, 'dist'))
    await run(process.execPath, [tool('tsup', 'dist/cli-default.js')], { cwd: folder, quiet: true })
    mkdirSync(stamps, { recursive: true })
    writeFileSync(stampOf(folder), started)
  })
  return stale.length > 0
}

/** Runs a script's main function; its failure is one line and exit code 1, not a stack trace. */
export async function main(work) {
  try {
    await work()
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  }
}

/** The path of a tool's program. Tools run under this very Node, without a shell, on every system. */
export function tool(name, program) {
  return join(root, 'node_modules', name, program)
}

/** Runs a program to its end; with `quiet` its output appears only when it fails. */
export function run(command, args, { cwd = root, env = process.env, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    })
    const output = []
    child.stdout?.on('data', (chunk) => output.push(chunk))
    child.stderr?.on('data', (chunk) => output.push(chunk))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) return resolve()
      process.stderr.write(Buffer.concat(output))
      const what = [command === process.execPath ? 'node' : command, ...args].join(' ')
      reject(new Error(`"${what}" failed in ${cwd} (${signal ?? `exit code ${code}`})`))
    })
  })
}

/** Declarations of sources that have moved or gone: tsc leaves them, and they would be shipped. */
function removeDeclarations(dist, src) {
  if (!existsSync(dist)) return
  for (const entry of readdirSync(dist, { withFileTypes: true })) {
    const built = join(dist, entry.name)
    if (entry.isDirectory()) {
      removeDeclarations(built, join(src, entry.name))
      if (readdirSync(built).length === 0) rmSync(built, { recursive: true })
    } else if (
      /\.d\.c?ts(\.map)?$/.test(entry.name) &&
      !existsSync(join(src, entry.name.replace(/\.d\.c?ts(\.map)?$/, '.ts')))
    ) {
      rmSync(built)
    }
  }
}

/** The names of shared pieces change with their text: without this, old ones would stay and be shipped. Declarations are tsc's. */
function removeJavaScript(dist) {
  for (const name of readdirSync(dist)) if (/\.c?js(\.map)?$/.test(name)) rmSync(join(dist, name))
}

function isFresh(folder) {
  const stamp = stampOf(folder)
  if (!existsSync(stamp) || !existsSync(join(folder, 'dist', 'index.js'))) return false
  const sources = ['src', 'package.json', 'tsup.config.ts'].map((name) => join(folder, name))
  return newest(sources) < Date.parse(readFileSync(stamp, 'utf8'))
}

function stampOf(folder) {
  return join(stamps, `${basename(folder)}.built`)
}

function newest(paths) {
  let time = 0
  for (const path of paths) {
    if (!existsSync(path)) continue
    const stat = statSync(path)
    time = Math.max(time, stat.mtimeMs)
    if (stat.isDirectory()) time = Math.max(time, newest(readdirSync(path).map((name) => join(path, name))))
  }
  return time
}

function sameText(one, other) {
  return existsSync(one) && existsSync(other) && readFileSync(one, 'utf8') === readFileSync(other, 'utf8')
}

async function inParallel(items, width, work) {
  const queue = [...items]
  await Promise.all(
    Array.from({ length: Math.min(width, queue.length) }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
    }),
  )
}
