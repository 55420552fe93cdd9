// Started by npm, that is by a shell that npm starts: a node of a network like any other.
const http = require('node:http')

const address = process.env.COMPAT_ADDRESS
const server = http.createServer((request, response) => response.end(request.socket.remoteAddress))
server.listen(0, address, async () => {
  const response = await fetch(`http://${address}:${server.address().port}`)
  console.log('started by npm, seen from', await response.text())
  server.close()
  server.closeAllConnections()
})
