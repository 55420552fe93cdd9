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
/** The longest name of a socket there: `65535.65535`, that of a VDE plug on the switch's side. */
const LONGEST_SOCKET_NAME = 11

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

/** What there is in a switch's directory: ours has the stream plug's socket, all have that of the VDE protocol. */
export type SwitchKind = 'stream' | 'ctl'

/**
 * Looks whether a switch can be where a path says, before it is connected to.
 * @param trusted it may be a third user's: whoever asks for a group's switch knows whose it is.
 * @returns how to join it.
 * @throws NetError ERR_IOTH_NETWORK with what is there instead.
 */
export function findSwitch(dir: string, trusted = false): SwitchKind {
  const path = streamSocketPath(dir)
  const found = look(dir)
  if (found === null) throw noSwitch(dir, 'there is no such directory')
  if (found.isSocket()) {
    throw networkError(`${dir} is a socket, not the directory of a switch. Name its directory: ${resolve(dir, '..')}`)
  }
  if (!found.isDirectory()) {
    throw networkError(`${dir} is a file, not the directory of a switch. Choose another: ioth switch DIR`)
  }
  if (!trusted) checkOwner(dir, found)
  const socket = look(path)
  if (socket === null) {
    const control = join(dir, CTL_SOCKET)
    const other = look(control)
    if (other === null) {
      throw noSwitch(dir, isEmpty(dir) ? 'the directory is empty' : 'the directory holds no switch')
    }
    if (!other.isSocket()) throw networkError(`${control} is not a socket. Choose another directory: ioth switch DIR`)
    if (!trusted) checkOwner(control, other)
    return 'ctl'
  }
  if (!socket.isSocket()) throw networkError(`${path} is not a socket. Choose another directory: ioth switch DIR`)
  if (!trusted) checkOwner(path, socket)
  return 'stream'
}

/** As {@link findSwitch}, for a switch of ours. @throws NetError ERR_IOTH_NETWORK also when it is another program's. */
export function checkSwitchDirectory(dir: string): void {
  if (findSwitch(dir) === 'stream') return
  throw networkError(
    `the switch in ${dir} is another program's (it has ctl, but not stream): it cannot be asked. Start one of ours: ioth switch DIR`,
  )
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
    `${path} belongs to another user (${found.uid}), who could read and change all traffic. Start one of your own: ioth switch DIR, or trust its group: vde://${path.replace(/\/(ctl|stream)$/, '')}[group=NAME]`,
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
