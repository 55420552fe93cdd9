/**
 * An unmodified Express application on a stack, and clients that ask it a thousand times, fifty at once, and for a file: on the TypeScript stack, on
 * the same one, and on the kernel's. And what the application does when nobody asks.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadBackend } from '@ioth/core/registry'
import { expect, test } from 'vitest'
import { ioth, iothEnds, programs, type Running, root, startSwitch, temporaryFolder } from './processes.ts'
import { iothIn, namespace, skipNamespaces, whyNamespaces } from './world.ts'

const SERVER = '10.40.0.32'
const CLIENT = '10.40.0.33/24'
/** How long nothing happens while it is counted what the processes do, in milliseconds. */
const IDLE = 2000
/** The client's program, without a stack: it is the kernel's. */
const client: readonly string[] = [`${programs}/express-client.mjs`, `http://${SERVER}`]

/** Tests a backend, with a file of so many octets. */
export async function testExpress(backend: string, octets: number): Promise<void> {
  const reason = await whyNot(backend)

  test.skipIf(reason !== '').each(['ts', backend])(
    `from %s: a thousand requests, fifty at once, and a file${reason}`,
    async (from) => {
      const { path } = await startSwitch()
      const server = await startExpress(backend, path, octets)
      const { stdout, stderr, exitCode } = await askExpress(from, path)
      expect(stderr).toBe('')
      expect(stdout).toBe(rightAnswers(octets))
      expect(exitCode).toBe(0)
      expect(server.stderr).toBe('')
    },
  )

  test.skipIf(reason !== '' || skipNamespaces)(
    `from the kernel, through a TAP in a namespace: the same${reason}${whyNamespaces}`,
    async () => {
      const host = await namespace()
      const folder = temporaryFolder()
      const dir = join(folder, 'lan')
      const env = { IOTH_STATE_DIR: join(folder, 'state') }
      const started = await iothIn(host, ['vde', 'start', '10.40.0.1/24', dir, 'tap8'], { env }).ended
      expect(started.exitCode).toBe(0)
      await startExpress(backend, dir, octets)
      expect(await host.exec(process.execPath, ...client)).toEqual({ code: 0, output: rightAnswers(octets) })
      await iothIn(host, ['vde', 'stop', dir], { env }).ended
    },
  )

  test.skipIf(reason !== '' || process.platform !== 'linux')(
    `an application that served and is not asked does nothing${reason}`,
    async () => {
      const { path } = await startSwitch()
      const server = await startExpress(backend, path, octets)
      await askExpress('ts', path)
      const pid = server.child.pid as number
      const processes = [pid, ...childrenOf(pid)]
      const before = processes.map(ticksOf)
      await new Promise((resolve) => setTimeout(resolve, IDLE))
      const used = processes.map((each, index) => ticksOf(each) - (before[index] as number))
      console.log(`${IDLE} ms idle: ${used.join(' and ')} ticks of 10 ms, in each of its processes`)
      // One that spins takes all it gets, or on a loaded machine a good part of it.
      for (const ticks of used) expect(ticks).toBeLessThan(IDLE / 10 / 4)
    },
  )
}

/** Why a backend cannot be used here; empty: it can. A backend that is required is used, and fails. */
async function whyNot(backend: string): Promise<string> {
  const { usable, reason = '', tried } = await (await loadBackend(backend, { from: [root] })).probe()
  const isRequired = process.env.IOTH_REQUIRE_BACKENDS?.split(',').some((name) => name.trim() === backend) ?? false
  return usable || isRequired ? '' : ` (skipped: ${reason}; tried ${tried.join(', ')})`
}

/** Serves a file of so many octets on the network of a switch. */
async function startExpress(backend: string, path: string, octets: number): Promise<Running> {
  const words = ['run', '-l', backend, '-a', `${SERVER}/24`, '-f', path, `${programs}/express-file.mjs`, `${octets}`]
  const server = ioth(words)
  await server.prints(/ready/)
  return server
}

/** Runs the client on a stack. */
async function askExpress(backend: string, path: string): Promise<Running> {
  return await iothEnds(['run', '-l', backend, '-a', CLIENT, '-f', path, ...client])
}

/** What a client prints when all was well. */
function rightAnswers(octets: number): string {
  return `1000 right answers\n${octets} octets, the right hash\n`
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

/** Processor time of a process, all its threads. */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}
