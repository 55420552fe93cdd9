/**
 * A switch that the host itself is plugged into: its kernel has a TAP interface there, with addresses. Whatever is done is written down first,
 * and undone exactly, also after a crash.
 *
 * @module
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Cidr, formatCidr, NetError } from '@ioth/core'
import { askWho } from '../stream/control-client.ts'
import { lookAt } from '../vnl/look-at.ts'
import { isCode, networkError, streamSocketPath } from '../vnl/switch-directory.ts'
import { type StartedEngine, startOwnEngine, startVdeSwitch } from './engines.ts'
import { addAddress, findInterface, freeTapName, removeAddress, setUp } from './host-interface.ts'
import {
  type Engine,
  type HostSetup,
  isRunning,
  listRecords,
  processStart,
  readRecord,
  removeRecord,
  writeRecord,
} from './record.ts'

export interface HostSetupOptions {
  /** The host's addresses on the network; none: only the interface. */
  readonly addresses: readonly Cidr[]
  /** The switch's directory. */
  readonly dir: string
  /** @default the first of tap0, tap1, … that is free */
  readonly tap?: string
  /** @default 'ioth' */
  readonly engine?: Engine
  /** Ends by itself when nobody but the host was there for so long, in milliseconds; for our own engine. @default never */
  readonly idleMs?: number
}

/** How long a switch may take to end when it is told to, in milliseconds. */
const PATIENCE_MS = 5_000
const LOOK_MS = 20

/**
 * Starts a switch with a TAP interface of the host. Needs root.
 * @throws NetError ERR_IOTH_NETWORK with the next command; EPERM without root; EADDRINUSE when there is a switch already.
 */
export async function startHostSetup(options: HostSetupOptions): Promise<HostSetup> {
  const { addresses, engine = 'ioth', idleMs = 0 } = options
  const dir = resolve(options.dir)
  if (process.getuid?.() !== 0) {
    throw new NetError('EPERM', 'vde', {
      message:
        'an interface of the host needs root. Without root programs of the host reach single ports: ioth publish 8080:10.40.0.32:80, or all: ioth proxy',
    })
  }
  const before = readRecord(dir)
  if (before !== null && isRunning(before)) throw taken(dir)
  // What a crash left behind.
  if (before !== null) await undo(before)
  if (existsSync(dir) && (await askWho(streamSocketPath(dir), PATIENCE_MS)).kind === 'switch') throw taken(dir)
  const tap = options.tap ?? freeTapName()
  const found = findInterface(tap)
  let setup: HostSetup = {
    dir,
    engine,
    tap,
    madeDirectory: !existsSync(dir),
    madeTap: found === null,
    wasUp: found?.isUp ?? false,
    addresses: [],
    pid: 0,
    startedAt: '',
    since: Date.now(),
  }
  writeRecord(setup)
  try {
    const started = await (engine === 'ioth' ? startOwnEngine(dir, tap, idleMs) : startVdeSwitch(dir, tap))
    setup = { ...setup, pid: started.pid, startedAt: processStart(started.pid) ?? '' }
    writeRecord(setup)
    setup = await giveAddresses(setup, addresses, started)
    setUp(tap, true)
    started.release()
    return setup
  } catch (error) {
    await undo(setup)
    throw error
  }
}

async function giveAddresses(
  before: HostSetup,
  addresses: readonly Cidr[],
  started: StartedEngine,
): Promise<HostSetup> {
  let setup = before
  const there = findInterface(setup.tap)
  if (there === null) throw networkError(`the interface ${setup.tap} did not appear. See what there is: ip addr`)
  for (const address of addresses) {
    const text = formatCidr(address)
    await started.claim(text, there.mac)
    if (there.addresses.includes(text)) continue
    setup = { ...setup, addresses: [...setup.addresses, text] }
    writeRecord(setup)
    addAddress(setup.tap, address)
  }
  return setup
}

/**
 * Undoes what {@link startHostSetup} did for a directory.
 * @throws NetError ERR_IOTH_NETWORK when nothing was set up there.
 */
export async function stopHostSetup(dir: string): Promise<HostSetup> {
  const setup = readRecord(resolve(dir))
  if (setup === null) {
    const there = listRecords().map((each) => each.dir)
    throw networkError(
      `nothing was started for ${resolve(dir)}. ${there.length === 0 ? 'Start a switch: ioth vde start 10.40.0.1/24' : `There is: ioth vde stop ${there.join(' or ')}`}`,
    )
  }
  await undo(setup)
  return setup
}

/** One setup, and how it is. */
export interface HostSetupStatus extends HostSetup {
  /** Whether its switch runs; false: it crashed, or was killed. */
  readonly running: boolean
}

/** All setups of this host. */
export function hostSetups(): HostSetupStatus[] {
  return listRecords().map((setup) => ({ ...setup, running: isRunning(setup) }))
}

async function undo(setup: HostSetup): Promise<void> {
  await endProcess(setup)
  if (!setup.madeTap && findInterface(setup.tap) !== null) {
    const there = findInterface(setup.tap)
    for (const address of setup.addresses) {
      if (there?.addresses.includes(address) === true) removeAddress(setup.tap, address)
    }
    if (!setup.wasUp) setUp(setup.tap, false)
  }
  removeSockets(setup)
  removeRecord(setup.dir)
}

/** The interface that the process made goes with it. */
async function endProcess(setup: HostSetup): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!isRunning(setup)) return
    process.kill(setup.pid, signal)
    const until = performance.now() + PATIENCE_MS
    while (isRunning(setup) && performance.now() < until) await new Promise((settle) => setTimeout(settle, LOOK_MS))
  }
}

/** What a switch that was killed leaves in its directory is sockets only; whatever else is there is somebody's. */
function removeSockets({ dir, madeDirectory }: HostSetup): void {
  let names: string[]
  try {
    names = readdirSync(dir)
  } catch {
    return
  }
  for (const name of names) {
    const path = join(dir, name)
    if (lookAt(path)?.isSocket() === true) rmSync(path, { force: true })
  }
  if (!madeDirectory) return
  try {
    rmdirSync(dir)
  } catch (error) {
    if (!isCode(error, 'ENOTEMPTY') && !isCode(error, 'ENOENT')) throw error
  }
}

function taken(dir: string): NetError {
  return new NetError('EADDRINUSE', 'vde', {
    message: `there is a switch at ${dir} already. See who is on it: ioth ps -f ${dir}; or stop it: ioth vde stop ${dir}`,
  })
}
