// A web site and an echo of datagrams, on the host's own network.

import { createHash } from 'node:crypto'
import dgram from 'node:dgram'
import http from 'node:http'

const big = Buffer.alloc(1_000_000, 'the world ')
const site = http.createServer((request, response) => {
  if (request.method === 'POST') {
    const sum = createHash('sha256')
    request.on('data', (octets) => sum.update(octets)).on('end', () => response.end(sum.digest('hex')))
  } else if (request.url === '/big') response.end(big)
  else response.end(`The world greets ${request.socket.remoteAddress}.\n`)
})
// On a busy machine a client may still be reading what was written long ago.
site.keepAliveTimeout = 60_000
const echo = dgram.createSocket('udp6')
echo.on('message', (octets, { port, address }) => echo.send(octets, port, address))
echo.bind(7, () => site.listen(80, '::', () => console.log('the world is there')))
