import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const dist = (path: string): string => {
  const url = new URL(`../../${path}`, import.meta.url)
  if (!existsSync(fileURLToPath(url))) throw new Error(`${path} is not built; run: npm run build`)
  return JSON.stringify(url.href)
}

/** Runs a program with two stacks in real time to its end, and gives what it printed. One that does not end fails. */
function run(program: string): string {
  const source = `
    import { connect, createPipe, defaultPool, defaultScheduler, impair, listen, parseIpAddress, poll } from ${dist('core/dist/index.js')}
    import * as streams from ${dist('core/dist/node.js')}
    import { createStack } from ${dist('stack-ts/dist/index.js')}
    const scheduler = defaultScheduler()
    const pool = defaultPool()
    const links = createPipe({ scheduler, pool })
    const [here, there] = await Promise.all(links.map((link, i) =>
      createStack({ scheduler, pool, interfaces: [{ link, addresses: ['10.0.0.' + (i + 1) + '/24'] }] })))
    const log = (...words) => console.log(...words)
    process.on('exit', () => log('exit'))
    ${program}`
  const { status, stdout, stderr, error } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  if (error !== undefined) throw error
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout
}

describe('what keeps a process alive', () => {
  it('a listening server, until it is closed; a connection, until it has ended', () => {
    const program = `
      const server = streams.createServer(there, (stream) => {
        server.close(() => log('closed'))
        setTimeout(() => stream.end('late'), 50)
      }).listen({ port: 80 })
      setTimeout(() => streams.connect(here, { host: '10.0.0.2', port: 80 }).on('data', (data) => log(String(data))), 50)`
    expect(run(program)).toBe('late\nclosed\nexit\n')
  })

  it('a server and a stream that are unreferenced do not', () => {
    const program = `
      streams.createServer(there, (stream) => stream.unref()).listen({ port: 80 }).unref()
      const stream = streams.connect(here, { host: '10.0.0.2', port: 80 })
      stream.on('connect', () => { log('connected'); setImmediate(() => stream.unref()) })`
    expect(run(program)).toBe('connected\nexit\n')
  })

  it('a promise that waits does, whatever waits for it; nothing else of that API does', () => {
    const program = `
      const listener = listen(there, { port: 80 })
      log(await listener.accept({ timeoutMs: 50 }).catch((error) => error.code))
      const [near, far] = await Promise.all([connect(here, { host: '10.0.0.2', port: 80 }), listener.accept()])
      log((await poll([near, far], { timeoutMs: 50 })).length)
      log(await near.read({ timeoutMs: 50 }).catch((error) => error.code))
      await near.write('x')
      log((await far.read()).length)`
    expect(run(program)).toBe('ETIMEDOUT\n0\nETIMEDOUT\n1\nexit\n')
  })

  it('octets on their way are delivered although the program is at its end', () => {
    const program = `
      let got = 0
      const server = streams.createServer(there, (stream) => stream.on('data', (data) => { got += data.length })).listen({ port: 80 })
      server.unref()
      const stream = streams.connect(here, { host: '10.0.0.2', port: 80 })
      stream.end(Buffer.alloc(300_000))
      process.on('exit', () => log(got))`
    expect(run(program)).toBe('exit\n300000\n')
  })

  it('whoever waits for an interface, an address, a lease or a neighbour', () => {
    const program = `
      const [near, far] = createPipe({ scheduler, pool })
      const server = await createStack({ scheduler, pool, interfaces: [{ link: far, addresses: ['10.1.0.1/24'] }] })
      const stack = await createStack({ scheduler, pool, interfaces: [] })
      const on = await stack.addInterface({ link: near, addresses: ['fd00::1/64'] })
      await on.addAddress(parseIpAddress('10.1.0.2'), 24)
      log(on.addresses.length) // With the link-local one.
      log(await stack.ping(parseIpAddress('10.1.0.9'), { timeoutMs: 50 }).catch((error) => error.code))
      log(await on.dhcp(50).catch((error) => error.code))
      await on.remove()
      log(stack.interfaces.length)`
    expect(run(program)).toBe('3\nEHOSTUNREACH\nETIMEDOUT\n0\nexit\n')
  })

  it('a stack that closes, until it has, also when a peer is silent', () => {
    const program = `
      const limits = { closedHoldMs: 1500 }
      const [near, far] = createPipe({ scheduler, pool })
      const line = impair(far, { scheduler, pool, seed: 1 })
      const [client, server] = await Promise.all([near, line].map((link, i) =>
        createStack({ scheduler, pool, limits, interfaces: [{ link, addresses: ['10.1.0.' + (i + 1) + '/24'] }] })))
      const listener = listen(server, { port: 80 })
      await Promise.all([connect(client, { host: '10.1.0.2', port: 80 }), listener.accept()])
      line.set({ loss: 1 })
      await client.close()
      log('closed')
      await Promise.all([server.close(), here.close(), there.close()])`
    expect(run(program)).toBe('closed\nexit\n')
  })
})
