import { once } from 'node:events'
import WebSocket from 'ws'
import { askWhom, assert, body } from '../arguments.mjs'

const { address, port } = askWhom()
const socket = new WebSocket(`ws://${address}:${port}/`)
console.log('who am I', String((await once(socket, 'message'))[0]))
const large = body.repeat(4)
for (const sent of [large, Buffer.from(large)]) {
  socket.send(sent)
  const [data, isBinary] = await once(socket, 'message')
  assert.equal(String(data), large)
  console.log('back', data.length, isBinary)
}
socket.ping()
await once(socket, 'pong')
socket.close(4000, 'enough')
const [code, reason] = await once(socket, 'close')
console.log('closed', code, String(reason))
