// Two stacks on the switch whose directory is given; one is behind a link that loses 5 % and takes 10 ms. Both send 10 MB to each other.
import { createHash, randomBytes } from 'node:crypto'
import { bindNode, createStack, impair } from 'ioth'

const [vnl] = process.argv.slice(2)
const bad = (link, shared) => impair(link, { ...shared, seed: 1, loss: 0.05, delayMs: 10 })
const left = await createStack({ vnl, addresses: ['10.40.0.1/24'] })
const right = await createStack({ vnl, addresses: ['10.40.0.2/24'] }, { wrap: bad })

const up = randomBytes(10_000_000)
const down = randomBytes(10_000_000)
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')
const all = async (socket) => hash(Buffer.concat(await socket.toArray()))

let received
const upload = new Promise((resolve) => {
  received = resolve
})
const server = bindNode(left).net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.end(down)
  received(all(socket))
})
server.listen(80, async () => {
  const socket = bindNode(right).net.connect({ host: '10.40.0.1', port: 80, allowHalfOpen: true })
  socket.end(up)
  const got = await all(socket)
  console.log(
    `down ${got === hash(down) ? 'intact' : 'damaged'}, up ${(await upload) === hash(up) ? 'intact' : 'damaged'}`,
  )
  server.close()
  await right.close()
  await left.close()
})
