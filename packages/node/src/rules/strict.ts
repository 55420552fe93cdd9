/**
 * `--strict`: what could reach past the node's network without going through a socket of Node's is refused at the call: native add-ons,
 * descriptors of sockets that come from elsewhere, programs that are not Node, the debugger. Sockets of the host themselves are refused
 * where handles are given to a network.
 *
 * @module
 */
import { ChildProcess } from 'node:child_process'
import { closeSync, existsSync, openSync, readSync, realpathSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { basename, delimiter, resolve } from 'node:path'
import { processBinding } from '../process-binding.ts'
import type { HostRules } from './host-rules.ts'
import { refuse } from './refuse.ts'

type Method = (this: unknown, ...args: never[]) => unknown

let installed = false

/** From now on, and for good. @throws NetError ERR_IOTH_STRICT when the debugger listens already. */
export function installStrict(rules: HostRules): void {
  const inspector = process.getBuiltinModule('node:inspector')
  if (inspector.url() !== undefined) throw refuse('inspect', 'the debugger, which listens on a port of the host,', null)
  if (installed) return
  installed = true
  before(process, 'dlopen', ([, file]) => {
    const path = String(file)
    if (!isOurs() && !rules.allowsAddon(path)) throw refuse('dlopen', `the add-on ${path}`, `addon:${addonName(path)}`)
  })
  for (const [binding, name] of [
    ['tcp_wrap', 'TCP'],
    ['udp_wrap', 'UDP'],
  ] as const) {
    const { prototype } = processBinding(binding)[name] as { prototype: object }
    before(prototype, 'open', ([fd]) => {
      // Standard input, output and error are what whoever started the program gave it.
      if (Number(fd) > 2) throw refuse('open', `descriptor ${fd}, a socket of the host,`, null)
    })
  }
  const refuseProgram = ([options]: readonly unknown[]): void => {
    const { file, cwd, envPairs } = options as { file: string; cwd?: unknown; envPairs?: readonly string[] }
    const path = findProgram(file, typeof cwd === 'string' ? cwd : process.cwd(), envPairs)
    if (path === null || isNode(path) || rules.allowsProgram(path) || rules.allowsProgram(file)) return
    throw refuse('spawn', `the program ${file}, which is not Node,`, `exec:${basename(file)}`)
  }
  before(ChildProcess.prototype, 'spawn', refuseProgram)
  before(processBinding('spawn_sync'), 'spawn', refuseProgram)
  before(inspector, 'open', () => {
    throw refuse('inspect', 'the debugger, which listens on a port of the host,', null)
  })
  syncBuiltinESMExports()
}

/** Calls something with a method's arguments before the method itself. */
function before(owner: object, name: string, look: (args: readonly unknown[]) => void): void {
  const holder = owner as Record<string, Method | undefined>
  const native = holder[name]
  if (native === undefined) return
  const method = {
    [name](this: unknown, ...args: never[]): unknown {
      look(args)
      return Reflect.apply(native, this, args)
    },
  }[name]
  Object.defineProperty(owner, name, { value: method, writable: true, configurable: true, enumerable: true })
}

/** Whether the library that is being loaded is one that ioth itself asked for. */
function isOurs(): boolean {
  return (globalThis as Record<symbol, unknown>)[Symbol.for('@ioth/ffi/loading')] === true
}

/** The package of an add-on, or its file. */
function addonName(path: string): string {
  const [, name] = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(path) ?? []
  return name ?? basename(path)
}

/** Where the system would find a program; null where it would not: its own error is the right one. */
function findProgram(file: string, cwd: string, envPairs: readonly string[] | undefined): string | null {
  if (/[\\/]/.test(file)) return existing(resolve(cwd, file))
  const pair = envPairs?.find((each) => /^path=/i.test(each))
  const folders = pair === undefined ? (process.env.PATH ?? '') : pair.slice(5)
  for (const folder of folders.split(delimiter)) {
    const path = existing(resolve(cwd, folder, file))
    if (path !== null) return path
  }
  return null
}

function existing(path: string): string | null {
  return existsSync(path) ? path : null
}

/** Whether a program is Node, or a script that Node runs. */
function isNode(path: string): boolean {
  const real = realpathSync(path)
  if (real === realpathSync(process.execPath) || /^node(\.exe)?$/i.test(basename(real))) return true
  return /^#!.*\bnode\b/.test(firstLine(real))
}

function firstLine(path: string): string {
  const start = Buffer.alloc(256)
  try {
    const fd = openSync(path, 'r')
    try {
      return start.toString('latin1', 0, readSync(fd, start)).split('\n', 1)[0] as string
    } finally {
      closeSync(fd)
    }
  } catch {
    // Not ours to read: then not ours to call Node.
    return ''
  }
}
