import http from 'node:http'

const server = http.createServer({ keepAliveTimeout: 60_000 }, (_request, response) => response.end('x'.repeat(64)))
server.listen(0, '127.0.0.1', () => process.send(server.address().port))
