// Kills a part of its node (a child by kill -9, or the hub), and tells what its connection to that child makes of it, and its port.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'

const [whom] = process.argv.slice(2)
const child = fork(new URL('./victim.mjs', import.meta.url))
await once(child, 'message')
const client = net.connect(8080, '127.0.0.1')
await once(client, 'data')
// Whoever connects here gives the word.
net
  .createServer((socket) => {
    socket.on('error', () => {})
    if (whom === 'child') child.kill('SIGKILL')
    else process.kill(JSON.parse(process.env.IOTH_NODE).hubPid, 'SIGKILL')
  })
  .listen(81, () => console.log('connected'))
client.on('error', ({ code }) => console.log(`client: ${code}`))
await new Promise((resolve) => client.on('close', resolve))
if (whom === 'child') {
  const server = net.createServer().listen(8080)
  await once(server, 'listening')
  console.log('the port is free')
} else {
  const [refused] = await once(net.connect(8080, '127.0.0.1'), 'error')
  console.log(`connect: ${refused.code}`)
  const [taken] = await once(net.createServer().listen(99), 'error')
  console.log(`listen: ${taken.code}`)
  child.kill()
}
process.exit()
