/**
 * The directory of a switch: what must hold before it is used, and for each way in which it does not, an error in words that names the
 * next command.
 *
 * @module
 */
import { type BigIntStats, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { NetError } from '@ioth/core'
import { lookAt } from './look-at.ts'

/** The stream plug's socket in a switch's directory. */
const STREAM_SOCKET = 'stream'
/** The socket of the VDE protocol, where other VDE tools plug in. */
const CTL_SOCKET = 'ctl'
/** Octets of `sun_path` that a Unix socket's path may fill: 107 on Linux, 103 on macOS and the BSDs. */
const LONGEST_SOCKET_PATH = process.platform === 'linux' ? 107 : 103
/** A switch that starts listens on a name of this length first. */
const LONGEST_SOCKET_NAME = 8

/** The path of the stream plug's socket. @throws NetError ERR_IOTH_NETWORK when it is too long for a Unix socket. */
export function streamSocketPath(dir: string): string {
  const path = join(resolve(dir), STREAM_SOCKET)
  const length = Buffer.byteLength(path) - STREAM_SOCKET.length + LONGEST_SOCKET_NAME
  if (length > LONGEST_SOCKET_PATH) {
    throw networkError(
      `the path ${dir} is too long for a switch: a Unix socket in it would need ${length} octets, ${LONGEST_SOCKET_PATH} are possible. ` +
        'Choose a shorter one, such as: ioth switch /tmp/lan',
    )
  }
  return path
}

/**
 * Looks whether a switch can be where a path says, before it is connected to.
 * @throws NetError ERR_IOTH_NETWORK with what is there instead.
 */
export function checkSwitchDirectory(dir: string): void {
  const path = streamSocketPath(dir)
  const found = look(dir)
  if (found === null) throw noSwitch(dir, 'there is no such directory')
  if (found.isSocket()) {
    throw networkError(`${dir} is a socket, not the directory of a switch. Name its directory: ${resolve(dir, '..')}`)
  }
  if (!found.isDirectory()) {
    throw networkError(`${dir} is a file, not the directory of a switch. Choose another: ioth switch DIR`)
  }
  checkOwner(dir, found)
  const socket = look(path)
  if (socket === null) {
    if (look(join(dir, CTL_SOCKET)) !== null) {
      throw networkError(
        `the switch in ${dir} is another program's (it has ctl, but not stream), and cannot be joined yet. Start one of ours: ioth switch DIR`,
      )
    }
    const empty = isEmpty(dir)
    throw noSwitch(dir, empty ? 'the directory is empty' : 'the directory holds no switch')
  }
  if (!socket.isSocket()) throw networkError(`${path} is not a socket. Choose another directory: ioth switch DIR`)
  checkOwner(path, socket)
}

/**
 * Makes the directory of a switch that starts, or takes an existing one.
 * @param mine it must be the user's own and closed to all others, as a runtime directory is; else only closed to their writing.
 * @throws NetError ERR_IOTH_NETWORK.
 */
export function makeSwitchDirectory(dir: string, mine: boolean): void {
  streamSocketPath(dir)
  try {
    mkdirSync(dir, { mode: 0o700 })
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw cannotMake(dir, error)
  }
  // Of a runtime directory in a place that all may write to, a link could lead elsewhere.
  const found = mine ? lstatSync(dir) : statSync(dir)
  if (!found.isDirectory()) {
    throw networkError(`${dir} is there and is no directory. Choose another: ioth switch DIR`)
  }
  const uid = process.getuid?.()
  if (uid === undefined) return
  if (found.uid !== uid) {
    throw networkError(`${dir} belongs to another user (${found.uid}). Choose a directory of your own: ioth switch DIR`)
  }
  const open = found.mode & (mine ? 0o077 : 0o022)
  if (open !== 0) {
    throw networkError(
      `others may ${mine ? 'use' : 'write to'} ${dir}. Close it first: chmod ${mine ? '700' : 'go-w'} ${dir}`,
    )
  }
}

/** No switch where one was looked for. */
export function noSwitch(dir: string, why: string, cause?: unknown): NetError {
  return networkError(`no switch at ${dir}: ${why}. Start one: ioth switch ${shown(dir)}`, cause)
}

/** Connecting to the switch's socket failed. */
export function cannotConnect(dir: string, error: Error): NetError {
  if (isCode(error, 'ECONNREFUSED')) return noSwitch(dir, 'its process is gone and has left its socket behind', error)
  if (isCode(error, 'ENOENT')) return noSwitch(dir, 'its socket is gone', error)
  if (isCode(error, 'EACCES') || isCode(error, 'EPERM')) return forbidden(dir, error)
  return noSwitch(dir, (error as NodeJS.ErrnoException).code ?? error.message, error)
}

/** The network cannot be joined, with a message of ours. */
export function networkError(message: string, cause?: unknown): NetError {
  return new NetError('ERR_IOTH_NETWORK', 'network', cause === undefined ? { message } : { message, cause })
}

/** Whether an error carries one of Node's codes. */
export function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === code
}

function look(path: string): BigIntStats | null {
  try {
    return lookAt(path) ?? null
  } catch (error) {
    if (isCode(error, 'ENOTDIR'))
      throw networkError(`${path}: a part of this path is a file. Choose another: ioth switch DIR`)
    if (isCode(error, 'EACCES')) throw forbidden(path, error)
    throw networkError(`${path} cannot be looked at (${(error as NodeJS.ErrnoException).code}).`, error)
  }
}

/** You may not use what is there. */
function forbidden(path: string, cause: unknown): NetError {
  return networkError(
    `permission denied at ${path}: the switch belongs to another user. Start one of your own: ioth switch DIR`,
    cause,
  )
}

/** A switch of a third user could read and change everything: neither ours nor root's is refused. */
function checkOwner(path: string, found: BigIntStats): void {
  const uid = process.getuid?.()
  if (uid === undefined || found.uid === BigInt(uid) || found.uid === 0n) return
  throw networkError(
    `${path} belongs to another user (${found.uid}), who could read and change all traffic. Start one of your own: ioth switch DIR`,
  )
}

function cannotMake(dir: string, error: unknown): NetError {
  const why = isCode(error, 'ENOENT')
    ? `there is no directory ${resolve(dir, '..')}`
    : isCode(error, 'EACCES') || isCode(error, 'EPERM') || isCode(error, 'EROFS')
      ? 'permission denied'
      : isCode(error, 'ENOTDIR')
        ? 'a part of the path is a file'
        : String((error as NodeJS.ErrnoException).code)
  return networkError(`the directory ${dir} cannot be made: ${why}. Choose another: ioth switch DIR`, error)
}

function isEmpty(dir: string): boolean {
  try {
    return readdirSync(dir).length === 0
  } catch {
    return false
  }
}

/** A path as it can be typed. */
function shown(dir: string): string {
  const path = isAbsolute(dir) ? dir : resolve(dir)
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
