/**
 * The process of a node's hub: `node hub-process.js DIR`. What it is to be stands in `DIR/setup.json`; what became of it, in
 * `DIR/report.json`. It ends when no process of the node is left.
 *
 * @module
 */
import { readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { defaultPool, defaultScheduler, type Interface, parseIpAddress, type Stack } from '@ioth/core'
import { giveAddress } from '../default-network/give-address.ts'
import { REPORT_FILE, SETUP_FILE } from './desk-protocol.ts'
import { createHub, type NodeHub } from './hub.ts'
import type { HubReport, HubSetup } from './setup.ts'
import { removeStaleFolders } from './stale-folders.ts'
import { hasSurvivors } from './survivors.ts'

/** How long the first member may take to come, in milliseconds. */
const FIRST_MEMBER_MS = 30_000
/** How often processes are looked for that belong to the node and have not joined. The last one repeats. */
const LOOKS_MS = [10, 20, 50, 100, 200]

const [dir = ''] = process.argv.slice(2)
const setupPath = join(dir, SETUP_FILE)
const setup = JSON.parse(readFileSync(setupPath, 'utf8')) as HubSetup
unlinkSync(setupPath)
// Others on the network see the program.
process.argv[1] = setup.program
process.title = `ioth-hub ${dir}`
process.on('exit', () => rmSync(dir, { recursive: true, force: true }))

let hub: NodeHub | null = null
let leaving: NodeJS.Timeout | null = null
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop())

try {
  process.chdir(setup.cwd)
  if (setup.awaitsTurn) {
    report({ phase: 'loaded', pid: process.pid })
    await turn()
  }
  hub = await createHub({
    dir,
    config: setup.config,
    from: setup.from,
    scheduler: defaultScheduler(),
    pool: defaultPool(),
    onEmpty: () => leave(0),
  })
  const { front } = hub
  const { addresses = [], dhcp = false, slaac = false } = setup.config
  if (addresses.length === 0 && !dhcp && !slaac) {
    await giveAddress(front, setup.near === undefined ? undefined : parseIpAddress(setup.near))
  }
  leaving = setTimeout(() => leave(0), FIRST_MEMBER_MS)
  process.chdir('/')
  report({ phase: 'up', pid: process.pid, addresses: addressesOf(front) })
  void removeStaleFolders(dirname(dir)).catch(() => {})
} catch (error) {
  const { code = '', message } = error as NodeJS.ErrnoException
  report({ phase: 'failed', pid: process.pid, code, message })
  await hub?.close()
  process.exitCode = 69
}

/** Ends, unless somebody of the node is still there. */
function leave(look: number): void {
  if (leaving !== null) clearTimeout(leaving)
  leaving = null
  if (hub === null || hub.members > 0) return
  if (!hasSurvivors(dir)) return void stop()
  leaving = setTimeout(() => leave(Math.min(look + 1, LOOKS_MS.length - 1)), LOOKS_MS[look])
}

async function stop(): Promise<void> {
  const running = hub
  hub = null
  await running?.close()
  process.exit()
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    process.stdin.once('data', () => {
      process.stdin.destroy()
      resolve()
    })
    // Whoever was to say it is gone: nobody needs a hub.
    process.stdin.once('end', () => process.exit(69))
  })
}

/** In one step: nobody reads half a report. */
function report(words: HubReport): void {
  const path = join(dir, REPORT_FILE)
  writeFileSync(`${path}.new`, JSON.stringify(words), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

function addressesOf(stack: Stack): string[] {
  const [plug] = stack.interfaces as [Interface]
  return plug.addresses.map(({ address }) => address.toString())
}
