import dns from 'node:dns'
import http from 'node:http'
import net from 'node:net'
import { address, assert, close, describe, event, freePort, listen } from './support.mjs'

export default {
  async EADDRINUSE(log) {
    const server = net.createServer()
    const port = await listen(server)
    const second = net.createServer()
    second.listen(port, address)
    const [error] = await event(second, 'error')
    assert.equal(error.port, port)
    log(describe(error))
    const wild = net.createServer().listen(port, '0.0.0.0')
    log(describe((await event(wild, 'error'))[0]))
    await close(server)
  },

  async EADDRNOTAVAIL(log) {
    const server = net.createServer().listen(80, '192.0.2.1')
    log(describe((await event(server, 'error'))[0]))
    const socket = net.connect({ port: 80, host: address, localAddress: '192.0.2.1' })
    log(describe((await event(socket, 'error'))[0]))
  },

  async ECONNREFUSED(log) {
    const port = await freePort(net)
    const socket = net.connect(port, address)
    const [error] = await event(socket, 'error')
    assert.equal(error.port, port)
    log(describe(error))
  },

  async ENOTFOUND(log) {
    const lookup = (_name, _options, done) =>
      done(Object.assign(new Error('getaddrinfo ENOTFOUND x'), { code: 'ENOTFOUND' }))
    log(describe((await event(net.connect({ port: 80, host: 'x', lookup }), 'error'))[0]))
    // As an HTTP client and as a function: whatever the resolver says (there may be none), in the same words.
    log(describe((await event(http.get('http://nonesuch.invalid/'), 'error'))[0]))
    log(await dns.promises.lookup('nonesuch.invalid').catch(describe))
  },

  async 'ECONNRESET and EPIPE: read and write on a connection that is gone'(log) {
    const server = net.createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.resetAndDestroy())
    })
    const port = await listen(server)
    const socket = net.connect(port, address)
    socket.write('x')
    log('read', describe((await event(socket, 'error'))[0]))
    log('written', await new Promise((resolve) => socket.write('x', (error) => resolve(describe(error)))))
    const ended = net.connect(port, address)
    await event(ended, 'connect')
    ended.end()
    log(
      'after end',
      await new Promise((resolve) => {
        ended.on('error', () => {})
        ended.write('x', (error) => resolve(describe(error)))
      }),
    )
    ended.destroy()
    await close(server)
  },

  async 'arguments that Node refuses'(log) {
    const attempt = (run) => {
      try {
        return run()
      } catch (error) {
        return describe(error)
      }
    }
    log(attempt(() => net.connect({ port: 70_000, host: address })))
    log(attempt(() => net.createServer().listen({ port: -1 })))
    log(attempt(() => net.connect({ port: 1, host: address, localAddress: 'nonsense' })))
    const server = net.createServer()
    await listen(server)
    log(attempt(() => server.listen(0)))
    await close(server)
    log(await new Promise((resolve) => server.close(resolve)).then(describe))
  },
}
