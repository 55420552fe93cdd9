// Sends its child a connection, a server and a datagram socket; the child goes on with each.
import { fork } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'

if (process.argv[2] === 'child') {
  process.on('message', (what, handle) => {
    if (what === 'connection') {
      handle.on('error', () => {})
      handle.write('the child has it\n')
      handle.on('data', (data) => handle.write(data))
    } else if (what === 'server') {
      handle.on('connection', (socket) => socket.end('the child accepted\n'))
      process.send('accepting')
    } else if (what === 'datagrams') {
      handle.on('message', (data, { address, port }) => handle.send(`child: ${data}`, port, address))
      process.send('receiving')
    }
  })
  process.on('disconnect', () => process.exit())
} else {
  const child = fork(process.argv[1], ['child'])

  const moving = net.createServer((socket) => {
    // Something is said before, and something has been read.
    socket.write('welcome\n')
    socket.once('data', (data) => {
      socket.pause()
      socket.write(`the parent read ${data}`)
      child.send('connection', socket)
    })
  })
  await once(moving.listen(80), 'listening')

  const shared = net.createServer()
  await once(shared.listen(81), 'listening')
  child.send('server', shared, () => shared.close())
  await once(child, 'message')

  const datagrams = dgram.createSocket('udp4')
  datagrams.bind(82)
  await once(datagrams, 'listening')
  child.send('datagrams', datagrams, () => datagrams.close())
  await once(child, 'message')

  console.log('sent')
  process.on('SIGTERM', () => process.exit())
}
