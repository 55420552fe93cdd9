// Gives every octet back, on one connection, and ends with it.
import { createServer } from 'node:net'

const server = createServer((socket) => {
  socket.pipe(socket)
  server.close()
})
server.listen(7, () => console.log('ready'))
