// Two stacks on the switch whose directory is given; one is behind a link that loses 5 % and takes 10 ms. Both send 10 MB to each other.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { bindNode, createStack, impair } from 'ioth'

const [vnl] = process.argv.slice(2)
const bad = (link, shared) => impair(link, { ...shared, seed: 1, loss: 0.05, delayMs: 10 })
const left = await createStack({ vnl, addresses: ['10.40.0.1/24'] })
const right = await createStack({ vnl, addresses: ['10.40.0.2/24'] }, { wrap: bad })

const up = randomBytes(10_000_000)
const down = randomBytes(10_000_000)

const server = bindNode(left).net.createServer({ allowHalfOpen: true }).listen(80)
await once(server, 'listening')
const client = bindNode(right).net.connect({ host: '10.40.0.1', port: 80, allowHalfOpen: true })
const [peer] = await once(server, 'connection')
client.end(up)
peer.end(down)
const [gotDown, gotUp] = await Promise.all([hashOf(client), hashOf(peer)])
console.log(`down ${gotDown === hash(down) ? 'intact' : 'damaged'}, up ${gotUp === hash(up) ? 'intact' : 'damaged'}`)

server.close()
await right.close()
await left.close()

/** Of all that a socket receives. (An iterator would destroy the socket at its end, with what it has still to send.) */
async function hashOf(socket) {
  const sum = createHash('sha256')
  socket.on('data', (piece) => sum.update(piece))
  await once(socket, 'end')
  return sum.digest('hex')
}

function hash(bytes) {
  return createHash('sha256').update(bytes).digest('hex')
}
