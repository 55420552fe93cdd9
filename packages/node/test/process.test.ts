/**
 * Whole programs in the implicit mode: how they start, what they see, how they end.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSwitch } from '@ioth/vde'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Folder, run, start } from './programs.ts'

const FAREWELL = { code: 0, signal: null, stderr: '' }

let folder: Folder
beforeAll(() => {
  folder = new Folder()
})
afterAll(() => folder[Symbol.dispose]())

describe('the program starts as without us', () => {
  const look = `
    const server = net.createServer().listen(0, () => {
      console.log(JSON.stringify({
        arguments: process.argv.slice(2), ioth: process.versions.ioth, listening: server.address().address,
        interfaces: Object.keys(os.networkInterfaces()),
        own: os.networkInterfaces().eth0[0].cidr,
      }))
      server.close()
    })`
  const seen = {
    arguments: ['-a', 'b c'],
    ioth: expect.stringMatching(/^\d+\.\d+\.\d+/),
    listening: expect.stringMatching(/^(::|0\.0\.0\.0)$/),
    interfaces: ['lo', 'eth0'],
    own: '10.0.0.1/24',
  }

  test('an ES module, whose addresses are usable at once', async () => {
    const outcome = await run(folder, `import net from 'node:net'; import os from 'node:os'; ${look}`, {
      args: ['-a', 'b c'],
    })
    expect(outcome).toMatchObject(FAREWELL)
    expect(JSON.parse(outcome.stdout)).toEqual(seen)
  })

  test('a CommonJS module, which is the main one', async () => {
    const outcome = await run(
      folder,
      `const net = require('net'), os = require('os'); if (require.main !== module) throw 1; ${look}`,
      { args: ['-a', 'b c'], name: 'program.cjs' },
    )
    expect(outcome).toMatchObject(FAREWELL)
    expect(JSON.parse(outcome.stdout)).toEqual(seen)
  })

  test('a program without a script waits by --import', async () => {
    const { fileURLToPath } = await import('node:url')
    const ready = fileURLToPath(new URL('../dist/ready.js', import.meta.url))
    const outcome = await run(folder, '', {
      node: ['--import', ready, '--eval', 'console.log(process.versions.ioth !== undefined)', '--'],
    })
    expect(outcome).toMatchObject({ ...FAREWELL, stdout: 'true\n' })
  })

  test('no warning of Node’s about what we use', async () => {
    const node = ['--pending-deprecation']
    expect(await run(folder, 'console.log(1)', { node })).toEqual({ ...FAREWELL, stdout: '1\n' })
    const child = { node, config: null, env: { IOTH_NODE: '{}' } }
    expect(await run(folder, 'console.log(1)', child)).toEqual({ ...FAREWELL, stdout: '1\n' })
  })

  test('without IOTH_CONFIG the preload does nothing', async () => {
    const outcome = await run(folder, 'console.log(process.versions.ioth)', { config: null })
    expect(outcome).toMatchObject({ ...FAREWELL, stdout: 'undefined\n' })
  })

  test('the exit code is the program’s, and so is what it throws', async () => {
    expect(await run(folder, 'process.exitCode = 7')).toMatchObject({ ...FAREWELL, code: 7 })
    const thrown = await run(folder, 'throw new TypeError("mine")')
    expect(thrown).toMatchObject({ code: 1, stdout: '' })
    expect(thrown.stderr).toContain('program.mjs:1')
    expect(thrown.stderr).toContain('TypeError: mine')
    const missing = await run(folder, 'import "nowhere"')
    expect(missing).toMatchObject({ code: 1 })
    expect(missing.stderr).toContain('ERR_MODULE_NOT_FOUND')
  })
})

describe('failures before the program are one paragraph', () => {
  for (const [title, config, code, text] of [
    ['a malformed address', 'ip=10.0.0.300', 78, /10\.0\.0\.300/],
    ['an unknown key', 'adress=10.0.0.1', 78, /adress/],
    ['JSON that is none', '{"addresses":', 78, /IOTH_CONFIG is not JSON/],
    ['an unknown backend', 'stack=nonesuch,vnl=null://', 69, /nonesuch/],
    ['a network that is not there', 'vnl=/nonexistent/switch', 69, /\/nonexistent\/switch/],
  ] as const) {
    test(title, async () => {
      const outcome = await run(folder, 'console.log("started")', { config })
      expect(outcome).toMatchObject({ code, stdout: '' })
      expect(outcome.stderr).toMatch(/^ioth: [^\n]+\n$/)
      expect(outcome.stderr).toMatch(text)
    })
  }

  test('the permission model', async (context) => {
    const flag = Number(process.versions.node.split('.')[0]) >= 24 ? '--permission' : '--experimental-permission'
    const outcome = await run(folder, 'console.log("started")', {
      node: [flag, '--allow-fs-read=*', '--allow-child-process', '--allow-worker'],
    })
    if (outcome.stderr.includes('bad option')) context.skip('this Node has no permission model')
    expect(outcome).toMatchObject({ code: 69, stdout: '' })
    expect(outcome.stderr).toContain('Run the program without --permission')
  })
})

describe('a program ends when its work is done', () => {
  const prelude = "import net from 'node:net'; import http from 'node:http'; const address = '10.0.0.1';"

  for (const [title, source, stdout] of [
    ['nothing to do', 'console.log("done")', 'done\n'],
    ['an unreferenced server', 'net.createServer().listen(80, () => console.log("up")).unref()', 'up\n'],
    [
      'an unreferenced server that is listening already',
      'const server = net.createServer().listen(80, () => { console.log("up"); server.unref() })',
      'up\n',
    ],
    [
      'a server that closes, with its connections',
      `const server = net.createServer((socket) => socket.end()).listen(80, () => {
        net.connect(80, address).resume().on('close', () => { console.log('closed'); server.close() }) })`,
      'closed\n',
    ],
    [
      'a paused connection',
      `const server = net.createServer({ pauseOnConnect: true }, () => { console.log('accepted'); server.unref() })
       server.listen(80, () => net.connect(80, address).on('connect', function () { this.pause() }))`,
      'accepted\n',
    ],
    [
      'an unreferenced connection',
      `const server = net.createServer((socket) => { socket.unref().resume(); server.unref() })
       server.listen(80, () => net.connect(80, address).on('connect', function () { this.unref().resume(); console.log('connected') }))`,
      'connected\n',
    ],
    [
      'an unreferenced connection that is still being opened: its opening is waited for',
      `const server = net.createServer().listen(80, () => {
         server.unref()
         net.connect(80, address).unref().on('connect', () => console.log('connected'))
       })
       server.on('connection', (socket) => socket.unref())`,
      'connected\n',
    ],
    [
      'kept-alive connections of an agent',
      `const server = http.createServer((_, response) => response.end('x')).listen(80, () => {
        http.get({ host: address, agent: new http.Agent({ keepAlive: true }) }, (response) => {
          response.resume().on('end', () => { console.log('got'); server.unref() }) }) })
       server.on('connection', (socket) => socket.unref())`,
      'got\n',
    ],
    [
      'a connection in progress holds the process until it is refused',
      `net.connect(81, address).unref().on('error', ({ code }) => console.log(code))`,
      'ECONNREFUSED\n',
    ],
  ] as const) {
    test(title, async () => {
      expect(await run(folder, prelude + source)).toEqual({ ...FAREWELL, stdout })
    })
  }
})

test.each(['the program itself', 'a child'])(
  '64 KiB written before process.exit() arrive whole, and end: %s',
  async (who) => {
    const network = join(folder.path, 'switch')
    const lan = await createSwitch({ dir: network })
    const server = start(
      folder,
      `import { fork } from 'node:child_process'
     import net from 'node:net'
     if (process.argv[2] === 'a child') fork(process.argv[1]).on('exit', (code) => { process.exitCode = code })
     else net.createServer((socket) => { socket.write('x'.repeat(65536)); process.exit(4) }).listen(80, () => console.log('up'))`,
      { config: JSON.stringify({ addresses: ['10.0.0.1/24'], vnl: network }), name: 'server.mjs', args: [who] },
    )
    await server.said('up')
    const client = await run(
      folder,
      `import net from 'node:net'
     let count = 0
     net.connect(80, '10.0.0.1').on('data', (data) => (count += data.length)).on('end', () => console.log(count))
       // The peer is gone and acknowledges no end.
       .on('close', () => process.exit())`,
      { config: JSON.stringify({ addresses: ['10.0.0.2/24'], vnl: network }), name: 'client.mjs' },
    )
    expect(client).toEqual({ ...FAREWELL, stdout: '65536\n' })
    expect(await server.ended).toMatchObject({ code: 4, stderr: '' })
    await lan.close()
  },
)

describe('exceptions', () => {
  const program = `
    import net from 'node:net'
    const server = net.createServer((socket) => {
      socket.on('data', (data) => {
        if (String(data) === 'bad') throw new Error('from a data listener')
        socket.end('served ' + data)
      })
      socket.on('error', () => {})
    })
    server.listen(80, '10.0.0.1', () => {
      const ask = (word) => new Promise((resolve) => {
        const socket = net.connect(80, '10.0.0.1', () => socket.write(word))
        socket.on('data', (data) => { console.log(String(data)); resolve() })
        if (word === 'bad') resolve()
      })
      Promise.all(['one', 'bad', 'two', 'bad', 'three'].map(ask)).then(() => process.exit(3))
    })`

  test('in a listener: uncaughtException, and the other connections go on', async () => {
    const outcome = await run(
      folder,
      `process.on('uncaughtException', ({ message }) => console.log(message));${program}`,
    )
    expect(outcome).toMatchObject({ code: 3, stderr: '' })
    expect(outcome.stdout.trim().split('\n').sort()).toEqual([
      'from a data listener',
      'from a data listener',
      'served one',
      'served three',
      'served two',
    ])
  })

  test('in a listener of TLS, amid a handshake and amid data: the same, on the same connection too', async () => {
    const [key, cert] = ['key', 'crt'].map((end) =>
      readFileSync(new URL(`fixtures/self-signed.${end}`, import.meta.url), 'utf8'),
    )
    const outcome = await run(
      folder,
      `import tls from 'node:tls'
       import { once } from 'node:events'
       process.on('uncaughtException', ({ message }) => console.log(message))
       const server = tls.createServer(${JSON.stringify({ key, cert })}, (socket) => {
         socket.on('data', (data) => {
           if (String(data) === 'bad') throw new Error('from a data listener')
           socket.write('served ' + data)
         })
       })
       server.on('secureConnection', () => { throw new Error('amid a handshake') })
       await once(server.listen(0, '127.0.0.1'), 'listening')
       const client = tls.connect({ port: server.address().port, host: '127.0.0.1', ca: ${JSON.stringify(cert)} })
       for (const word of ['one', 'bad', 'two']) {
         client.write(word)
         if (word === 'bad') await once(process, 'uncaughtException')
         else console.log(String((await once(client, 'data'))[0]))
       }
       client.end()
       server.close()`,
    )
    expect(outcome).toEqual({
      ...FAREWELL,
      stdout: 'amid a handshake\nserved one\nfrom a data listener\nserved two\n',
    })
  })

  test('that nobody catches end the program as ever', async () => {
    const outcome = await run(folder, program)
    expect(outcome.code).toBe(1)
    expect(outcome.stderr).toContain('Error: from a data listener')
    expect(outcome.stderr).toMatch(/program\.mjs:5/)
  })

  test('an error event that nobody hears', async () => {
    const outcome = await run(folder, "import net from 'node:net'; net.connect(81, '10.0.0.1')")
    expect(outcome.code).toBe(1)
    expect(outcome.stderr).toContain('Error: connect ECONNREFUSED 10.0.0.1:81')
  })
})

describe('what lies outside', () => {
  test('an unroutable address is ENETUNREACH, and one line says why', async () => {
    const source = `
      import net from 'node:net'
      const try_ = (host) => new Promise((resolve) => net.connect(80, host).on('error', ({ code }) => { console.log(code); resolve() }))
      await try_('192.0.2.1'); await try_('192.0.2.2')`
    const outcome = await run(folder, source)
    expect(outcome).toMatchObject({ code: 0, stdout: 'ENETUNREACH\nENETUNREACH\n' })
    expect(outcome.stderr).toMatch(/^ioth: there is no route to 192\.0\.2\.1 from 10\.0\.0\.1\/24; [^\n]+\n$/)
    const quiet = await run(folder, source, { env: { IOTH_QUIET: '1' } })
    expect(quiet).toMatchObject({ code: 0, stderr: '' })
  })

  test("datagram sockets are the stack's", async () => {
    const source = `import dgram from 'node:dgram'
      const server = dgram.createSocket('udp4', (data, { address }) => { console.log(String(data), address); server.close(); client.close() })
      const client = dgram.createSocket('udp4')
      server.bind(53, '10.0.0.1', () => client.send('query', 53, '10.0.0.1'))`
    expect(await run(folder, source)).toMatchObject({ code: 0, stdout: 'query 10.0.0.1\n', stderr: '' })
  })
})

describe('what a node starts belongs to it', () => {
  const connect = `require('net').connect(80, '10.0.0.1').on('error', ({ code, message }) => console.log(code, message))`
  /** What the node itself says. */
  const refused = 'ECONNREFUSED connect ECONNREFUSED 10.0.0.1:80'
  const bind = `try { require('net').createServer().listen(80) } catch ({ code }) { console.log(code) }`
  const datagram = `process.on('uncaughtException', ({ code }) => console.log(code)); require('dgram').createSocket('udp4').send('x', 9, '127.0.0.1')`

  test('of a node that cannot be shared: a clear error at its first socket call, in execFileSync too', async () => {
    const outcome = await run(
      folder,
      `import { execFileSync } from 'node:child_process'
       for (const code of ${JSON.stringify([connect, bind, datagram, 'console.log("no sockets")'])})
         process.stdout.write(execFileSync(process.execPath, ['-e', code]))`,
      { config: 'ip=10.0.0.1/24,vnl=hub://lan' },
    )
    expect(outcome).toMatchObject(FAREWELL)
    const [connected, ...others] = outcome.stdout.trim().split('\n')
    expect(connected).toMatch(
      /^ERR_IOTH_NOT_IMPLEMENTED connect: this process was started by the node 10\.0\.0\.1 \(process \d+\), .*hub:\/\/lan.*ioth run SCRIPT -a ADDRESS/,
    )
    expect(others).toEqual(['ERR_IOTH_NOT_IMPLEMENTED', 'ERR_IOTH_NOT_IMPLEMENTED', 'no sockets'])
  })

  test('a child of a child, behind a shell', async () => {
    folder.write('inner.cjs', connect)
    const outcome = await run(
      folder,
      `import { execSync } from 'node:child_process'
       process.stdout.write(execSync('node inner.cjs', { env: { ...process.env, PATH: ${JSON.stringify(
         process.execPath.replace(/[^/\\]+$/, ''),
       )} + ':' + process.env.PATH } }))`,
    )
    expect(outcome.stdout).toBe(`${refused}\n`)
  })

  test('children with an environment of their own belong to the node as well', async () => {
    folder.write('child.cjs', connect)
    const outcome = await run(
      folder,
      `import { execFileSync, fork, spawn, spawnSync } from 'node:child_process'
       import { once } from 'node:events'
       const node = process.execPath, code = ${JSON.stringify(connect)}
       process.stdout.write(execFileSync(node, ['-e', code], { env: {} }))
       process.stdout.write(String(spawnSync(node, ['-e', code], { env: { NODE_OPTIONS: '--no-warnings' } }).stdout))
       const child = spawn(node, ['-e', code], { env: {}, stdio: 'inherit' })
       await once(child, 'exit')
       await once(fork('./child.cjs', { env: {} }), 'exit')`,
    )
    expect(outcome).toMatchObject(FAREWELL)
    expect(outcome.stdout).toBe(`${refused}\n`.repeat(4))
  })

  test('a child with an empty IOTH_NODE has the host’s network', async () => {
    const outcome = await run(
      folder,
      `import { execFileSync } from 'node:child_process'
       const env = { ...process.env, IOTH_NODE: '' }
       const code = "const s = require('net').createServer().listen(0, '127.0.0.1', () => { console.log(s._handle.fd >= 0); s.close() })"
       process.stdout.write(execFileSync(process.execPath, ['-e', code], { env }))`,
    )
    expect(outcome).toMatchObject({ ...FAREWELL, stdout: 'true\n' })
  })

  test('threads, from a file and from text', async () => {
    folder.write('worker.cjs', connect)
    const outcome = await run(
      folder,
      `import { Worker } from 'node:worker_threads'
       import { once } from 'node:events'
       await once(new Worker('./worker.cjs'), 'exit')
       await once(new Worker(${JSON.stringify(connect)}, { eval: true, env: {} }), 'exit')`,
    )
    expect(outcome).toMatchObject(FAREWELL)
    expect(outcome.stdout).toBe(`${refused}\n`.repeat(2))
  })
})
