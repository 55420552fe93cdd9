// Tells its life in lines that are the same on every run: keep-alive, many connections at once, and how it ends.
import { createServer } from 'node:http'

const sockets = new Set()
let open = 0
let requests = 0

const server = createServer((request, response) => {
  requests++
  response.setHeader('x-request', new URL(request.url, 'http://server').searchParams.get('n') ?? '-')
  response.end(`${request.method} ${request.url}`)
  if (request.url === '/finish') {
    server.close(() => console.log('server closed'))
    console.log(`closing: listening ${server.listening}`)
  }
})
server.on('connection', (socket) => {
  sockets.add(socket)
  socket.on('close', (hadError) => {
    if (hadError) console.log('a connection failed')
    if (--open === 0) console.log('last connection closed')
  })
  open++
})
server.on('close', () => console.log(`close event after ${requests} requests on ${sockets.size} connections`))
process.on('beforeExit', () => console.log('beforeExit'))
process.on('exit', (code) => console.log(`exit ${code}`))
server.listen(Number(process.argv[2]), () => console.log(`ready ${server.address().port}`))
