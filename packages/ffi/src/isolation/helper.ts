/**
 * The helper process: a stack of some backend, for a program at the other end of descriptor 3.
 *
 * @module
 */
import { pathToFileURL } from 'node:url'
import { defaultScheduler } from '@ioth/core'
import { koffi } from '../koffi.ts'
import { Channel } from './channel.ts'
import { HelperHost } from './helper-host.ts'

const PR_SET_PDEATHSIG = 1
const SIGKILL = 9
const PROGRAM = 3

/** At once, whatever threads of a library still do: nobody is left who could wait for them. */
function leave(): void {
  process.kill(process.pid, 'SIGKILL')
}

// Awaited before anything else: a module that is loaded after the entry point has been evaluated gets the paths of symbolic links, and with
// them a second instance of every package (Node.js 20 with a linked node_modules).
const loading = import(pathToFileURL(process.argv[2] as string).href)
await loading.catch(() => {})

if (process.platform === 'linux') {
  koffi().load(null).func('int prctl(int, unsigned long)')(PR_SET_PDEATHSIG, SIGKILL)
}
// Signals that are meant for the program are not meant for its helper.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const) process.on(signal, () => {})

const scheduler = defaultScheduler()
const host = new HelperHost(loading)
const channel = new Channel(
  scheduler,
  PROGRAM,
  (kind, body, view) => host.take(kind, body, view),
  () => leave(),
)
host.serve(channel)
// The program may have died before the system was asked to tell.
if (process.ppid === 1) leave()
