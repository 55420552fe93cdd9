/**
 * `ioth diff`: the same program and client on several backends, and the first place where what they saw differs.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { type Divergence, firstCorruption, firstDivergence, type Run } from '../diff/compare.ts'
import { ownClient, runOn } from '../diff/run-on.ts'
import { EXIT, Failure } from '../failure.ts'
import { explainNetwork } from '../network/network-failure.ts'
import { say } from '../output.ts'
import { loadBackend } from '../stacks.ts'

export interface DiffOptions {
  /** Names, separated by commas. */
  readonly backends: string
  readonly client?: string
  /** Seconds. */
  readonly timeout: number
  readonly json?: boolean
}

export async function diff(script: string, args: readonly string[], options: DiffOptions): Promise<void> {
  const names = options.backends.split(',').map((name) => name.trim())
  if (names.length < 2) {
    throw new Failure(
      EXIT.usage,
      'two backends at least are compared. Type for example: ioth diff app.js --backends ts,lwipv6',
    )
  }
  for (const file of [script, options.client]) {
    if (file !== undefined && !existsSync(file)) throw new Failure(EXIT.noInput, `there is no file ${file}.`)
  }
  for (const name of names) await assertUsable(name)
  const programs = {
    server: script,
    serverArguments: args,
    client: options.client ?? ownClient,
    patienceMs: options.timeout * 1000,
  }
  const runs: Run[] = []
  for (const name of names) {
    if (options.json !== true && process.stderr.isTTY) say(`running on ${name}`)
    runs.push(await runOn(name, programs))
  }
  const [reference, ...others] = runs as [Run, ...Run[]]
  if (reference.programs.length < 2)
    throw new Failure(EXIT.software, `on ${reference.backend} ${script} ended before it listened.`)
  const results = others.map((other) => ({
    backends: [reference.backend, other.backend],
    divergence: firstCorruption(reference) ?? firstCorruption(other) ?? firstDivergence(reference, other),
  }))
  if (options.json === true) console.log(JSON.stringify({ results, runs }, null, 2))
  else for (const { backends, divergence } of results) process.stdout.write(told(backends, divergence, reference))
  if (results.some(({ divergence }) => divergence !== null)) process.exitCode = 1
}

/** @throws Failure */
async function assertUsable(name: string): Promise<void> {
  const backend = await loadBackend(name).catch((error: unknown) => {
    throw explainNetwork(error)
  })
  const { usable, reason, tried, next } = await backend.probe()
  if (usable) return
  const search = tried.length === 0 ? '' : ` Tried ${tried.join(', ')}.`
  throw new Failure(
    EXIT.unavailable,
    `the backend "${name}" cannot be used here: ${reason ?? 'it does not say why'}.${search} ${next ?? 'See: ioth backends'}`,
  )
}

function told(backends: readonly string[], divergence: Divergence | null, { programs }: Run): string {
  const names = backends.join(' and ')
  if (divergence === null) {
    const calls = programs.reduce((sum, program) => sum + program.calls.length, 0)
    const sockets = programs.reduce((sum, program) => sum + new Set(program.calls.map(({ socket }) => socket)).size, 0)
    return `${names}: no difference in ${calls} calls on ${sockets} sockets\n`
  }
  const { program, socket, lane, call, before, saw } = divergence
  const where =
    lane === 'output'
      ? `in what the ${program} printed`
      : `at call ${call + 1} of the ${program}, ${socket}, ${LANES[lane]}`
  const lines = [...before.map((text) => ['both', text]), ...saw.map(({ backend, what }) => [backend, what])]
  const width = Math.max(...lines.map(([who]) => (who as string).length))
  return [
    `${names} differ ${where}:`,
    ...lines.map(([who, text]) => `  ${(who as string).padEnd(width)}  ${text}`),
    '',
  ].join('\n')
}

const LANES = { life: 'what became of it', in: 'what it received', out: 'what it sent' } as const
