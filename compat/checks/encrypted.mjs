import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'
import { address, assert, body, certificate, close, describe, event, listen, record, text } from './support.mjs'

const trusting = { ca: certificate.cert, servername: 'localhost' }
const megabyte = Buffer.alloc(1 << 20, 'megabyte')

export default {
  async 'https: accepted with its certificate, rejected without'(log) {
    const server = https.createServer(certificate, (request, response) => {
      log('server', request.socket.remoteAddress, request.socket.encrypted)
      response.end(body)
    })
    const tlsErrors = []
    server.on('tlsClientError', (error) => tlsErrors.push(error.code))
    const port = await listen(server)
    const get = (options) =>
      new Promise((resolve, reject) => {
        https.get({ host: address, port, agent: false, ...options }, resolve).on('error', reject)
      })
    const response = await get({ ca: certificate.cert })
    log(
      'authorized',
      response.socket.authorized,
      response.socket.getProtocol(),
      response.socket.getPeerCertificate().subject.CN,
    )
    assert.equal(await text(response), body)
    log('rejected', await get({}).catch(describe))
    const unverified = await get({ rejectUnauthorized: false })
    log('not asked', unverified.socket.authorized, unverified.socket.authorizationError)
    unverified.resume()
    await event(unverified, 'close')
    server.closeAllConnections()
    await close(server)
    log(tlsErrors)
  },

  async 'tls: 3 MB there and back, session data, ALPN'(log) {
    const server = tls.createServer({ ...certificate, ALPNProtocols: ['compat'] }, (socket) => socket.pipe(socket))
    const port = await listen(server)
    const socket = tls.connect({ host: address, port, ...trusting, ALPNProtocols: ['compat'] })
    const events = record(socket, ['connect', 'secureConnect', 'end', 'close'])
    await event(socket, 'secureConnect')
    log(
      socket.authorized,
      socket.alpnProtocol,
      socket.getCipher().name,
      socket.remoteAddress,
      socket.remotePort === port,
    )
    socket.end(Buffer.concat([megabyte, megabyte, megabyte]))
    let octets = 0
    const closed = event(socket, 'close')
    for await (const chunk of socket) octets += chunk.length
    await closed
    log(octets, socket.bytesWritten, socket.bytesRead, events)
    await close(server)
  },

  async 'tls: STARTTLS on both sides'(log) {
    const server = net.createServer((plain) => {
      plain.write('220 ready\n')
      plain.once('data', (line) => {
        log('client says', String(line))
        plain.write('220 go\n')
        const socket = new tls.TLSSocket(plain, { isServer: true, ...certificate })
        socket.on('data', (data) => socket.end(`${data} from ${plain.remoteAddress}`))
      })
    })
    const port = await listen(server)
    const plain = net.connect(port, address)
    log('server says', String((await event(plain, 'data'))[0]))
    plain.write('STARTTLS\n')
    log('server says', String((await event(plain, 'data'))[0]))
    const socket = tls.connect({ socket: plain, ...trusting })
    await event(socket, 'secureConnect')
    socket.write('encrypted')
    log(await text(socket), socket.authorized)
    await close(server)
  },

  async 'http2: h2c, GET and a POST of 1 MB'(log) {
    const server = http2.createServer()
    server.on('stream', async (stream) => {
      const octets = (await text(stream)).length
      stream.respond({ ':status': 200, 'x-from': stream.session.socket.remoteAddress })
      stream.end(octets === 0 ? body : String(octets))
    })
    const session = http2.connect(`http://${address}:${await listen(server)}`)
    const get = session.request({ ':path': '/' })
    log('GET', status(await event(get, 'response')), (await text(get)) === body)
    const post = session.request({ ':path': '/', ':method': 'POST' })
    post.end(megabyte)
    log('POST', status(await event(post, 'response')), await text(post))
    await close(session)
    await close(server)
  },

  async 'http2 over TLS: a POST of 1 MB comes back, eight at once'(log) {
    const server = http2.createSecureServer(certificate)
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 })
      stream.pipe(stream)
    })
    const session = http2.connect(`https://localhost:${await listen(server)}`, {
      ...trusting,
      createConnection: (url) =>
        tls.connect({ host: address, port: Number(url.port), ALPNProtocols: ['h2'], ...trusting }),
    })
    const posts = Array.from({ length: 8 }, async () => {
      const post = session.request({ ':path': '/', ':method': 'POST' })
      post.end(megabyte)
      let octets = 0
      for await (const chunk of post) octets += chunk.length
      return octets
    })
    log(await Promise.all(posts))
    log(session.alpnProtocol, session.encrypted)
    await close(session)
    await close(server)
  },

  async 'http2: who awaits the response finds its stream open, with and without a body'(log) {
    for (const secure of [false, true]) {
      const server = secure ? http2.createSecureServer(certificate) : http2.createServer()
      server.on('stream', (stream, { ':path': path }) => {
        stream.respond({ ':status': 200 }, { endStream: path === '/none' })
        if (path !== '/none') stream.end('a body')
      })
      const session = http2.connect(`http${secure ? 's' : ''}://${address}:${await listen(server)}`, {
        ca: certificate.cert,
      })
      for (const path of ['/', '/none']) {
        const stream = session.request({ ':path': path })
        await event(stream, 'response')
        log(secure, path, stream.closed, stream.destroyed, await text(stream))
      }
      await close(session)
      await close(server)
    }
  },

  async 'http2: the compatible API serves HTTP/1 and HTTP/2 on one port'(log) {
    const server = http2.createSecureServer({ ...certificate, allowHTTP1: true }, (request, response) => {
      response.end(`${request.httpVersion} from ${request.socket.remoteAddress}`)
    })
    const port = await listen(server)
    const response = await new Promise((resolve) =>
      https.get({ host: address, port, ca: certificate.cert, agent: false }, resolve),
    )
    log(await text(response))
    const session = http2.connect(`https://${address}:${port}`, { ca: certificate.cert })
    const get = session.request({ ':path': '/' })
    log(await text(get))
    await close(session)
    await close(server)
  },
}

function status([headers]) {
  return [headers[':status'], headers['x-from']]
}
