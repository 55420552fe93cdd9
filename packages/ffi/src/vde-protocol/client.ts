/**
 * Putting a plug into a switch that speaks the VDE protocol: Debian's `vde_switch`, ours, or any other.
 *
 * @module
 */
import { chmodSync, chownSync, realpathSync, statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { threadId } from 'node:worker_threads'
import { hasCode, NetError } from '@ioth/core'
import { closeDescriptor } from '../descriptor.ts'
import { removeSocket } from '../remove-socket.ts'
import { bindUnix, connectUnix, openUnixDatagram, parseUnixAddress, UNIX_ADDRESS_OCTETS } from '../unix-datagram.ts'
import { groupNumber } from './group.ts'
import { serializeVdeRequest } from './request.ts'

export interface VdeConnectOptions {
  /** The switch's directory, or, of a switch older than VDE 2, its socket. */
  readonly path: string
  /** Which port: a number, the name of a group of ports, or any. @default any */
  readonly port?: number | string
  /** Group of the plug's socket, by name or number: that of a switch which runs as another user. @default one that the switch can use */
  readonly group?: string
  /** Permissions of the plug's socket. @default 0o700, or what the switch needs when another user runs it */
  readonly mode?: number
  /** Who plugs in, for people. */
  readonly description: string
  /** How long the switch may take to answer, in milliseconds. @default 5000 */
  readonly timeoutMs?: number
}

/** A plug that is in. */
export interface VdeConnection {
  /** One frame a message, both ways. The caller closes it. */
  readonly fd: number
  /** Open as long as the plug is in; when it ends, the switch has gone. The caller destroys it. */
  readonly control: Socket
}

/** Where the plug's socket goes when it cannot be made beside the switch's. */
const OTHER_PLACES = ['/var/run', '/var/tmp', '/tmp']
const MOST_NAMES = 100_000
const DEFAULT_TIMEOUT_MS = 5_000

/**
 * Plugs in.
 * @throws NetError ENOENT, ECONNREFUSED, EACCES for the control socket; ETIMEDOUT when the switch does not answer, as Debian's does not
 * when all its ports are taken; ECONNRESET when it refuses; EINVAL; ERR_IOTH_BACKEND_UNUSABLE without koffi.
 */
export async function connectVde(options: VdeConnectOptions): Promise<VdeConnection> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, description } = options
  const { control, path, dir, byGroup } = await reach(options)
  const fd = openUnixDatagram()
  let name: string | null = null
  try {
    name = nameSocket(fd, dir)
    letIn(name, path, options)
    const port = byGroup ? 0 : portNumber(options.port)
    const request = serializeVdeRequest({ port, address: name, description })
    connectUnix(fd, await ask(control, request, path, timeoutMs))
    return { fd, control }
  } catch (error) {
    control.destroy()
    closeDescriptor(fd)
    throw error
  } finally {
    // Both sides are joined by now: the name is of no more use.
    if (name !== null) removeSocket(name)
  }
}

/** Connects to the control socket: that of a group of ports, the general one, or the switch itself of old ones. */
async function reach({ path, port, timeoutMs = DEFAULT_TIMEOUT_MS }: VdeConnectOptions): Promise<{
  control: Socket
  path: string
  dir: string | null
  byGroup: boolean
}> {
  const real = realpathSync(path)
  // The variant with 64 bits: the other one disturbs Node's own look at the paths of modules (seen in 20.20).
  if (!statSync(real, { bigint: true }).isDirectory()) {
    return { control: await open(real, timeoutMs), path: real, dir: null, byGroup: false }
  }
  if (typeof port === 'string' && !isNumber(port)) {
    if (port.includes('/')) throw new NetError('EINVAL', 'connect', { message: `"${port}" is no group of ports` })
    const socket = `${real}/${port}`
    return { control: await open(socket, timeoutMs), path: socket, dir: real, byGroup: true }
  }
  const socket = `${real}/ctl`
  return { control: await open(socket, timeoutMs), path: socket, dir: real, byGroup: false }
}

function open(path: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('error', reject)
    // A full backlog of a switch that does not accept.
    const late = (): void => void socket.destroy(noAnswer(path))
    socket.setTimeout(timeoutMs, late)
    socket.once('connect', () => {
      socket.off('error', reject).off('timeout', late).setTimeout(0)
      // What breaks is closed as well, which is what counts.
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}

/** Sends the request. @returns the path of the switch's socket for this plug. */
function ask(control: Socket, request: Uint8Array, path: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0)
    const finish = (error: Error | null, address = ''): void => {
      control.off('data', read).off('close', refused).off('timeout', late).setTimeout(0)
      if (error === null) resolve(address)
      else reject(error)
    }
    const late = (): void => finish(noAnswer(path))
    const refused = (): void => {
      const message = `the switch at ${path} refused the plug: the port may be taken, or all of them`
      finish(new NetError('ECONNRESET', 'connect', { address: path, message }))
    }
    const read = (data: Buffer): void => {
      answer = Buffer.concat([answer, data])
      if (answer.length < UNIX_ADDRESS_OCTETS) return
      const address = parseUnixAddress(answer)
      const message = `${path} does not speak the VDE protocol`
      if (address === null) finish(new NetError('EPROTO', 'connect', { address: path, message }))
      else finish(null, address)
      // Nothing more is said; but what is not read would hide the end.
      control.resume()
    }
    control.setTimeout(timeoutMs, late)
    control.on('close', refused)
    control.on('data', read)
    control.write(request)
  })
}

/** Gives the plug's socket a name that nobody has. */
function nameSocket(fd: number, dir: string | null): string {
  const prefixes = OTHER_PLACES.map((place) => `${place}/vde.`)
  if (dir !== null) prefixes.unshift(`${dir}/.`)
  let failure: unknown
  for (const prefix of prefixes) {
    for (let number = threadId * 1000; number < MOST_NAMES; number++) {
      const name = `${prefix}${fiveDigits(process.pid)}-${fiveDigits(number)}`
      try {
        bindUnix(fd, name)
        return name
      } catch (error) {
        failure = error
        if (!hasCode(error, 'EADDRINUSE')) break
      }
    }
  }
  throw failure
}

/** Lets the switch send to the plug's socket, should another user run it. */
function letIn(name: string, control: string, { group, mode }: VdeConnectOptions): void {
  let permissions = mode ?? 0o700
  if (group !== undefined) {
    chownSync(name, -1, groupNumber(group))
  } else if ((permissions & 0o077) === 0 && mode === undefined) {
    const { uid, gid } = statSync(control, { bigint: true })
    const isOthers = uid !== 0n && uid !== BigInt(process.geteuid?.() ?? 0)
    if (isOthers) permissions |= giveGroup(name, Number(gid)) ? 0o070 : 0o077
  }
  chmodSync(name, permissions)
}

function giveGroup(name: string, gid: number): boolean {
  try {
    chownSync(name, -1, gid)
    return true
  } catch {
    return false
  }
}

function portNumber(port: number | string | undefined): number {
  return port === undefined ? 0 : Number(port)
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text)
}

function fiveDigits(number: number): string {
  return String(number).padStart(5, '0')
}

function noAnswer(path: string): NetError {
  const message = `the switch at ${path} does not answer: all its ports may be taken (vde_switch -n NUMBER gives it more)`
  return new NetError('ETIMEDOUT', 'connect', { address: path, message })
}
