// Serves until it is killed, or its parent is gone, unless it is to stay.
import net from 'node:net'

if (process.argv[2] !== 'stay') process.on('disconnect', () => process.exit())

net
  .createServer((socket) => {
    socket.on('error', () => {})
    socket.write('hello')
  })
  .listen(8080, () => process.send?.('ready'))
