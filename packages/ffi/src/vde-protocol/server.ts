/**
 * The switch's side of the VDE protocol: `DIR/ctl`, into which vde_plug, QEMU, LWIPv6 and all programs with libvdeplug plug, and a datagram
 * socket for each plug. What goes over those is the caller's: one frame a message.
 *
 * @module
 */
import { readdirSync, statSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { closeDescriptor } from '../descriptor.ts'
import { removeSocket } from '../remove-socket.ts'
import { bindUnix, connectUnix, openUnixDatagram, serializeUnixAddress } from '../unix-datagram.ts'
import { admitGroup, type GroupAccess, listenUnix, type UnixServer } from '../unix-server.ts'
import { LEAST_VDE_REQUEST, LONGEST_DESCRIPTION, parseVdeRequest, type VdeRequest } from './request.ts'

export interface VdeServerOptions {
  /** The directory, which must exist. */
  readonly dir: string
  /**
   * Chooses the port of a plug that asks. Not called again for it.
   * @returns its number, or why it is refused (the protocol has no words for that: the plug sees the stream end).
   */
  admit(request: VdeRequest): number | VdeRefusal
  /** A plug is in. */
  plugged(plug: PluggedVde): void
  /** A connection ended before it became a plug, for counters. */
  refused?(reason: string): void
  /** A group whose users may plug in, beside the user. */
  readonly access?: GroupAccess
  /** Connections that have not asked yet, at most. @default 64 */
  readonly maxWaiting?: number
  /** How long a connection may take to ask, in milliseconds. @default 5000 */
  readonly patienceMs?: number
}

export interface VdeRefusal {
  readonly refusal: string
}

/** A plug that is in. */
export interface PluggedVde {
  readonly port: number
  readonly request: VdeRequest
  /** Joined to the plug's socket, non-blocking. The taker closes it, in {@link onEnded} at the latest. */
  readonly fd: number
  /** Called once, when the plug has gone or {@link close} was called. To be set in {@link VdeServerOptions.plugged}. */
  onEnded: (() => void) | null
  /** Pulls the plug. Idempotent. */
  close(): void
}

export interface VdeServer {
  /** Path of the control socket. */
  readonly path: string
  /** Whether the path still is this server's socket. */
  held(): boolean
  /** The process may end although the server runs. */
  unref(): void
  /** Pulls all plugs and removes all sockets. Idempotent. */
  close(): Promise<void>
}

/** Names of the sockets of plugs, ours or Debian's. */
const DATA_SOCKET = /^\d{3,}\.\d+$/

/**
 * Serves the VDE protocol in a directory.
 * @throws NetError EADDRINUSE when something answers at its `ctl` already; EACCES, ENOENT…
 */
export async function listenVde(options: VdeServerOptions): Promise<VdeServer> {
  const dir = resolve(options.dir)
  const path = join(dir, 'ctl')
  // Too long a path fails here, in words.
  serializeUnixAddress(`${dir}/65535.65535`)
  const server = new ControlServer(dir, path, options)
  await server.listen()
  clearStale(dir)
  return server
}

class ControlServer implements VdeServer {
  readonly path: string
  private readonly dir: string
  private readonly options: VdeServerOptions
  private server: UnixServer | null = null
  private readonly waiting = new Set<Socket>()
  private readonly plugs = new Set<Plugged>()
  private referenced = true
  private closing: Promise<void> | null = null

  constructor(dir: string, path: string, options: VdeServerOptions) {
    this.dir = dir
    this.path = path
    this.options = options
  }

  async listen(): Promise<void> {
    this.server = await listenUnix(this.path, (socket) => this.accept(socket), this.options.access)
  }

  held(): boolean {
    return this.server?.held() ?? false
  }

  unref(): void {
    this.referenced = false
    this.server?.server.unref()
    for (const socket of this.waiting) socket.unref()
    for (const plug of this.plugs) plug.control.unref()
  }

  close(): Promise<void> {
    this.closing ??= new Promise((done) => {
      for (const socket of this.waiting) socket.destroy()
      for (const plug of [...this.plugs]) plug.close()
      this.server?.server.once('close', () => done())
      this.server?.close()
    })
    return this.closing
  }

  private accept(socket: Socket): void {
    const { maxWaiting = 64, patienceMs = 5_000 } = this.options
    // A connection that breaks is closed as well; why makes no difference here.
    socket.on('error', () => {})
    if (!this.referenced) socket.unref()
    if (this.closing !== null || this.waiting.size >= maxWaiting) {
      socket.destroy()
      this.options.refused?.('waiting')
      return
    }
    this.waiting.add(socket)
    let kept = Buffer.alloc(0)
    const end = (reason: string): void => {
      socket.destroy()
      if (this.waiting.delete(socket)) this.options.refused?.(reason)
    }
    const late = (): void => end('late')
    const gone = (): void => end('gone')
    const read = (data: Buffer): void => {
      kept = Buffer.concat([kept, data.subarray(0, LEAST_VDE_REQUEST + LONGEST_DESCRIPTION + 1)])
      const request = parseVdeRequest(kept)
      if (request === 'incomplete') return
      if ('fault' in request) {
        end(request.fault)
        return
      }
      socket.off('data', read).off('close', gone).off('timeout', late).setTimeout(0)
      const refusal = this.plugIn(socket, request)
      if (refusal !== null) end(refusal)
    }
    socket.setTimeout(patienceMs, late)
    socket.on('close', gone)
    socket.on('data', read)
  }

  /** @returns why not. */
  private plugIn(control: Socket, request: VdeRequest): string | null {
    const port = this.options.admit(request)
    if (typeof port !== 'number') return port.refusal
    let fd = -1
    let name = ''
    try {
      fd = openUnixDatagram()
      connectUnix(fd, request.address)
      name = this.nameSocket(fd, port)
    } catch {
      if (fd >= 0) closeDescriptor(fd)
      return 'socket'
    }
    this.waiting.delete(control)
    const plug = new Plugged(control, fd, name, port, request, () => this.plugs.delete(plug))
    this.plugs.add(plug)
    if (!this.referenced) control.unref()
    this.options.plugged(plug)
    control.write(serializeUnixAddress(name))
    return null
  }

  private nameSocket(fd: number, port: number): string {
    const name = join(this.dir, `${String(port).padStart(3, '0')}.${fd}`)
    removeSocket(name)
    bindUnix(fd, name)
    admitGroup(name, this.options.access)
    return name
  }
}

class Plugged implements PluggedVde {
  readonly control: Socket
  readonly fd: number
  readonly port: number
  readonly request: VdeRequest
  onEnded: (() => void) | null = null
  private readonly name: string
  private readonly forget: () => void
  private isOpen = true

  constructor(control: Socket, fd: number, name: string, port: number, request: VdeRequest, forget: () => void) {
    this.control = control
    this.fd = fd
    this.name = name
    this.port = port
    this.request = request
    this.forget = forget
    control.on('close', () => this.close())
    // A plug says nothing more, and whatever it says is not for us.
    control.resume()
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.forget()
    this.onEnded?.()
    this.control.destroy()
    removeSocket(this.name)
  }
}

/** Removes the sockets of plugs that a switch left behind which was killed: by now we are the only one here. */
function clearStale(dir: string): void {
  for (const name of readdirSync(dir)) {
    const socket = join(dir, name)
    if (DATA_SOCKET.test(name) && statSync(socket, { bigint: true, throwIfNoEntry: false })?.isSocket()) {
      removeSocket(socket)
    }
  }
}
