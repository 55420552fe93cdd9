/**
 * Web streams (WHATWG) over a connection: bytes that arrive, and bytes to send. Backpressure is the connection's own.
 *
 * @module
 */
import { END, WOULD_BLOCK } from '../contract/readiness.ts'
import type { Connection } from './connection.ts'
import { receive } from './receive.ts'
import { WaitingRead } from './waiting-read.ts'

/** Octets that may wait in the writable stream, beside the socket's send buffer. */
const HIGH_WATER_MARK = 65536

type Controller = ReadableByteStreamController

export function openReadable(connection: Connection): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      type: 'bytes',
      pull(controller: Controller): Promise<void> | undefined {
        connection.checkRead({})
        if (feed(connection, controller)) return undefined
        return connection.wait(new ReadForStream(connection, controller))
      },
    },
    // Nothing is read before someone asks for it.
    { highWaterMark: 0 },
  )
}

export function openWritable(connection: Connection): WritableStream<Uint8Array | string> {
  return new WritableStream(
    {
      write: (chunk) => connection.write(chunk),
      close: () => connection.end(),
      abort: () => connection.reset(),
    },
    { highWaterMark: HIGH_WATER_MARK, size: (chunk) => chunk?.length ?? 0 },
  )
}

/** Gives the stream what there is; false: nothing now. @throws NetError when the connection has failed. */
function feed(connection: Connection, controller: Controller): boolean {
  const { socket } = connection
  const request = controller.byobRequest as { view: Uint8Array; respond(count: number): void } | null
  if (request === null) {
    const octets = receive(socket)
    if (octets === WOULD_BLOCK) return false
    if (typeof octets !== 'number') controller.enqueue(octets)
    else if (octets === END) controller.close()
    else throw socket.error
    return true
  }
  const { view } = request
  const count = socket.read(view, 0, view.length)
  if (count === WOULD_BLOCK) return false
  if (count >= 0) {
    request.respond(count)
  } else if (count === END) {
    controller.close()
    request.respond(0)
  } else {
    throw socket.error
  }
  return true
}

/** The stream's reader waits. */
class ReadForStream extends WaitingRead<void> {
  private readonly connection: Connection
  private readonly controller: Controller

  constructor(connection: Connection, controller: Controller) {
    super(connection.socket, {})
    this.connection = connection
    this.controller = controller
  }

  override serve(): void {
    try {
      if (feed(this.connection, this.controller)) this.succeed()
    } catch (error) {
      this.fail(error)
    }
  }
}
