/**
 * Starts the process of a node's hub, and waits for it without the event loop: the call may come from `execFileSync`.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defaultScheduler, type ErrorCode, NetError, randomMac } from '@ioth/core'
import { defaultNetworkDirectory } from '../default-network/directory.ts'
import { FOLDER_PREFIX, REPORT_FILE, SETUP_FILE } from './desk-protocol.ts'
import type { HubReport, HubSetup, NodeDescription, NodePlan } from './setup.ts'

/** How long a hub may take to load, and to join its network, in milliseconds: a lease may be waited for. */
const LOAD_MS = 15_000
const JOIN_MS = 45_000
const LOOK_MS = 2

/** A hub that runs, and how it is found. */
export interface StartedHub {
  readonly description: NodeDescription
  /** Lets a hub that waits for its turn join the network. @throws NetError why it could not. */
  begin(): void
}

/** Starts a hub's process, and waits for it without the event loop. @throws NetError why it could not start. */
export function startHub(plan: NodePlan, awaitsTurn: boolean): StartedHub {
  const { from } = plan
  const config = { ...plan.config, mac: plan.config.mac ?? randomMac(defaultScheduler().random) }
  const backend = resolveBackend(from)
  const dir = mkdtempSync(join(runtimeDirectory(), FOLDER_PREFIX))
  const program = process.argv[1] ?? 'node'
  const setup: HubSetup = { ...plan, config, program, awaitsTurn }
  writeFileSync(join(dir, SETUP_FILE), JSON.stringify(setup), { mode: 0o600 })
  const child = spawn(process.execPath, [modulePath('hub-process.js'), dir], {
    cwd: '/',
    detached: true,
    env: plainEnvironment(),
    stdio: [awaitsTurn ? 'pipe' : 'ignore', 'ignore', 'ignore'],
  })
  child.on('error', () => {})
  child.unref()
  ;(child.stdin as unknown as { unref(): void } | null)?.unref()
  const description: { -readonly [Key in keyof NodeDescription]: NodeDescription[Key] } = {
    pid: process.pid,
    addresses: [],
    hub: dir,
    hubPid: child.pid ?? 0,
    join: modulePath('member.js'),
    backend,
    beside: neighbour(plan),
  }
  const expect = (phase: HubReport['phase'], patienceMs: number): void => {
    const report = awaitReport(dir, phase, patienceMs)
    description.addresses = report.addresses ?? []
    const [near] = description.addresses
    if (near !== undefined) description.beside = { ...description.beside, near }
  }
  expect(awaitsTurn ? 'loaded' : 'up', awaitsTurn ? LOAD_MS : JOIN_MS)
  return {
    description,
    begin() {
      if (!awaitsTurn) return
      writeSync((child.stdin as unknown as { _handle: { fd: number } })._handle.fd, 'go\n')
      child.stdin?.destroy()
      expect('up', JOIN_MS)
    },
  }
}

function awaitReport(dir: string, phase: HubReport['phase'], patienceMs: number): HubReport {
  const path = join(dir, REPORT_FILE)
  const nap = new Int32Array(new SharedArrayBuffer(4))
  const start = process.hrtime()
  for (;;) {
    const report = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as HubReport) : null
    if (report?.phase === phase) return report
    if (report?.phase === 'failed') throw failed(report)
    const [seconds, nanoseconds] = process.hrtime(start)
    if (seconds * 1000 + nanoseconds / 1e6 > patienceMs) {
      throw new NetError('ETIMEDOUT', 'hub', {
        message: `the hub of this node (${dir}) did not start within ${patienceMs / 1000} s`,
      })
    }
    Atomics.wait(nap, 0, 0, LOOK_MS)
  }
}

function failed({ code = '', message = 'it does not say why' }: HubReport): NetError {
  return new NetError((code === '' ? 'ERR_IOTH_NETWORK' : code) as ErrorCode, 'hub', { message })
}

function resolveBackend(from: readonly string[]): string {
  for (const folder of from) {
    try {
      return createRequire(join(folder, 'noop.js')).resolve('@ioth/stack-ts')
    } catch {
      // The next folder may have it.
    }
  }
  throw new NetError('ERR_IOTH_BACKEND_NOT_FOUND', 'hub', {
    message: `processes that share a node need the package @ioth/stack-ts, which is not installed for ${from.join(', ')}. Type: npm install @ioth/stack-ts`,
  })
}

/** Beside the default network's directory, which is in a place of the user's own where there is one. */
function runtimeDirectory(): string {
  const beside = dirname(defaultNetworkDirectory())
  return existsSync(beside) ? beside : tmpdir()
}

/** A module of this package, in `dist`. */
function modulePath(name: string): string {
  const here = fileURLToPath(import.meta.url)
  return here.endsWith('.ts') ? join(here, '../../../dist', name) : join(here, '..', name)
}

/** Without what would make the hub a part of the node; the empty `IOTH_NODE` says that this is meant. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env }
  for (const name of Object.keys(env)) if (name === 'NODE_OPTIONS' || name.startsWith('IOTH_')) delete env[name]
  return { ...env, IOTH_NODE: '' }
}

/** The same network, for a node with addresses of its own. */
export function neighbour({ config, from, cwd }: NodePlan): NodePlan {
  const { mac: _mac, addresses: _addresses, name: _name, device: _device, ...rest } = config
  return { config: rest, from, cwd }
}
