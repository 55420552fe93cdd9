/**
 * What was set up on the host, written down before it is done, so that it can be undone whatever happens: one file in `/run/ioth` for each
 * switch, for root only.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isCode } from '../vnl/switch-directory.ts'

export type Engine = 'ioth' | 'vde_switch'

export interface HostSetup {
  /** The switch's directory. */
  readonly dir: string
  readonly engine: Engine
  /** The interface of the host. */
  readonly tap: string
  /** Whether the directory, and the interface, were not there before. */
  readonly madeDirectory: boolean
  readonly madeTap: boolean
  /** Whether the interface was up before. */
  readonly wasUp: boolean
  /** Addresses that were given to the interface. */
  readonly addresses: readonly string[]
  /** The switch's process; 0: not started yet. */
  readonly pid: number
  /** When the kernel says that the process started: another process of the same number is another. */
  readonly startedAt: string
  /** Unix time in milliseconds. */
  readonly since: number
}

function folder(): string {
  return process.env.IOTH_STATE_DIR ?? '/run/ioth'
}

function fileOf(dir: string): string {
  return join(folder(), `vde-${createHash('sha256').update(resolve(dir)).digest('hex').slice(0, 16)}.json`)
}

/** @returns null: nothing was set up for that directory. */
export function readRecord(dir: string): HostSetup | null {
  return readFile(fileOf(dir))
}

export function listRecords(): HostSetup[] {
  let names: string[]
  try {
    names = readdirSync(folder())
  } catch {
    return []
  }
  return names
    .filter((name) => /^vde-[0-9a-f]{16}\.json$/.test(name))
    .map((name) => readFile(join(folder(), name)))
    .filter((record) => record !== null)
}

/** Replaces the file in one step. */
export function writeRecord(record: HostSetup): void {
  mkdirSync(folder(), { recursive: true, mode: 0o700 })
  const path = fileOf(record.dir)
  writeFileSync(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** The folder goes with the last one. */
export function removeRecord(dir: string): void {
  rmSync(fileOf(dir), { force: true })
  try {
    rmdirSync(folder())
  } catch (error) {
    if (!isCode(error, 'ENOTEMPTY') && !isCode(error, 'ENOENT')) throw error
  }
}

/** The start of a process in ticks of the kernel (proc(5), stat, field 22); null: there is none. */
export function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // One that nobody waited for yet is no process any more.
    return state === 'Z' ? null : (fields[18] ?? null)
  } catch {
    return null
  }
}

/** Whether the switch of a setup still runs. */
export function isRunning({ pid, startedAt }: HostSetup): boolean {
  return pid !== 0 && processStart(pid) === startedAt
}

function readFile(path: string): HostSetup | null {
  try {
    const record = JSON.parse(readFileSync(path, 'utf8')) as HostSetup
    return typeof record.dir === 'string' && typeof record.tap === 'string' ? record : null
  } catch {
    return null
  }
}
