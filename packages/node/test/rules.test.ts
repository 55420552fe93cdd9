/**
 * What of a node's program may use the host's network: by a rule, with a report, and nothing at all under strict rules.
 *
 * @module
 */

import dgram from 'node:dgram'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Folder, run } from './programs.ts'
import { event } from './trace.ts'

const [key, cert] = ['key', 'crt'].map((end) => readFileSync(new URL(`fixtures/self-signed.${end}`, import.meta.url)))

let folder: Folder
/** Servers on the host's loopback. */
const ports = { http: 0, https: 0, http2: 0, udp: 0 }
const servers: { close(): unknown; closeAllConnections?(): void }[] = []

beforeAll(async () => {
  folder = new Folder()
  const plain = http.createServer((_request, response) => response.end('host'))
  const secure = https.createServer({ key, cert }, (_request, response) => response.end('host, secure'))
  const second = http2.createServer((_request, response) => response.end('host, http2'))
  const datagrams = dgram.createSocket('udp4', (data, from) => datagrams.send(`host: ${data}`, from.port, from.address))
  const listen = async (server: Server): Promise<number> => {
    await event(server.listen(0, '127.0.0.1'), 'listening')
    return (server.address() as AddressInfo).port
  }
  Object.assign(ports, { http: await listen(plain), https: await listen(secure), http2: await listen(second) })
  await new Promise<void>((resolve) => datagrams.bind(0, '127.0.0.1', resolve))
  ports.udp = datagrams.address().port
  servers.push(plain, secure, second, datagrams)
})
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections?.()
    server.close()
  }
  folder[Symbol.dispose]()
})

/** Runs an ES module with the rules, and with `ports` in it. */
function runWith(env: Record<string, string>, source: string, name?: string) {
  const prelude = `const ports = ${JSON.stringify(ports)};`
  return run(folder, `${prelude}${source}`, { env, ...(name !== undefined && { name }) })
}

describe('a rule leads to the host', () => {
  const table: [what: string, rule: () => string, source: string, says: string][] = [
    [
      'fetch, by address and port',
      () => `127.0.0.1:${ports.http}`,
      "console.log(await (await fetch('http://127.0.0.1:' + ports.http)).text())",
      'host',
    ],
    [
      'fetch, by name, of which the other address is the stack’s',
      () => `127.0.0.1:${ports.http}`,
      "console.log(await (await fetch('http://localhost:' + ports.http)).text())",
      'host',
    ],
    [
      'http, by the rule of a name',
      () => `localhost:${ports.http}`,
      "import http from 'node:http'; http.get({ host: 'localhost', port: ports.http }, (r) => r.on('data', (d) => console.log(String(d))))",
      'host',
    ],
    [
      'a port of any address; options that were set before',
      () => `:${ports.http}`,
      `import net from 'node:net'
       const socket = net.connect(ports.http, 'localhost')
       socket.setNoDelay(true).setKeepAlive(true, 1000)
       socket.end('GET / HTTP/1.0\\r\\n\\r\\n').setEncoding('utf8').on('data', (text) => console.log(text.split('\\n').at(-1)))`,
      'host',
    ],
    [
      'TLS, which takes its handle before the destination is known: 200 kB there',
      () => '127.0.0.0/8',
      `import https from 'node:https'
       const request = https.request({ host: '127.0.0.1', port: ports.https, method: 'POST', rejectUnauthorized: false }, (response) => {
         response.on('data', (data) => console.log(String(data)))
       })
       request.end(Buffer.alloc(200_000))`,
      'host, secure',
    ],
    [
      'HTTP/2',
      () => `127.0.0.1:${ports.http2}`,
      `import http2 from 'node:http2'
       const session = http2.connect(\`http://127.0.0.1:\${ports.http2}\`)
       session.request().setEncoding('utf8').on('data', (text) => { console.log(text); session.close() })`,
      'host, http2',
    ],
    [
      'datagrams, connected and not',
      () => `127.0.0.1:${ports.udp}`,
      `import dgram from 'node:dgram'
       import { once } from 'node:events'
       const one = dgram.createSocket('udp4')
       one.send('one', ports.udp, '127.0.0.1')
       const [first, from] = await once(one, 'message')
       const two = dgram.createSocket('udp4')
       two.connect(ports.udp, 'localhost')
       await once(two, 'connect')
       two.send('two')
       const [second] = await once(two, 'message')
       console.log(String(first), from.port === ports.udp, String(second), two.remoteAddress().address)
       one.close(); two.close()`,
      'host: one true host: two 127.0.0.1',
    ],
  ]

  test.each(table)('%s', async (_what, rule, source, says) => {
    expect(await runWith({ IOTH_HOST: rule(), IOTH_STRICT: '1' }, source)).toEqual({
      code: 0,
      signal: null,
      stdout: `${says}\n`,
      stderr: '',
    })
  })

  test('and nothing else does: without it the stack answers for its own loopback', async () => {
    const outcome = await runWith(
      { IOTH_HOST: ':1' },
      `const failed = await fetch(\`http://127.0.0.1:\${ports.http}/\`).catch(({ cause }) => cause)
       console.log(failed.code)`,
    )
    expect(outcome.stdout).toBe('ECONNREFUSED\n')
  })

  test('a malformed one is refused before anything starts', async () => {
    const outcome = await runWith({ IOTH_HOST: '10.0.0.300' }, 'console.log("started")')
    expect(outcome).toMatchObject({ code: 78, stdout: '' })
    expect(outcome.stderr).toMatch(/^ioth: "10\.0\.0\.300" is no rule of --host\. [^\n]+\n$/)
  })
})

describe('the first failure that a rule could mend is one line', () => {
  const attempt = (host: string, port = 'ports.http') => `
    import net from 'node:net'
    for (let i = 0; i < 2; i++) {
      await new Promise((resolve) => net.connect(${port}, '${host}').on('error', ({ code, errors }) => {
        console.log(code ?? errors[0].code); resolve() }))
    }`

  test('nobody on the node’s own loopback', async () => {
    const outcome = await runWith({}, attempt('127.0.0.1'))
    expect(outcome.stdout).toBe('ECONNREFUSED\nECONNREFUSED\n')
    expect(outcome.stderr).toMatch(
      new RegExp(
        `^ioth: nothing listens at port ${ports.http} of 127\\.0\\.0\\.1 on this node[^\\n]+ioth run --host 127\\.0\\.0\\.1:${ports.http} [^\\n]+\\n$`,
      ),
    )
    const quiet = await runWith({ IOTH_QUIET: '1' }, attempt('127.0.0.1'))
    expect(quiet.stderr).toBe('')
  })

  test('nobody behind localhost', async () => {
    const { stderr } = await runWith({}, attempt('localhost'))
    expect(stderr).toMatch(new RegExp(`^ioth: [^\\n]+ioth run --host localhost:${ports.http} [^\\n]+\\n$`))
  })

  test('no route, by a datagram too', async () => {
    const { stderr } = await runWith({}, attempt('192.0.2.1', '80'))
    expect(stderr).toMatch(
      /^ioth: there is no route to 192\.0\.2\.1 from 10\.0\.0\.1\/24; [^\n]+--host 192\.0\.2\.1:80 [^\n]+\n$/,
    )
    const datagram = await runWith(
      {},
      `import dgram from 'node:dgram'
       const socket = dgram.createSocket('udp4')
       socket.send('x', 53, '192.0.2.1', (error) => { console.log(error.code); socket.close() })`,
    )
    expect(datagram.stdout).toBe('ENETUNREACH\n')
    expect(datagram.stderr).toMatch(/^ioth: there is no route to 192\.0\.2\.1 [^\n]+--host 192\.0\.2\.1:53 [^\n]+\n$/)
  })

  test('a name, and no name server: the host is not asked', async () => {
    const outcome = await runWith(
      {},
      "import dns from 'node:dns'; dns.lookup('somewhere.example', (error) => console.log(error.code))",
    )
    expect(outcome.stdout).toMatch(/^(ENOTFOUND|EAI_AGAIN)\n$/)
    expect(outcome.stderr).toMatch(
      /^ioth: this node has no name server to ask for "somewhere\.example"[^\n]+--dns [^\n]+\n$/,
    )
  })
})

describe('the report', () => {
  const program = `
    import http from 'node:http'
    import net from 'node:net'
    import dgram from 'node:dgram'
    import { once } from 'node:events'
    const server = http.createServer((_, response) => response.end('x'.repeat(1000))).listen(80)
    await once(server, 'listening')
    await (await fetch('http://10.0.0.1/')).text()
    await (await fetch(\`http://localhost:\${ports.http}/\`)).text()
    await once(net.connect(81, '10.0.0.1'), 'error').catch(() => {})
    const socket = dgram.createSocket('udp4')
    socket.send('12345', ports.udp, '127.0.0.1')
    await once(socket, 'message')
    socket.close()
    // Connections that are open at the end count as well.
    process.exit(3)`

  test('as JSON: every destination, and what used the host', async () => {
    const file = join(folder.path, 'report.json')
    const outcome = await runWith({ IOTH_HOST: `localhost:${ports.http} :${ports.udp}`, IOTH_REPORT: file }, program)
    expect(outcome).toMatchObject({ code: 3, stdout: '', stderr: '' })
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    expect(lines).toHaveLength(1)
    const { addresses, entries, program: name } = JSON.parse(lines[0] as string)
    expect([name, addresses]).toEqual(['program.mjs', ['10.0.0.1']])
    const at = (address: string, port: number, direction = 'out') =>
      entries.filter(
        (each: Record<string, unknown>) =>
          each.direction === direction && each.address === address && each.port === port,
      )
    expect(at('10.0.0.1', 80)).toEqual([
      expect.objectContaining({ protocol: 'tcp', network: 'ts', rule: null, count: 1, failed: 0 }),
    ])
    expect(at('10.0.0.1', 80)[0].received).toBeGreaterThan(1000)
    expect(at('10.0.0.1', 80, 'in')).toEqual([
      expect.objectContaining({ count: 1, sent: at('10.0.0.1', 80)[0].received, received: at('10.0.0.1', 80)[0].sent }),
    ])
    expect(at('10.0.0.1', 81)).toEqual([expect.objectContaining({ count: 1, failed: 1, sent: 0, received: 0 })])
    expect(at('127.0.0.1', ports.udp)).toEqual([
      expect.objectContaining({
        protocol: 'udp',
        network: 'host',
        rule: `:${ports.udp}`,
        count: 2,
        sent: 5,
        received: 11,
      }),
    ])
    expect(at('localhost', 0)).toEqual([expect.objectContaining({ protocol: 'dns', network: 'host' })])
    const [web] = at('127.0.0.1', ports.http)
    expect(web).toMatchObject({ network: 'host', rule: `localhost:${ports.http}`, count: 1, failed: 0 })
    expect(web.received).toBeGreaterThan(4)
  })

  test('as text, and where nothing was used', async () => {
    const { stderr, stdout } = await runWith(
      { IOTH_HOST: `localhost:${ports.http} :${ports.udp}`, IOTH_REPORT: '1' },
      program,
    )
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^ioth: network report of program\.mjs \(process \d+, 10\.0\.0\.1\)\n/)
    expect(stderr).toMatch(/^ioth:\s+to\s+tcp\s+10\.0\.0\.1:80\s+ts\s+1\s+0\s+\d+\s+\d+$/m)
    expect(stderr).toMatch(
      new RegExp(`^ioth:\\s+to\\s+tcp\\s+127\\.0\\.0\\.1:${ports.http}\\s+host, by --host localhost:`, 'm'),
    )
    const none = await runWith({ IOTH_REPORT: 'text' }, '')
    expect(none.stderr).toMatch(/^ioth: network report of [^\n]+: no network was used\n$/)
  })
})

describe('strict', () => {
  const refusals: [what: string, source: string, says: RegExp][] = [
    [
      'a native add-on',
      "import { createRequire } from 'node:module'\ncreateRequire(import.meta.url)('./fake.node')",
      /^dlopen: the add-on .*fake\.node can reach past .*called at .*program\.mjs:2:\d+\)\. To allow it: --host addon:fake\.node$/,
    ],
    [
      'a program that is not Node',
      "import { spawn } from 'node:child_process'\nspawn('true')",
      /^spawn: the program true, which is not Node, .*called at .*program\.mjs:2:\d+\)\. To allow it: --host exec:true$/,
    ],
    [
      'a shell, waited for',
      "import { execSync } from 'node:child_process'\nexecSync('true')",
      /^spawn: the program \/bin\/sh, which is not Node, .*program\.mjs:2:\d+\)\. To allow it: --host exec:sh$/,
    ],
    [
      'a descriptor to listen on',
      "import net from 'node:net'\nconst { TCP, constants } = process.binding('tcp_wrap')\nnew TCP(constants.SERVER).open(17)",
      /^open: descriptor 17, a socket of the host, .*program\.mjs:3:\d+\)/,
    ],
    [
      'the debugger',
      "import inspector from 'node:inspector'\ninspector.open(0)",
      /^inspect: the debugger.*program\.mjs:2:\d+\)/,
    ],
  ]

  test.each(refusals)('%s is refused at the call', async (_what, source, says) => {
    folder.write('fake.node', 'no library')
    const tried = `${source.replace(/\n(.*)$/, '\ntry { $1 } catch (error) { console.log(error.code); console.log(error.message); console.log(error.stack.split("\\n")[0]) }')}`
    const { stdout, code } = await run(folder, tried, { env: { IOTH_STRICT: '1' } })
    const [errorCode, message, first] = stdout.split('\n')
    expect([code, errorCode, first]).toEqual([0, 'ERR_IOTH_STRICT', `Error: ${message}`])
    expect(message).toMatch(says)
  })

  test('nobody catches it: the program ends at the call, as with any error', async () => {
    const outcome = await run(folder, "import { spawn } from 'node:child_process'\nspawn('true')", {
      env: { IOTH_STRICT: '1' },
    })
    expect(outcome.code).toBe(1)
    expect(outcome.stderr).toMatch(/Error: spawn: the program true.*program\.mjs:2/)
  })

  test('what a rule allows goes on', async () => {
    folder.write('fake.node', 'no library')
    const outcome = await run(
      folder,
      `import { createRequire } from 'node:module'
       import { execFileSync } from 'node:child_process'
       try { createRequire(import.meta.url)('./fake.node') } catch (error) { console.log(error.code) }
       console.log(String(execFileSync('echo', ['said'])).trim())
       console.log(String(execFileSync(process.execPath, ['-p', '1 + 1'])).trim())`,
      { env: { IOTH_STRICT: '1', IOTH_HOST: 'addon:fake.node,exec:echo' } },
    )
    expect(outcome).toMatchObject({ code: 0, stdout: 'ERR_DLOPEN_FAILED\nsaid\n2\n', stderr: '' })
  })

  test('what the node starts is held to the same', async () => {
    const child =
      "try { require('child_process').spawn('true') } catch ({ code }) { console.log(code) }; require('net').connect(80, '192.0.2.1').on('error', ({ code }) => console.log(code))"
    const outcome = await run(
      folder,
      `import { execFileSync } from 'node:child_process'
       process.stdout.write(execFileSync(process.execPath, ['-e', ${JSON.stringify(child)}]))`,
      { env: { IOTH_STRICT: '1', IOTH_QUIET: '1' } },
    )
    expect(outcome).toMatchObject({ code: 0, stdout: 'ERR_IOTH_STRICT\nENETUNREACH\n' })
  })

  test('a C library that ioth itself asks for is loaded', async () => {
    const ffi = fileURLToPath(new URL('../../ffi/dist/index.js', import.meta.url))
    const outcome = await run(
      folder,
      `const { socketPair, closeDescriptor } = await import(${JSON.stringify(ffi)})
       for (const fd of socketPair('stream')) closeDescriptor(fd)
       console.log('loaded')`,
      { env: { IOTH_STRICT: '1' } },
    )
    expect(outcome).toMatchObject({ code: 0, stdout: 'loaded\n', stderr: '' })
  })

  test('the debugger on the command line: refused before the program', async () => {
    const outcome = await run(folder, 'console.log("started")', {
      env: { IOTH_STRICT: '1' },
      node: ['--inspect=127.0.0.1:0'],
    })
    expect(outcome).toMatchObject({ code: 78, stdout: '' })
    expect(outcome.stderr).toContain('ioth: inspect: the debugger, which listens on a port of the host,')
  })
})
