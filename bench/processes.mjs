/**
 * Child processes of the benches, and a network of their own for them.
 */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const command = fileURLToPath(new URL('../packages/cli/bin/ioth.js', import.meta.url))
/** Settings of the user's own must not reach into a measurement. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(IOTH|PYCOTCP)_/.test(name)))

/** Runs something beside a switch in a process of its own. */
export async function withSwitch(work) {
  const folder = mkdtempSync(join(tmpdir(), 'ioth-bench-'))
  const dir = join(folder, 'switch')
  const child = spawn(process.execPath, [command, 'switch', dir], { stdio: ['ignore', 'pipe', 'pipe'], env })
  const exited = once(child, 'exit')
  const output = []
  child.stderr.on('data', (chunk) => output.push(chunk))
  try {
    await Promise.race([
      once(child.stderr, 'data'),
      once(child.stdout, 'data'),
      exited.then(() => Promise.reject(new Error(`the switch did not start:\n${Buffer.concat(output)}`))),
    ])
    return await work(dir)
  } finally {
    child.kill()
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One end of a connection, in a process of its own. */
export const startPeer = (...args) => startHelper('peer.mjs', args)

/** A file of this folder in a process of its own, which answers messages: see its first lines. */
export async function startHelper(file, args) {
  const child = fork(join(here, file), args, { env })
  const waiting = new Map()
  const exited = once(child, 'exit')
  await new Promise((resolve, reject) => {
    child.once('message', resolve)
    exited.then(([code]) => reject(new Error(`${file} ended with exit code ${code}`)))
  })
  child.on('message', ({ id, ...answer }) => waiting.get(id)?.(answer))
  let last = 0
  return {
    ask(message) {
      const id = ++last
      child.send({ id, ...message })
      const gone = exited.then(() => Promise.reject(new Error(`${file} ended during a measurement`)))
      return Promise.race([new Promise((resolve) => waiting.set(id, resolve)), gone])
    },
    async stop() {
      child.kill()
      await exited
    },
  }
}

/** Runs a program of this folder by node, or by `ioth run` with options, and gives its output and how long it took, in milliseconds. */
export async function runProgram(name, options = null, programArgs = [], nodeOptions = []) {
  const program = join(here, 'programs', name)
  const args = [...nodeOptions, ...(options === null ? [] : [command, 'run', ...options]), program, ...programArgs]
  const since = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  const output = []
  child.stdout.on('data', (chunk) => output.push(chunk))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${args.join(' ')} ended with exit code ${code}`)
  return { output: Buffer.concat(output).toString(), milliseconds: performance.now() - since }
}
