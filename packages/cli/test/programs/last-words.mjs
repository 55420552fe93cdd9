// A server that says so many octets to whoever connects, and ends at once, in the way it is told.
import net from 'node:net'

const [way, octets] = process.argv.slice(2)
const server = net.createServer((socket) => {
  socket.write(Buffer.alloc(Number(octets), 'x'))
  if (way === 'exit') process.exit(3)
  if (way === 'throw') throw new Error('my last words')
  if (way === 'reject') void Promise.reject(new Error('my last words'))
  if (way === 'end') {
    socket.end()
    server.close()
  }
  if (way === 'unref') {
    socket.unref()
    server.unref()
  }
})
server.listen(80, () => console.log('ready'))
