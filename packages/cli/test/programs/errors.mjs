// What goes wrong, as Node tells it.
import { connect, createServer } from 'node:net'

const seen = []
function failure(emitter) {
  return new Promise((resolve) => {
    emitter.once('error', ({ message, code, syscall, address, port }) =>
      resolve(seen.push({ message, code, syscall, address, port })),
    )
  })
}

const server = createServer()
await new Promise((resolve) => server.listen(80, '10.40.0.32', resolve))
await failure(createServer().listen(80, '10.40.0.32'))
await failure(connect(80, '192.0.2.1'))
await failure(connect(81, '10.40.0.32'))
server.close()
console.log(JSON.stringify(seen))
