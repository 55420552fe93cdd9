import http from 'node:http'
import net from 'node:net'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import WebSocketClient, { WebSocketServer } from 'ws'
import { address, assert, body, close, describe, event, freePort, listen } from './support.mjs'

const large = body.repeat(4)

/** A server that sends back what it gets, and the address of who asks. */
async function echoServer() {
  const server = http.createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    socket.send(request.socket.remoteAddress)
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  const port = await listen(server)
  return {
    url: `ws://${address}:${port}/`,
    async close() {
      for (const client of sockets.clients) client.terminate()
      sockets.close()
      await close(server)
    },
  }
}

export default {
  async 'ws: 200 kB there and back, close codes'(log) {
    const server = await echoServer()
    const socket = new WebSocketClient(server.url)
    const [from] = await event(socket, 'message')
    log('from', String(from))
    socket.send(large)
    const [back] = await event(socket, 'message')
    assert.equal(String(back), large)
    socket.close(4001, 'enough')
    const [code, reason] = await event(socket, 'close')
    log('closed', code, String(reason))
    await server.close()

    const nobody = new WebSocketClient(`ws://${address}:${await freePort(net)}/`)
    const [error] = await event(nobody, 'error')
    log('refused', describe(error))
  },

  async 'socket.io: an acknowledgement, 100 kB, both transports'(log) {
    const server = http.createServer()
    const sockets = new Server(server)
    sockets.on('connection', (socket) => {
      socket.on('ask', (question, answer) => answer(question, socket.handshake.address))
    })
    const port = await listen(server)
    for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
      const client = io(`http://${address}:${port}`, { transports, forceNew: true })
      const answer = await client.timeout(20_000).emitWithAck('ask', body.repeat(2))
      assert.equal(answer?.length ?? 0, body.length * 2)
      log(transports.join(), client.connected)
      client.close()
    }
    await sockets.close()
  },

  async 'global WebSocket: 200 kB there and back'(log) {
    if (globalThis.WebSocket === undefined) return 'this Node has none'
    const server = await echoServer()
    const socket = new WebSocket(server.url)
    const next = () =>
      new Promise((resolve) => socket.addEventListener('message', (message) => resolve(message.data), { once: true }))
    log('from', await next())
    socket.send(large)
    assert.equal(await next(), large)
    const closed = new Promise((resolve) => socket.addEventListener('close', resolve, { once: true }))
    socket.close(4002, 'enough')
    const { code, reason, wasClean } = await closed
    log('closed', code, reason, wasClean)
    await server.close()
  },
}
