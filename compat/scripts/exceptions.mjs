// Exceptions in listeners: `node exceptions.mjs handled` goes on, `node exceptions.mjs fatal` ends as Node ends.
import net from 'node:net'
import { address, event, listen } from '../checks/support.mjs'

let caught = 0
if (process.argv[2] === 'handled') {
  process.on('uncaughtException', (error, origin) => {
    caught++
    console.log('caught', error.message, origin)
  })
}

const server = net.createServer((socket) => {
  socket.on('data', (data) => {
    if (String(data) === 'throw') throw new Error('in a data listener')
    socket.write(data)
  })
})
const port = await listen(server)
const [bad, good] = [net.connect(port, address), net.connect(port, address)]
await Promise.all([event(bad, 'connect'), event(good, 'connect')])
good.write('before')
console.log(String((await event(good, 'data'))[0]))
bad.write('throw')
while (caught === 0) await new Promise(setImmediate)
good.write('after')
console.log(String((await event(good, 'data'))[0]))
bad.write('and this one too')
console.log(String((await event(bad, 'data'))[0]))
for (const socket of [bad, good]) socket.destroy()
server.close(() => console.log('closed'))
