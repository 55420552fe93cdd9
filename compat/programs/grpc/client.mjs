import grpc from '@grpc/grpc-js'
import { askWhom, assert, body } from '../arguments.mjs'
import { service } from './service.mjs'

const { address, port } = askWhom()
const Client = grpc.makeGenericClientConstructor(service, 'Echo')
const client = new Client(`${address}:${port}`, grpc.credentials.createInsecure())
const call = (name, request) =>
  new Promise((resolve, reject) => client[name](request, (error, answer) => (error ? reject(error) : resolve(answer))))

const { from, text } = await call('once', { text: body })
assert.equal(text, body)
console.log('who am I', from)
let sum = 0
for await (const { number } of client.count({ to: 1000 })) sum += number
console.log('counted', sum)
const talk = client.talk()
for (const word of ['one', 'two']) talk.write({ text: word })
talk.end()
for await (const { text: answer } of talk) console.log('talk', answer)
const failure = await call('fail', {}).catch((error) => error)
console.log('failure', failure.code, failure.details)
client.close()
