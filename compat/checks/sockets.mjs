import { once } from 'node:events'
import net from 'node:net'
import stream from 'node:stream'
import { address, assert, close, describe, event, listen, record, text } from './support.mjs'

const EVENTS = ['connect', 'ready', 'end', 'finish', 'close', 'error', 'timeout', 'drain']

export default {
  async 'net: order of events, and what allowHalfOpen changes'(log) {
    for (const allowHalfOpen of [false, true]) {
      const accepted = []
      let other
      const server = net.createServer({ allowHalfOpen }, (socket) => {
        other = event(socket, 'close')
        record(socket, EVENTS, accepted)
        socket.on('end', () => {
          if (allowHalfOpen) socket.end('after the end')
        })
        socket.resume()
      })
      const socket = net.connect({ port: await listen(server), host: address, allowHalfOpen })
      const words = record(socket, EVENTS)
      const closed = event(socket, 'close')
      await event(socket, 'connect')
      socket.end('x')
      log('got', await text(socket))
      await closed
      await other
      await close(server)
      log({ allowHalfOpen }, words, accepted)
    }
  },

  async 'net: pause, backpressure, drain'(log) {
    const size = 16 << 20
    let accept
    const acceptance = new Promise((resolve) => (accept = resolve))
    const server = net.createServer({ pauseOnConnect: true }, accept)
    const socket = net.connect(await listen(server), address)
    const other = await acceptance
    log('room', socket.write(Buffer.alloc(size)), socket.writableLength > 0, socket.writableNeedDrain)
    const drained = event(socket, 'drain')
    let octets = 0
    other.on('data', (chunk) => (octets += chunk.length))
    other.resume()
    await drained
    log('drained', socket.writableLength)
    socket.end()
    await event(other, 'end')
    log(octets === size, socket.bytesWritten === size, other.bytesRead === size)
    await close(server)
  },

  async 'net: setTimeout, and an end after it'(log) {
    const server = net.createServer((socket) => socket.resume())
    const socket = net.connect(await listen(server), address)
    await event(socket, 'connect')
    socket.setTimeout(30)
    await event(socket, 'timeout')
    log(socket.timeout, socket.readyState)
    socket.setTimeout(0)
    socket.end()
    socket.resume()
    log(await event(socket, 'close'))
    await close(server)
  },

  async 'net: AbortSignal for a connection and for a server'(log) {
    const controller = new AbortController()
    const server = net.createServer()
    server.listen({ port: 0, host: address, signal: controller.signal })
    await once(server, 'listening')
    const client = new AbortController()
    const socket = net.connect({ port: server.address().port, host: address, signal: client.signal })
    client.abort()
    const [error] = await event(socket, 'error')
    log(error.name, error.code, socket.destroyed)
    const closed = event(server, 'close')
    controller.abort()
    await closed
    log(server.listening)
    const before = net.connect({ port: 9, host: address, signal: AbortSignal.abort() })
    log((await event(before, 'error'))[0].name)
  },

  async 'net: instanceof, readyState, bytesRead, addresses'(log) {
    let accepted
    const server = net.createServer((socket) => {
      accepted = socket
      socket.end('12345')
    })
    const port = await listen(server)
    const socket = new net.Socket()
    const states = [socket.readyState, socket.connecting, socket.pending]
    socket.connect(port, address)
    states.push(socket.readyState, socket.connecting, socket.pending)
    await event(socket, 'connect')
    states.push(socket.readyState, socket.connecting, socket.pending)
    log(states)
    log(
      socket instanceof net.Socket,
      socket instanceof stream.Duplex,
      accepted instanceof net.Socket,
      server instanceof net.Server,
    )
    log(
      socket.address().address,
      socket.address().family,
      socket.localAddress,
      socket.localFamily,
      socket.remoteAddress,
      socket.remoteFamily,
    )
    assert.equal(socket.remotePort, port)
    assert.equal(accepted.localPort, port)
    assert.equal(accepted.remotePort, socket.localPort)
    assert.equal(server.address().port, port)
    log(Object.keys(socket._handle.constructor).length, socket._handle.constructor.name)
    log(await text(socket), socket.bytesRead, socket.bytesWritten, accepted.bytesWritten, socket.readyState)
    await close(server)
    log(server.address(), socket.address(), socket.remoteAddress)
  },

  async 'net: strings, buffers, cork, an onread buffer'(log) {
    const server = net.createServer((socket) => {
      socket.cork()
      for (const [chunk, encoding] of [
        ['aé€', 'utf8'],
        ['ff00', 'hex'],
        ['YQ==', 'base64'],
        ['é', 'latin1'],
        ['ab', 'utf16le'],
      ])
        socket.write(chunk, encoding)
      socket.write(new Uint8Array([1, 2, 3]))
      socket.uncork()
      socket.end()
    })
    const port = await listen(server)
    const seen = []
    const socket = net.connect({
      port,
      host: address,
      onread: {
        buffer: Buffer.alloc(8),
        callback(length, buffer) {
          seen.push(buffer.subarray(0, length).toString('hex'))
          return true
        },
      },
    })
    await event(socket, 'close')
    log(
      seen.join(''),
      seen.every((piece) => piece.length <= 16),
      socket.bytesRead,
    )
    await close(server)
  },

  async 'net: maxConnections and drop, getConnections'(log) {
    const server = net.createServer((socket) => socket.resume())
    server.maxConnections = 1
    const port = await listen(server)
    const first = net.connect(port, address)
    await event(server, 'connection')
    const dropped = event(server, 'drop')
    const second = net.connect(port, address)
    second.on('error', () => {})
    const [data] = await dropped
    assert.equal(data.localPort, port)
    assert.equal(data.remotePort, second.localPort)
    log(data.localAddress, data.remoteAddress, data.remoteFamily)
    log(await new Promise((resolve) => server.getConnections((error, count) => resolve([error, count]))))
    second.destroy()
    first.destroy()
    await close(server)
  },

  async 'net: resetAndDestroy, and what the other side sees'(log) {
    const seen = []
    const server = net.createServer((socket) => {
      socket.on('error', (error) => seen.push(describe(error)))
      socket.on('close', (hadError) => seen.push(hadError))
      socket.resume()
    })
    const port = await listen(server)
    const accepted = event(server, 'connection')
    const socket = net.connect(port, address)
    await event(socket, 'connect')
    const [other] = await accepted
    const closed = event(other, 'close')
    socket.resetAndDestroy()
    log('client', await event(socket, 'close'))
    await closed
    log('server', seen)
    await close(server)
  },

  async 'net: a Unix socket is the host’s'(log) {
    const { mkdtempSync, rmSync } = await import('node:fs')
    const { tmpdir } = await import('node:os')
    const folder = mkdtempSync(`${tmpdir()}/compat-`)
    const server = net.createServer((socket) => socket.end('by a Unix socket')).listen(`${folder}/socket`)
    await event(server, 'listening')
    log(await text(net.connect(`${folder}/socket`)))
    await close(server)
    rmSync(folder, { recursive: true })
  },
}
