/**
 * A web server as anybody writes it: plain node:http, not one import of ioth.
 *
 *   npx ioth run examples/http-server.mjs -a 10.40.0.32/24
 *
 * `/` tells who answered whom. `/big` sends 100 MB (or `/big?size=OCTETS`) that are the same every time, and their SHA-256 in the header
 * `x-sha256`, so that a client can check what it got. The port is 80, or what PORT says.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { pipeline } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'

const PIECE = 65536

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://server')
  if (url.pathname === '/') {
    const { localAddress, localPort, remoteAddress } = request.socket
    response.end(`Hello ${bare(remoteAddress)}, this is ${bare(localAddress)} port ${localPort}.\n`)
  } else if (url.pathname === '/big') {
    const size = Number(url.searchParams.get('size') ?? 100e6)
    if (!Number.isSafeInteger(size) || size < 0) {
      response.writeHead(400).end('size must be a number of octets\n')
      return
    }
    response.setHeader('content-type', 'application/octet-stream')
    response.setHeader('content-length', size)
    response.setHeader('x-sha256', await sha256(size))
    pipeline(pieces(size), response, (error) => {
      if (error) console.error(`the client went away: ${error.message}`)
    })
  } else {
    response.writeHead(404).end('There is / and /big.\n')
  }
})

server.listen(Number(process.env.PORT ?? 80), () => {
  console.log(`Serving on port ${server.address().port}`)
})

/** The octets, in pieces: each piece begins with its number, the rest repeats. */
function* pieces(size) {
  for (let at = 0; at < size; at += PIECE) {
    const piece = Buffer.alloc(Math.min(PIECE, size - at), 'the Internet of Threads ')
    if (piece.length >= 4) piece.writeUInt32BE(at / PIECE)
    yield piece
  }
}

const known = new Map()

/** The checksum of a size, computed once, with a pause after each megabyte so that others are served meanwhile. */
async function sha256(size) {
  if (!known.has(size)) {
    const hash = createHash('sha256')
    let count = 0
    for (const piece of pieces(size)) {
      hash.update(piece)
      if (++count % 16 === 0) await turn()
    }
    known.set(size, hash.digest('hex'))
  }
  return known.get(size)
}

/** 10.40.0.32 rather than ::ffff:10.40.0.32. */
function bare(address = '') {
  return address.replace(/^::ffff:/, '')
}
