import http from 'node:http'
import net from 'node:net'
import { address, assert, body, close, event, listen, record, text } from './support.mjs'

function get(options) {
  return new Promise((resolve, reject) => http.get({ host: address, ...options }, resolve).on('error', reject))
}

export default {
  async 'http: a keep-alive agent uses one connection'(log) {
    const ports = new Set()
    const server = http.createServer((request, response) => {
      ports.add(request.socket.remotePort)
      response.end('x')
    })
    const port = await listen(server)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    for (let count = 0; count < 20; count++) {
      const request = http.get({ host: address, port, agent })
      const [response] = await event(request, 'response')
      if (count > 0) assert.equal(request.reusedSocket, true)
      await text(response)
    }
    log(ports.size, Object.keys(agent.freeSockets).length)
    agent.destroy()
    await close(server)
  },

  async 'http: closeIdleConnections, closeAllConnections, server.close'(log) {
    const server = http.createServer((request, response) => {
      if (request.url === '/at-once') response.end('x')
      else response.write('never ends')
    })
    const port = await listen(server)
    const agent = new http.Agent({ keepAlive: true })
    await text(await get({ port, agent, path: '/at-once' }))
    const hanging = await get({ port, agent: false, path: '/hanging' })
    const aborted = event(hanging, 'error')
    hanging.resume()
    const closed = close(server)
    server.closeIdleConnections()
    server.closeAllConnections()
    log((await aborted)[0].code)
    await closed
    log('closed', server.listening)
    agent.destroy()
  },

  async 'http: chunks, trailers, Expect: 100-continue, an informational answer'(log) {
    const server = http.createServer(async (request, response) => {
      const got = await text(request)
      response.writeEarlyHints({ link: '</style.css>; rel=preload' })
      response.setHeader('trailer', 'x-sum')
      response.write(got.slice(0, 10))
      response.addTrailers({ 'x-sum': String(got.length) })
      response.end()
    })
    const request = http.request({
      host: address,
      port: await listen(server),
      method: 'POST',
      headers: { expect: '100-continue' },
    })
    const words = record(request, ['continue', 'information', 'response', 'finish', 'close'])
    request.flushHeaders()
    await event(request, 'continue')
    request.end(body)
    const [response] = await event(request, 'response')
    log(await text(response), response.trailers, response.headers['transfer-encoding'])
    log(words)
    await close(server)
  },

  async 'http: upgrade to another protocol'(log) {
    const server = http.createServer()
    server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
      socket.pipe(socket)
    })
    const request = http.get({
      host: address,
      port: await listen(server),
      headers: { connection: 'Upgrade', upgrade: 'echo' },
    })
    const [response, socket] = await event(request, 'upgrade')
    socket.end('upgraded')
    log(response.statusCode, await text(socket))
    await close(server)
  },

  async 'http: a CONNECT proxy'(log) {
    const origin = http.createServer((request, response) => response.end(`for ${request.headers['x-who']}`))
    const originPort = await listen(origin)
    const proxy = http.createServer().on('connect', (request, client, head) => {
      const [host, port] = request.url.split(':')
      const server = net.connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n')
        server.write(head)
        server.pipe(client).pipe(server)
      })
    })
    const tunnel = http.request({
      host: address,
      port: await listen(proxy),
      method: 'CONNECT',
      path: `${address}:${originPort}`,
    })
    tunnel.end()
    const [response, socket] = await event(tunnel, 'connect')
    const answer = await get({ createConnection: () => socket, headers: { 'x-who': 'me', connection: 'close' } })
    log(response.statusCode, answer.statusCode, await text(answer))
    await close(origin)
    await close(proxy)
  },

  async 'http: 408 when headers do not come, 400 for what is no HTTP'(log) {
    const server = http.createServer(
      { headersTimeout: 200, requestTimeout: 400, connectionsCheckingInterval: 50 },
      () => log('never'),
    )
    server.on('clientError', (error, socket) => {
      log('clientError', error.code)
      socket.end(error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'HTTP/1.1 408 Late\r\n\r\n' : 'HTTP/1.1 400 Bad\r\n\r\n')
    })
    const port = await listen(server)
    for (const sent of ['GET / HTTP/1.1\r\nHost: x\r\n', 'nonsense\r\n\r\n']) {
      const socket = net.connect(port, address)
      socket.write(sent)
      log(await text(socket))
    }
    await close(server)
  },

  async 'http: a request that is aborted, and one whose server goes away'(log) {
    const seen = {}
    const closed = []
    const server = http.createServer((request, response) => {
      const words = record(request, ['aborted', 'close'])
      closed.push(event(response, 'close').then(() => (seen[request.url] = [words, response.writableFinished])))
      if (request.url === '/reset') request.socket.resetAndDestroy()
    })
    const port = await listen(server)
    const controller = new AbortController()
    const request = http.get({ host: address, port, signal: controller.signal })
    const [socket] = await event(request, 'socket')
    if (socket.connecting) await event(socket, 'connect')
    const arrived = event(server, 'request')
    await arrived
    const failed = event(request, 'error')
    controller.abort()
    log((await failed)[0].name, (await failed)[0].code)
    log((await get({ port, path: '/reset', agent: false }).catch((error) => error)).message)
    await Promise.all(closed)
    await close(server)
    log(seen['/'], seen['/reset'])
  },
}
