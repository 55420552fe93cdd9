// When does a program end by itself? `node idle.mjs CASE`: each case has done what it has to, and nothing holds the process.
import dgram from 'node:dgram'
import http from 'node:http'
import net from 'node:net'
import { address, event, listen } from '../checks/support.mjs'

const pair = async () => {
  const server = net.createServer()
  const accepted = event(server, 'connection')
  const client = net.connect(await listen(server), address)
  await event(client, 'connect')
  const [socket] = await accepted
  return { server, client, socket }
}

const cases = {
  async nothing() {},
  async 'server.unref'() {
    const server = net.createServer().unref()
    await listen(server)
  },
  async 'unref of all'() {
    const { server, client, socket } = await pair()
    for (const each of [server, client.resume(), socket.resume()]) each.unref()
  },
  async 'paused sockets'() {
    const server = net.createServer({ pauseOnConnect: true })
    const accepted = event(server, 'connection')
    const client = net.connect(await listen(server), address, () => client.pause())
    await accepted
    server.unref()
  },
  async 'server.close, sockets ended'() {
    const { server, client, socket } = await pair()
    server.close(() => console.log('closed'))
    socket.resume().end()
    client.resume().end()
  },
  async 'destroyed sockets'() {
    const { server, client, socket } = await pair()
    server.close()
    client.destroy()
    socket.on('error', () => {}).resume()
  },
  async 'an idle agent'() {
    const server = http.createServer((_request, response) => response.end('x'))
    const port = await listen(server)
    const agent = new http.Agent({ keepAlive: true })
    const [response] = await event(http.get({ host: address, port, agent }), 'response')
    await event(response.resume(), 'end')
    server.close()
    server.closeIdleConnections()
  },
  async fetch() {
    const server = http.createServer((_request, response) => response.end('x'))
    const response = await fetch(`http://${address}:${await listen(server)}`)
    console.log(await response.text())
    server.close()
    server.closeIdleConnections()
  },
  async 'datagrams, unref'() {
    const socket = dgram.createSocket('udp4')
    await new Promise((resolve) => socket.bind(0, address, resolve))
    socket.unref()
  },
  async 'a connection refused'() {
    const socket = net.connect(1, address)
    socket.on('error', (error) => console.log(error.code))
  },
}

await cases[process.argv[2]]()
process.on('beforeExit', () => console.log('beforeExit'))
process.on('exit', (code) => console.log('exit', code))
