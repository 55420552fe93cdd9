/**
 * The modules `qemu://SOCKET` and `passt://SOCKET`: the stream of QEMU (`-netdev stream`, `-netdev socket`) and passt, with four octets of
 * length before each frame. SOCKET is the path of a Unix socket, or HOST:PORT. With `[listen]` we are the server, and one client at a
 * time is the other end of the cable; without it we connect, and again when the other side went away.
 *
 * @module
 */
import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net'
import type { FramePool, Link, Scheduler } from '@ioth/core'
import { type Carrier, CarrierLink } from '../plug/carrier-link.ts'
import { carryByStream } from '../plug/framed-stream.ts'
import { openRejoiningLink } from '../plug/rejoining-link.ts'
import { removeSocket } from './look-at.ts'
import { isCode, networkError } from './switch-directory.ts'

interface Setup {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly mtu: number
}

/** @throws NetError ERR_IOTH_NETWORK */
export async function openQemu(address: string, listens: boolean, text: string, setup: Setup): Promise<Link> {
  if (address === '') throw networkError(`"${text}": there is no socket. An example: passt:///tmp/passt.socket`)
  const place = placeOf(address)
  if (listens) return await listenAt(place, text, setup)
  const open = (): Promise<Link> => connectTo(place, text, setup)
  return await openRejoiningLink({ ...setup, type: 'ethernet', name: text, open })
}

function placeOf(address: string): NetConnectOpts {
  const tcp = /^(\[[^\]]+\]|[^/:[\]]+):(\d{1,5})$/.exec(address)
  if (tcp === null) return { path: address }
  return { host: (tcp[1] as string).replace(/^\[(.*)\]$/, '$1'), port: Number(tcp[2]) }
}

function connectTo(place: NetConnectOpts, text: string, setup: Setup): Promise<Link> {
  return new Promise((resolve, reject) => {
    const socket = connect(place)
    socket.once('error', (error) => reject(cannotReach(text, error)))
    socket.once('connect', () => resolve(carry(socket, text, setup)))
  })
}

function carry(socket: Socket, text: string, setup: Setup): Link {
  socket.unref()
  const link = new CarrierLink({ ...setup, name: text, headroom: 4 })
  socket.on('error', () => {})
  socket.on('close', () => link.ended('the other side is gone'))
  return carryByStream(link, socket, socket, 4, {
    fault: (why) => link.ended(`the other side speaks another language: ${why}`),
    close: () => void socket.destroy(),
  })
}

/** The link is up from the beginning: without a client it is a cable that leads nowhere. */
async function listenAt(place: NetConnectOpts, text: string, setup: Setup): Promise<Link> {
  const link = new CarrierLink({ ...setup, name: text, headroom: 4 })
  const server = createServer()
  const nobody: Carrier = { send() {}, ready: () => true, flush: () => true, close: () => void server.close() }
  let client: Socket | null = null
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    if (client !== null) {
      socket.destroy()
      return
    }
    client = socket
    socket.unref()
    socket.on('close', () => {
      client = null
      link.ride(nobody).drained()
    })
    carryByStream(link, socket, socket, 4, {
      fault: () => void socket.destroy(),
      close: () => {
        socket.destroy()
        server.close()
      },
    })
  })
  if ('path' in place) await removeDead(place.path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(cannotReach(text, error)))
    server.listen(place, () => resolve())
  })
  server.unref()
  return link.ride(nobody)
}

/** Removes a socket that nobody listens at any more. */
function removeDead(path: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => socket.destroy())
    socket.on('error', (error) => {
      if (isCode(error, 'ECONNREFUSED')) removeSocket(path)
    })
    socket.on('close', () => resolve())
  })
}

function cannotReach(text: string, error: Error): Error {
  const why = isCode(error, 'ENOENT')
    ? 'there is no such socket'
    : isCode(error, 'ECONNREFUSED')
      ? 'nobody listens there'
      : isCode(error, 'EADDRINUSE')
        ? 'the socket is there already. Remove it, or connect to it without [listen]'
        : error.message
  return networkError(`"${text}": ${why}. To start passt: passt -f -s /tmp/passt.socket`, error)
}
