/** An unmodified Express application on LWIPv6, for clients on the TypeScript stack, on LWIPv6, and on the kernel's; and what it does when nobody asks. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { askExpress, kernelClient, rightAnswers, startExpress, whyNot } from './support/express.ts'
import { startSwitch, temporaryFolder } from './support/processes.ts'
import { iothIn, namespace, skipNamespaces, whyNamespaces } from './support/world.ts'

const OCTETS = 1_000_000
const reason = await whyNot('lwipv6')
/** How long nothing happens while it is counted what the processes do, in milliseconds. */
const IDLE = 2000

test.skipIf(reason !== '').each(['ts', 'lwipv6'])(
  `from %s: a thousand requests, fifty at once, and a file${reason}`,
  async (client) => {
    const { path } = await startSwitch()
    const server = await startExpress('lwipv6', path, OCTETS)
    const { stdout, stderr, exitCode } = await askExpress(client, path)
    expect(stderr).toBe('')
    expect(stdout).toBe(rightAnswers(OCTETS))
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
    await startExpress('lwipv6', dir, OCTETS)
    expect(await host.exec(process.execPath, ...kernelClient)).toEqual({ code: 0, output: rightAnswers(OCTETS) })
    await iothIn(host, ['vde', 'stop', dir], { env }).ended
  },
)

test.skipIf(reason !== '' || process.platform !== 'linux')(
  `an application that served and is not asked does nothing${reason}`,
  async () => {
    const { path } = await startSwitch()
    const server = await startExpress('lwipv6', path, OCTETS)
    await askExpress('ts', path)
    const pid = server.child.pid as number
    const processes = [pid, ...childrenOf(pid)]
    const before = processes.map(ticksOf)
    await new Promise((resolve) => setTimeout(resolve, IDLE))
    const used = processes.map((each, index) => ticksOf(each) - (before[index] as number))
    console.log(`${IDLE} ms idle: ${used.join(' and ')} ticks of 10 ms in the program and its helper`)
    // One that spins takes all it gets, or on a loaded machine a good part of it.
    for (const ticks of used) expect(ticks).toBeLessThan(IDLE / 10 / 4)
  },
)

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

/** Processor time of a process, all its threads. */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}
