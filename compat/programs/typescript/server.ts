// A program in TypeScript, with an enum, which Node itself does not take; run by tsx.
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bare, body, listenWhere, ready } from '../arguments.mjs'

enum Path {
  Root = '/',
  Body = '/body',
}

const { port, address } = listenWhere()
const server = http.createServer((request: IncomingMessage, response: ServerResponse) => {
  if (request.method === 'POST') request.pipe(response)
  else if (request.url === Path.Body) response.end(body)
  else response.end(JSON.stringify({ ip: bare(request.socket.remoteAddress) }))
})
server.listen(port, address, () => ready((server.address() as AddressInfo).port))
