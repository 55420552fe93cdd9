// Connects to itself, and sends the accepted ends to two children in turn: the other ends stay here. Always by the same two ports.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'

const [who] = process.argv.slice(2)

if (who !== undefined) {
  process.on('message', (_speech, socket) => {
    socket.on('error', ({ code }) => console.log(`${who}: ${code}`))
    socket.write(`${who} has it`)
    // It ends first, so that its side is the one that remembers the ports.
    socket.once('data', (data) => socket.end(`, heard ${data}`))
  })
  process.on('disconnect', () => process.exit())
} else {
  const children = ['first', 'second'].map((name) => fork(process.argv[1], [name]))
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true })
  await once(server.listen(80), 'listening')

  // The client is silent until it has heard something, so that of the connection nothing but the other end's words leaves this process; or
  // it speaks while the other end is on its way.
  for (const [turn, child] of [...children, ...children].entries()) {
    const accepted = once(server, 'connection')
    const client = await connect({})
    child.send('yours', ...(await accepted))
    const speak = () => client.write(`word ${turn}`)
    if (turn % 2 === 1) speak()
    console.log(await told(client, turn % 2 === 1 ? () => {} : speak))
  }

  // Or it has said everything, and that this was all.
  const accepted = once(server, 'connection')
  const client = await connect({ allowHalfOpen: true })
  await new Promise((done) => client.end('farewell', done))
  children[0].send('yours', ...(await accepted))
  console.log(await told(client, () => {}))

  for (const child of children) child.disconnect()
  server.close()
}

/** Tries until the ports are free: the last acknowledgement of the connection before may still be under way. */
async function connect(options) {
  for (;;) {
    const client = net.connect({ port: 80, host: '10.40.0.32', localPort: 5000, ...options })
    const failure = await new Promise((resolve) => client.on('connect', () => resolve(null)).on('error', resolve))
    if (failure === null) {
      client.on('error', ({ code }) => console.log(`client: ${code}`))
      return client
    }
    if (failure.code !== 'EADDRNOTAVAIL') throw failure
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** @param answer called when it has said something. @returns all that the other end says. */
async function told(client, answer) {
  let words = ''
  client.on('data', (data) => (words += data))
  client.once('data', answer)
  await once(client, 'close')
  return words
}
