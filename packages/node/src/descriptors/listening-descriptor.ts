/**
 * A listener of a stack as a descriptor: a Unix socket that listens in the child, to which each connection of the stack is carried.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NativeTcp } from '../native.ts'
import { pump } from './pump.ts'

/** Connections that are carried at once; more are reset. */
const MOST_CONNECTIONS = 1024

export class ListeningDescriptor {
  private readonly server: Server = createServer()
  private readonly folder = mkdtempSync(join(tmpdir(), 'ioth-fd-'))
  private readonly path = join(this.folder, 'socket')
  private readonly open = new Set<Socket>()

  constructor() {
    const bound = join(this.folder, 'bound')
    this.server.listen(bound)
    // Closing our own copy of the descriptor removes the path it was bound to: it has another one by then.
    renameSync(bound, this.path)
  }

  /** What the child inherits. */
  get fd(): number {
    return (this.server as unknown as { _handle: { fd: number } })._handle.fd
  }

  /** From now on the child accepts. The listener ends with it. */
  serve(listener: NativeTcp, child: ChildProcess): void {
    this.server.close()
    const stop = listener as unknown as { close(): void }
    listener.onconnection = (status, client) => {
      if (status !== 0 || client === undefined) return
      const connection = new Socket({
        handle: client,
        allowHalfOpen: true,
        readable: true,
        writable: true,
      } as ConstructorParameters<typeof Socket>[0])
      if (this.open.size >= MOST_CONNECTIONS) {
        connection.resetAndDestroy()
        return
      }
      this.open.add(connection)
      connection.once('close', () => this.open.delete(connection))
      const carried = connect({ path: this.path, allowHalfOpen: true })
      pump(connection, carried, [carried])
    }
    child.once('exit', () => {
      stop.close()
      rmSync(this.folder, { recursive: true, force: true })
    })
  }

  /** There is no child. */
  close(): void {
    this.server.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
