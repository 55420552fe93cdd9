/**
 * A plain socket server: node:net as anybody writes it, not one import of ioth. It answers each line in capitals and ends when it is told
 * "bye".
 *
 *   npx ioth run examples/dist/socket-server.js -a 10.40.0.32/24
 *   npx ioth run examples/dist/socket-client.js -a 10.40.0.33/24 10.40.0.32 hello bye
 */
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

const server = createServer(async (socket) => {
  console.log(`${socket.remoteAddress} is here`)
  for await (const line of createInterface({ input: socket })) {
    if (line === 'bye') {
      server.close()
      break
    }
    socket.write(`${line.toUpperCase()}\n`)
  }
  socket.end('good bye\n')
})

server.listen(8092, () => console.log('Listening on port 8092'))
