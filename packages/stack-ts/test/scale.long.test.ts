/** How many stacks and connections one process holds, what they cost, and that nothing of them is left. Each count in a process of its own. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const MANY = 10_000
const MEGABYTE = 1024
/** A machine that is busy with other tests is slow. */
const PATIENCE_MS = 900_000

async function run(program: string, ...args: readonly string[]): Promise<Record<string, unknown>> {
  const script = join(import.meta.dirname, 'programs', `${program}.mjs`)
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, ...args])
  console.log(`${program} ${args.join(' ')}: ${stdout}`)
  return JSON.parse(stdout)
}

test.concurrent(
  'P-11 P-13 ten thousand stacks on one switch answer ping in 512 MB, idle without a timer or a frame, and leave nothing',
  async () => {
    const { rssKilobytes, bytesPerStack, ...rest } = await run('many-stacks', `${MANY}`)
    expect(rest).toEqual({
      stacks: MANY,
      answers: MANY,
      idle: { timers: 0, frames: 0 },
      left: { timers: 0, holds: 0, slots: 0, ports: 0 },
    })
    expect(rssKilobytes).toBeLessThanOrEqual(512 * MEGABYTE)
    expect(bytesPerStack).toBeLessThanOrEqual(20_480)
  },
  PATIENCE_MS,
)

test.concurrent(
  'P-11 P-13 ten thousand connections idle without a timer, a frame or a slot, and leave nothing',
  async () => {
    const { bytesPerPair, rssKilobytes, ...rest } = await run('many-connections', `${MANY}`)
    expect(rest).toEqual({
      connections: MANY,
      answers: MANY,
      idle: { timers: 0, frames: 0, slots: 0 },
      left: { sockets: [0, 0], timers: 0, holds: 0, slots: 0 },
    })
    // Two ends with their queues and sockets; without them a leak of a slot each would still be 4 KB.
    expect(bytesPerPair).toBeLessThanOrEqual(4096)
    expect(rssKilobytes).toBeLessThanOrEqual(256 * MEGABYTE)
  },
  PATIENCE_MS,
)
