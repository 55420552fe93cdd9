/**
 * A Unix stream server under a name of its own choice: takes the name from one that was killed, never from one that lives, and gives back
 * only what is still its own.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, renameSync, statSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { NetError } from '@ioth/core'
import { removeSocket } from './remove-socket.ts'

export interface UnixServer {
  readonly path: string
  readonly server: Server
  /** Whether the path still is this server's socket. */
  held(): boolean
  /** Removes the name and listens no more. Connections that there are stay. */
  close(): void
}

/** A group of the host whose users may connect too. */
export interface GroupAccess {
  readonly gid: number
}

/** Lets a group use a socket: only the user may, without one. @throws errors of the file system. */
export function admitGroup(path: string, access: GroupAccess | undefined): void {
  if (access !== undefined) chownSync(path, -1, access.gid)
  chmodSync(path, access === undefined ? 0o600 : 0o660)
}

/**
 * Listens. Only the user may connect, and a group that is named.
 * @throws NetError EADDRINUSE when somebody answers there already; errors of the file system.
 */
export async function listenUnix(
  path: string,
  connected: (socket: Socket) => void,
  access?: GroupAccess,
): Promise<UnixServer> {
  if (await answers(path)) {
    throw new NetError('EADDRINUSE', 'listen', { address: path, message: `somebody answers at ${path} already` })
  }
  removeSocket(path)
  const server = createServer(connected)
  // Node removes the name it listened on when it stops, whoever has it by then: so it gets one that nobody else will have.
  const own = join(dirname(path), `.c${randomBytes(3).toString('hex')}`)
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    // Nobody else may connect, from the first instant. (Workers cannot set the mask; there the directory protects.)
    const mask = isMainThread ? process.umask(0o177) : null
    try {
      server.listen(own, () => {
        server.off('error', fail)
        done()
      })
    } finally {
      if (mask !== null) process.umask(mask)
    }
  })
  admitGroup(own, access)
  renameSync(own, path)
  const inode = inodeOf(path)
  const held = (): boolean => inodeOf(path) === inode
  return {
    path,
    server,
    held,
    close() {
      if (held()) removeSocket(path)
      server.close()
    },
  }
}

/** Whether anybody listens at a socket's path. @throws when it cannot be asked. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false)
      else reject(error)
    })
  })
}

/** 0: there is nothing. */
function inodeOf(path: string): bigint {
  // The variant with 64 bits: the other one disturbs Node's own look at the paths of modules (seen in 20.20).
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino ?? 0n
}
