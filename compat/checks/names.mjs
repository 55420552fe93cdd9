import dgram from 'node:dgram'
import dns from 'node:dns'
import http from 'node:http'
import net from 'node:net'
import packet from 'dns-packet'
import { address, close, describe, event, listen, text } from './support.mjs'

/** A name server for the zone compat.test, on a port of its own. */
async function nameServer() {
  const zone = [
    { name: 'web.compat.test', type: 'A', data: address },
    { name: 'alias.compat.test', type: 'CNAME', data: 'web.compat.test' },
    { name: 'compat.test', type: 'MX', data: { exchange: 'mail.compat.test', preference: 10 } },
    { name: 'compat.test', type: 'TXT', data: ['some text'] },
    { name: 'compat.test', type: 'NS', data: 'ns.compat.test' },
    {
      name: '_http._tcp.compat.test',
      type: 'SRV',
      data: { priority: 1, weight: 2, port: 80, target: 'web.compat.test' },
    },
  ]
  const server = dgram.createSocket('udp4', (query, from) => {
    const { id, questions } = packet.decode(query)
    const [{ name, type }] = questions
    if (name === 'silent.compat.test') return
    const known = zone.filter((record) => record.name === name.toLowerCase())
    const answers = known.filter((record) => record.type === type).map((record) => ({ ttl: 60, ...record }))
    const flags = packet.AUTHORITATIVE_ANSWER | (known.length === 0 ? 3 : 0)
    server.send(packet.encode({ type: 'response', id, flags, questions, answers }), from.port, from.address)
  })
  await new Promise((resolve) => server.bind(0, address, resolve))
  return { server, at: `${address}:${server.address().port}` }
}

export default {
  async 'dns.lookup: localhost, addresses, options'(log) {
    log(await dns.promises.lookup('localhost', { family: 4 }))
    log(await dns.promises.lookup(address))
    log(await dns.promises.lookup(address, { all: true }))
    log(await new Promise((resolve) => dns.lookup('localhost', 4, (...args) => resolve(args))))
    log(await dns.promises.lookup('::1', { family: 6 }))
    const server = net.createServer((socket) => socket.end('by its name')).listen(0, 'localhost')
    await event(server, 'listening')
    log(await text(net.connect(server.address().port, 'localhost')))
    await close(server)
  },

  async 'Resolver: setServers, A, CNAME, MX, TXT, NS, SRV, TTLs, errors'(log) {
    const { server, at } = await nameServer()
    const resolver = new dns.promises.Resolver({ timeout: 2000, tries: 1 })
    resolver.setServers([at])
    log(resolver.getServers()[0] === at)
    log(await resolver.resolve4('web.compat.test'), await resolver.resolve4('web.compat.test', { ttl: true }))
    log(await resolver.resolveCname('alias.compat.test'))
    log(await resolver.resolveMx('compat.test'))
    log(await resolver.resolveTxt('compat.test'))
    log(await resolver.resolveNs('compat.test'))
    log(await resolver.resolveSrv('_http._tcp.compat.test'))
    log(await resolver.resolve('web.compat.test', 'A'))
    log(await resolver.resolve4('nobody.compat.test').catch(describe))
    log(await resolver.resolve6('web.compat.test').catch(describe))
    server.close()
  },

  async 'Resolver: cancel'(log) {
    const { server, at } = await nameServer()
    const resolver = new dns.Resolver()
    resolver.setServers([at])
    const cancelled = new Promise((resolve) => resolver.resolve4('silent.compat.test', resolve))
    setImmediate(() => resolver.cancel())
    log(describe(await cancelled))
    server.close()
  },

  async 'http: a name that a Resolver finds'(log) {
    const { server, at } = await nameServer()
    const resolver = new dns.Resolver()
    resolver.setServers([at])
    const web = http.createServer((request, response) => response.end(request.headers.host.split(':')[0]))
    const port = await listen(web)
    const lookup = (name, options, done) =>
      resolver.resolve4(name, (error, found) =>
        done(error, options.all ? found?.map((each) => ({ address: each, family: 4 })) : found?.[0], 4),
      )
    const response = await new Promise((resolve, reject) =>
      http.get({ host: 'web.compat.test', port, lookup, agent: false }, resolve).on('error', reject),
    )
    log(await text(response))
    await close(web)
    server.close()
  },
}
