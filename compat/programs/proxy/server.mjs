// http-proxy before an origin on another port, WebSockets too.
import http from 'node:http'
import httpProxy from 'http-proxy'
import { WebSocketServer } from 'ws'
import { bare, body, listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
const listen = (server, at) =>
  new Promise((resolve) => server.listen(at, address, () => resolve(server.address().port)))

const origin = http.createServer((request, response) => {
  if (request.url === '/body') response.end(body)
  else if (request.method === 'POST') request.pipe(response)
  else response.end(JSON.stringify({ ip: bare(request.headers['x-forwarded-for']) }))
})
new WebSocketServer({ server: origin }).on('connection', (socket) => {
  socket.on('message', (data) => socket.send(`${data}, proxied`))
})
const target = `http://${address ?? '127.0.0.1'}:${await listen(origin, 0)}`
const proxy = httpProxy.createProxyServer({ target, xfwd: true })
const server = http.createServer((request, response) => proxy.web(request, response))
server.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head))
ready(await listen(server, port))
