import { once } from 'node:events'
import mqtt from 'mqtt'
import { askWhom, assert, body } from '../arguments.mjs'

const { address, port } = askWhom()
const url = `mqtt://${address}:${port}`
const listener = await mqtt.connectAsync(url)
await listener.subscribeAsync('topic/#', { qos: 1 })
const speaker = await mqtt.connectAsync(url, { will: { topic: 'topic/will', payload: 'gone', qos: 1 } })
for (const qos of [0, 1, 2]) {
  const came = once(listener, 'message')
  await speaker.publishAsync('topic/large', body, { qos })
  const [topic, message] = await came
  assert.equal(String(message), body)
  console.log('qos', qos, topic, message.length)
}
const will = once(listener, 'message')
speaker.stream.destroy()
console.log('last will', (await will).slice(0, 2).map(String).join(' '))
speaker.end(true)
await listener.endAsync()
