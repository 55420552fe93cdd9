import { once } from 'node:events'
import { io } from 'socket.io-client'
import { askWhom, assert, body } from '../arguments.mjs'

const { url } = askWhom()
for (const transports of [['polling'], ['polling', 'websocket'], ['websocket']]) {
  const client = io(url, { transports, forceNew: true })
  await once(client, 'connect')
  const [back, ip] = await new Promise((resolve) => client.emit('ask', body, (...answer) => resolve(answer)))
  assert.equal(back, body)
  console.log(transports.join(), 'who am I', ip)
  const came = once(client, 'somebody came')
  const other = io(url, { forceNew: true })
  await came
  console.log('somebody came')
  other.close()
  client.close()
}
