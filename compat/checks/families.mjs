import http from 'node:http'
import net from 'node:net'
import { address, address6, assert, close, describe, event, freePort, listen, text } from './support.mjs'

/** A look-up that knows one name, with both addresses, IPv6 first. */
function lookup(_name, options, done) {
  const all = [
    { address: address6, family: 6 },
    { address, family: 4 },
  ]
  setImmediate(() => (options.all ? done(null, all) : done(null, address, 4)))
}

export default {
  async 'net: the lookup option, and the event'(log) {
    const server = net.createServer((socket) => socket.end('found'))
    const port = await listen(server)
    const socket = net.connect({ port, host: 'compat.test', lookup, autoSelectFamily: false })
    log('lookup', (await event(socket, 'lookup')).slice(1))
    log(await text(socket), socket.autoSelectFamilyAttemptedAddresses)
    await close(server)
  },

  async 'net: IPv6, and IPv4 on a socket of ::'(log) {
    const server = net.createServer((socket) =>
      socket.end(`${socket.remoteAddress} ${socket.remoteFamily} ${socket.localAddress}`),
    )
    const port = await listen(server, { host: '::' })
    log(server.address().address, server.address().family)
    log(await text(net.connect(port, address6)))
    log(await text(net.connect(port, address)))
    await close(server)
    const only = net.createServer((socket) => socket.end('IPv6 only'))
    const other = await listen(only, { host: '::', ipv6Only: true })
    log(await text(net.connect(other, address6)))
    const [error] = await event(net.connect(other, address), 'error')
    log(describe(error))
    await close(only)
  },

  async 'net: happy eyeballs finds the family that answers'(log) {
    const server = net.createServer((socket) => socket.end('found'))
    const port = await listen(server)
    const socket = net.connect({
      port,
      host: 'compat.test',
      lookup,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: 2000,
    })
    const attempts = []
    for (const name of ['connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout']) {
      socket.on(name, (ip, at, family, error) =>
        attempts.push([name, ip, at === port, family, describe(error ?? null)]),
      )
    }
    log(await text(socket), attempts)
    assert.deepEqual(socket.autoSelectFamilyAttemptedAddresses, [`${address6}:${port}`, `${address}:${port}`])
    await close(server)
  },

  async 'net: AggregateError when nobody answers'(log) {
    const port = await freePort(net)
    const socket = net.connect({ port, host: 'compat.test', lookup, autoSelectFamily: true })
    const [error] = await event(socket, 'error')
    log(error instanceof AggregateError, describe(error))
    const request = http.get({ port, host: 'compat.test', lookup })
    log(describe((await event(request, 'error'))[0]))
  },
}
