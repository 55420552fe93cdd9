import { once } from 'node:events'
import { Redis } from 'ioredis'
import { askWhom, assert, body } from '../arguments.mjs'

const { address, port } = askWhom()
const redis = new Redis({ host: address, port })
await redis.set('key', body)
assert.equal(await redis.get('key'), body)
const pipeline = redis.pipeline()
for (let number = 0; number < 1000; number++) pipeline.incr('counter')
console.log('counted', (await pipeline.exec()).at(-1)[1])
console.log('transaction', JSON.stringify(await redis.multi().set('a', 1).incr('a').exec()))
console.log('failure', (await redis.incr('key').catch((error) => error)).message)
const subscriber = redis.duplicate()
await subscriber.subscribe('news')
const came = once(subscriber, 'message')
await redis.publish('news', 'something happened')
console.log('message', (await came).join())
const waiting = redis.duplicate()
const popped = waiting.blpop('list', 0)
await redis.rpush('list', 'pushed')
console.log('popped', (await popped).join())
for (const each of [redis, subscriber, waiting]) await each.quit()
