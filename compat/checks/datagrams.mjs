import dgram from 'node:dgram'
import { address, address6, assert, describe, event } from './support.mjs'

const broadcast = address.startsWith('127.') ? '127.255.255.255' : address.replace(/\d+$/, '255')

async function bound(options = 'udp4', host = address, port = 0) {
  const socket = dgram.createSocket(options)
  await new Promise((resolve) => socket.bind(port, host, resolve))
  return socket
}

export default {
  async 'dgram: rinfo, sizes from 0 to 65507'(log) {
    const [one, two] = [await bound(), await bound()]
    for (const size of [0, 1, 1472, 1473, 9000, 65_507]) {
      const sent = new Promise((resolve) =>
        one.send(Buffer.alloc(size, 7), two.address().port, address, (...args) => resolve(args)),
      )
      const [data, { address: from, family, port, size: told }] = await event(two, 'message')
      assert.equal(port, one.address().port)
      assert.ok(data.every((octet) => octet === 7))
      log(size, data.length, told, from, family, await sent)
    }
    log(
      await new Promise((resolve) =>
        one.send(Buffer.alloc(65_508), two.address().port, address, (error) => resolve(describe(error))),
      ),
    )
    one.close()
    two.close()
  },

  async 'dgram: connect, disconnect, remoteAddress, a refused datagram'(log) {
    const server = await bound()
    const client = dgram.createSocket('udp4')
    client.connect(server.address().port, address)
    await event(client, 'connect')
    log(client.remoteAddress().address, client.address().address)
    client.send('x')
    const [, { port }] = await event(server, 'message')
    assert.equal(port, client.address().port)
    try {
      client.send('x', 1, address)
    } catch (error) {
      log(describe(error))
    }
    client.disconnect()
    try {
      client.remoteAddress()
    } catch (error) {
      log(describe(error))
    }
    const nowhere = server.address().port
    server.close()
    await event(server, 'close')
    const lost = dgram.createSocket('udp4')
    lost.connect(nowhere, address)
    await event(lost, 'connect')
    lost.send('x')
    log(describe((await event(lost, 'error'))[0]))
    lost.close()
    client.close()
  },

  async 'dgram: multicast, loopback of it, leaving the group'(log) {
    const group = '239.40.0.1'
    const receiver = await bound({ type: 'udp4', reuseAddr: true }, '0.0.0.0')
    receiver.addMembership(group, address)
    const sender = await bound()
    sender.setMulticastInterface(address)
    sender.setMulticastTTL(1)
    sender.setMulticastLoopback(true)
    sender.send('to the group', receiver.address().port, group)
    const [data, from] = await event(receiver, 'message')
    log(String(data), from.address)
    receiver.dropMembership(group, address)
    try {
      receiver.dropMembership(group, address)
    } catch (error) {
      log(describe(error))
    }
    sender.send('to nobody', receiver.address().port, group)
    sender.send('to you', receiver.address().port, address)
    log(String((await event(receiver, 'message'))[0]))
    sender.close()
    receiver.close()
  },

  async 'dgram: broadcast only for who asked for it'(log) {
    const receiver = await bound('udp4', '0.0.0.0')
    const sender = await bound()
    log(
      await new Promise((resolve) =>
        sender.send('x', receiver.address().port, broadcast, (error) => resolve(error?.code)),
      ),
    )
    sender.setBroadcast(true)
    sender.send('to all', receiver.address().port, broadcast)
    const [data, from] = await event(receiver, 'message')
    log(String(data), from.address)
    sender.close()
    receiver.close()
  },

  async 'dgram: IPv6, reuseAddr, EADDRINUSE, options'(log) {
    const [one, two] = [await bound('udp6', address6), await bound('udp6', address6)]
    one.send('x', two.address().port, address6)
    const [, from] = await event(two, 'message')
    log(from.address, from.family)
    const third = dgram.createSocket('udp6').bind(two.address().port, address6)
    const [error] = await event(third, 'error')
    log(describe(error))
    const shared = await bound({ type: 'udp4', reuseAddr: true })
    const sharing = await bound({ type: 'udp4', reuseAddr: true }, address, shared.address().port)
    log(sharing.address().port === shared.address().port)
    one.setTTL(9)
    shared.setRecvBufferSize(100_000)
    log(shared.getRecvBufferSize() >= 100_000, shared.getSendQueueSize(), shared.getSendQueueCount())
    for (const socket of [one, two, shared, sharing]) socket.close()
  },

  async 'dgram: AbortSignal, events, close'(log) {
    const controller = new AbortController()
    const socket = dgram.createSocket({ type: 'udp4', signal: controller.signal })
    const words = []
    for (const name of ['listening', 'close']) socket.on(name, () => words.push(name))
    await new Promise((resolve) => socket.bind(0, address, resolve))
    const closed = event(socket, 'close')
    controller.abort()
    await closed
    try {
      socket.send('x', 1, address)
    } catch (error) {
      log(words, describe(error))
    }
  },
}
