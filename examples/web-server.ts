/**
 * A web server to be wrapped: plain node:http. One command gives it a switch and an address of its own on it, by the classic letters:
 *
 *   npx ioth run examples/dist/web-server.js -a 10.40.0.32 -d web0 -f /tmp/web0.ctl -l ts -c
 *   npx ioth curl -f /tmp/web0.ctl http://10.40.0.32/
 */
import { createServer } from 'node:http'
import { networkInterfaces } from 'node:os'

const server = createServer((request, response) => {
  response.setHeader('content-type', 'text/html')
  response.end(`<h1>It works</h1><p>${request.socket.localAddress} serves ${request.socket.remoteAddress}.</p>\n`)
})

server.listen(80, () => {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])
  for (const { address, internal } of addresses) if (!internal) console.log(`http://${address}/`)
})
