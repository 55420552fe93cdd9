// Serves until it is killed.
import net from 'node:net'

net
  .createServer((socket) => {
    socket.on('error', () => {})
    socket.write('hello')
  })
  .listen(8080, () => process.send?.('ready'))
