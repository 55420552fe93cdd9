import net from 'node:net'
import { Aedes } from 'aedes'
import { Redis } from 'ioredis'
import mqtt from 'mqtt'
import pg from 'pg'
import { address, close, describe, event, freePort, listen } from './support.mjs'

export default {
  async 'mqtt with aedes: publish, subscribe, last will'(log) {
    const broker = await Aedes.createBroker()
    const server = net.createServer(broker.handle)
    const url = `mqtt://${address}:${await listen(server)}`
    const listener = await mqtt.connectAsync(url)
    await listener.subscribeAsync('#', { qos: 1 })
    const speaker = await mqtt.connectAsync(url, { will: { topic: 'will', payload: 'gone', qos: 1 } })
    const came = event(listener, 'message')
    await speaker.publishAsync('topic', 'message', { qos: 1 })
    log((await came).slice(0, 2).map(String))
    const will = event(listener, 'message')
    speaker.stream.destroy()
    log((await will).slice(0, 2).map(String))
    speaker.end(true)
    await listener.endAsync()
    await new Promise((resolve) => broker.close(resolve))
    await close(server)
  },

  async 'ioredis: what it says when nobody listens'(log) {
    const port = await freePort(net)
    const redis = new Redis({ host: address, port, lazyConnect: true, retryStrategy: () => null })
    redis.on('error', (error) => log('event', describe(error)))
    log('rejection', await redis.connect().catch(describe))
  },

  async 'pg: what it says when nobody listens'(log) {
    const port = await freePort(net)
    const client = new pg.Client({ host: address, port, user: 'nobody', database: 'none' })
    log(await client.connect().catch(describe))
  },
}
