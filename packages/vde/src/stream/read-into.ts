/**
 * Reading a socket into memory of ours (`onread` of `net.Socket`), for sockets that a server accepted, too.
 *
 * @module
 */
import type { OnReadOpts } from 'node:net'
import { Socket } from 'node:net'
import { readInto } from './stream-input.ts'

/** Takes the octets that were just read into {@link readInto}; false stops reading until `resume()`. */
export type OnRead = (octets: number) => boolean

/** The option of `net.connect`. */
export function onReadOption(callback: OnRead): OnReadOpts {
  return { buffer: readInto, callback }
}

/**
 * Takes over a socket that a server with `pauseOnConnect` accepted: such sockets cannot be given `onread`, so their handle moves to a
 * socket that has it. Should a version of Node hide the handle, the octets are copied from 'data' events instead.
 */
export function adopt(accepted: Socket, callback: OnRead): Socket {
  const holder = accepted as unknown as { _handle: unknown }
  const handle = holder._handle
  if (handle === null || typeof handle !== 'object') return readByEvents(accepted, callback)
  holder._handle = null
  const socket = new Socket({ handle, onread: onReadOption(callback) } as ConstructorParameters<typeof Socket>[0])
  // The emptied first socket leaves its server's count of connections by this.
  accepted.destroy()
  return socket
}

function readByEvents(socket: Socket, callback: OnRead): Socket {
  socket.on('data', (data: Buffer) => {
    for (let at = 0; at < data.length; at += readInto.length) {
      const octets = data.copy(readInto, 0, at, at + readInto.length)
      if (!callback(octets)) socket.pause()
    }
  })
  socket.resume()
  return socket
}
