import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import dgram from 'node:dgram'
import diagnostics from 'node:diagnostics_channel'
import http from 'node:http'
import net from 'node:net'
import { PerformanceObserver } from 'node:perf_hooks'
import { address, close, event, listen, text } from './support.mjs'

export default {
  async 'AsyncLocalStorage: in every callback of a socket'(log) {
    const storage = new AsyncLocalStorage()
    const seen = {}
    const note = (what) => (seen[what] = storage.getStore() ?? 'none')
    const server = storage.run('server', () =>
      net.createServer((socket) => {
        note('connection')
        socket.on('data', (data) => {
          note('server data')
          socket.end(data, () => note('server written'))
        })
      }),
    )
    const port = await storage.run('listen', () => listen(server))
    await storage.run('client', async () => {
      const socket = net.connect(port, address, () => note('connect'))
      socket.on('data', () => note('client data'))
      socket.on('end', () => note('client end'))
      socket.write('x', () => note('client written'))
      await event(socket, 'close')
    })
    await storage.run('datagram', async () => {
      const socket = dgram.createSocket('udp4')
      await new Promise((resolve) => socket.bind(0, address, resolve))
      socket.send('x', socket.address().port, address, () => note('sent'))
      await event(socket, 'message')
      note('message')
      socket.close()
    })
    await close(server)
    log(seen)
  },

  async 'AsyncLocalStorage: each request of an HTTP server has its own'(log) {
    const storage = new AsyncLocalStorage()
    let last = 0
    const server = http.createServer((request, response) => {
      storage.run(++last, async () => {
        await text(request)
        response.end(`${last >= storage.getStore()} ${storage.getStore()}`)
      })
    })
    const port = await listen(server)
    const answers = await Promise.all(
      Array.from({ length: 10 }, async () =>
        (await fetch(`http://${address}:${port}`, { method: 'POST', body: 'x' })).text(),
      ),
    )
    log(answers.sort())
    server.closeAllConnections()
    await close(server)
  },

  async 'async_hooks: init, before, after, destroy in balance'(log) {
    const live = new Set()
    let unbalanced = 0
    const stack = []
    const hook = createHook({
      init: (id) => live.add(id),
      before: (id) => stack.push(id),
      after: (id) => {
        // What was entered before the hook was there is left with an empty stack.
        if (stack.length > 0 && stack.pop() !== id) unbalanced++
      },
    }).enable()
    const server = net.createServer((socket) => socket.pipe(socket))
    const socket = net.connect(await listen(server), address)
    socket.end('x')
    await text(socket)
    await close(server)
    hook.disable()
    log(unbalanced, live.size > 0)
  },

  async 'diagnostics_channel: net, http, undici'(log) {
    const seen = []
    const names = [
      'net.client.socket',
      'net.server.socket',
      'http.client.request.start',
      'http.client.response.finish',
      'http.server.request.start',
      'http.server.response.finish',
      'undici:client:connected',
      'undici:request:headers',
    ]
    const listeners = names.map((name) => [name, () => seen.push(name)])
    for (const [name, listener] of listeners) diagnostics.subscribe(name, listener)
    const server = http.createServer((_request, response) => response.end('x'))
    const port = await listen(server)
    const response = await new Promise((resolve) => http.get({ host: address, port, agent: false }, resolve))
    await text(response)
    await (await fetch(`http://${address}:${port}`)).text()
    server.closeAllConnections()
    await close(server)
    for (const [name, listener] of listeners) diagnostics.unsubscribe(name, listener)
    // Both sides are in this process: which of them is told first is nobody's promise.
    const counts = {}
    for (const name of seen) counts[name] = (counts[name] ?? 0) + 1
    log(Object.entries(counts).sort())
  },

  async 'perf_hooks: entries of net and http'(log) {
    const entries = []
    const observer = new PerformanceObserver((list) => entries.push(...list.getEntries()))
    observer.observe({ entryTypes: ['net', 'http'] })
    const server = http.createServer((_request, response) => response.end('x'))
    const port = await listen(server)
    await text(await new Promise((resolve) => http.get({ host: address, port, agent: false }, resolve)))
    await close(server)
    for (let turn = 0; turn < 100 && entries.length < 3; turn++) await new Promise(setImmediate)
    observer.disconnect()
    log(entries.map(({ entryType, name, detail }) => [entryType, name, detail?.host ?? detail?.res?.statusCode]).sort())
  },
}
