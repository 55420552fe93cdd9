/**
 * What is measured: bulk, request/response, and connections that carry one octet. Each tells a rate; higher is better.
 */
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'

const CHUNK = Buffer.alloc(65_536, 7)
const REQUEST = Buffer.alloc(64, 1)

const now = () => performance.now() / 1000

/** Octets per second from one writer to one reader. */
export async function bulk(driver, { octets }) {
  let received = 0
  const done = new Promise((resolve) => {
    driver.onConnection = (socket) => {
      socket.on('data', (chunk) => {
        received += chunk.length
        if (received >= octets) resolve()
      })
      socket.on('end', () => socket.end())
    }
  })
  const socket = driver.connect()
  await once(socket, 'connect')
  const since = now()
  writeAll(socket, octets)
  await done
  const seconds = now() - since
  await ended(socket)
  return received / seconds
}

/** Writes with respect for backpressure, then ends. */
export function writeAll(socket, octets) {
  let left = octets
  const more = () => {
    while (left > 0) {
      const chunk = left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left)
      left -= chunk.length
      if (!socket.write(chunk)) {
        if (left > 0) socket.once('drain', more)
        return
      }
    }
  }
  more()
}

/** Round trips of 64 octets each way per second, over a number of connections that each have one request under way. */
export async function requests(driver, { connections, count }) {
  driver.onConnection = echo
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = driver.connect()
      await once(socket, 'connect')
      return socket
    }),
  )
  const since = now()
  const each = Math.floor(count / connections)
  await Promise.all(sockets.map((socket) => ask(socket, each)))
  const seconds = now() - since
  await Promise.all(sockets.map(ended))
  return (each * connections) / seconds
}

/** Answers every 64 octets with 64 octets. */
export function echo(socket) {
  let waiting = 0
  socket.on('data', (chunk) => {
    waiting += chunk.length
    while (waiting >= REQUEST.length) {
      waiting -= REQUEST.length
      socket.write(REQUEST)
    }
  })
  socket.on('end', () => socket.end())
}

export function ask(socket, count) {
  return new Promise((resolve) => {
    let left = count
    let waiting = 0
    socket.on('data', (chunk) => {
      waiting += chunk.length
      if (waiting < REQUEST.length) return
      waiting -= REQUEST.length
      if (--left === 0) resolve()
      else socket.write(REQUEST)
    })
    socket.write(REQUEST)
  })
}

/** Connections per second: connect, one octet, close; eight under way at any time. */
export async function connections(driver, { count }) {
  driver.onConnection = (socket) => {
    socket.on('data', () => {})
    socket.on('end', () => socket.end())
  }
  let left = count
  const one = async () => {
    while (left-- > 0) {
      const socket = driver.connect()
      socket.on('connect', () => socket.end('x'))
      socket.resume()
      await once(socket, 'close')
    }
  }
  const since = now()
  await Promise.all(Array.from({ length: 8 }, one))
  return count / (now() - since)
}

async function ended(socket) {
  const closed = once(socket, 'close')
  socket.resume()
  socket.end()
  await closed
}
