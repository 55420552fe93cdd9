/** The way into a network without root: published ports, the proxy, nc. The clients are programs of the host, curl among them. */
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, connect as hostConnect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { createStack, listen, openDatagram, type Stack } from '../src/index.ts'
import { bare, examples, ioth, iothEnds, start, startSwitch } from './support/processes.ts'

const hasCurl = spawnSync('curl', ['--version']).status === 0
const curlTest = test.skipIf(!hasCurl && !process.env.CI)
const why = hasCurl ? '' : ' (skipped: curl is not installed; apt-get install curl)'

/** A switch with the example's web server at 10.40.0.32. @returns the path for `-f`. */
async function lan(): Promise<string> {
  const { path } = await startSwitch()
  const server = ioth(['run', `${examples}/http-server.mjs`, '-a', '10.40.0.32/24', '-a', 'fc00::32/64', '-f', path])
  await server.prints(/Serving/)
  return path
}

async function nodeAt(path: string, address: string): Promise<Stack> {
  const stack = await createStack({ vnl: path, addresses: [address] })
  onTestFinished(() => stack.close())
  return stack
}

async function curl(...args: string[]): Promise<{ stdout: string; exitCode: number | null; stderr: string }> {
  return await start('curl', ['-sS', '--max-time', '30', ...args]).ended
}

test('ioth publish: several ports, TCP and UDP, both families', async () => {
  const path = await lan()
  const echo = openDatagram(await nodeAt(path, '10.40.0.53/24'), { port: 53 })
  void (async () => {
    for await (const { data, address, port } of echo) await echo.send(data, { host: address, port })
  })()
  const publishing = ioth([
    'publish',
    '-f',
    path,
    '-a',
    '10.40.0.9/24',
    '-a',
    'fc00::9/64',
    '0:10.40.0.32:80',
    '0:10.40.0.53:53/udp',
    '0:[fc00::32]:80',
  ])
  await publishing.prints(/fc00::32\]:80\n/)
  const [tcp, udp, tcp6] = [...publishing.stderr.matchAll(/127\.0\.0\.1:(\d+) leads to/g)].map(([, port]) =>
    Number(port),
  )

  const page = await (await fetch(`http://127.0.0.1:${tcp}/`)).text()
  expect(bare(page)).toBe('Hello 10.40.0.9, this is 10.40.0.32 port 80.\n')
  expect(await (await fetch(`http://127.0.0.1:${tcp6}/`)).text()).toBe('Hello fc00::9, this is fc00::32 port 80.\n')
  const big = await fetch(`http://127.0.0.1:${tcp}/big`)
  expect((await big.arrayBuffer()).byteLength).toBe(100_000_000)

  const socket = createSocket('udp4')
  onTestFinished(() => void socket.close())
  socket.connect(udp as number, '127.0.0.1', () => socket.send('anybody?'))
  expect(String((await once(socket, 'message'))[0])).toBe('anybody?')

  const ended = await publishing.stop('SIGTERM')
  expect([ended.exitCode, ended.stdout]).toEqual([0, ''])
})

test('ioth nc: a word too many with --listen is no address', async () => {
  const ended = await iothEnds(['nc', '-l', 'lwipv6', '-a', '10.40.0.98/24', '10.40.0.1', '80'])
  expect([ended.exitCode, ended.stderr]).toEqual([64, expect.stringContaining('A backend is chosen by --library')])
})

test('a published port keeps half-open connections and resets apart', async () => {
  const { path } = await startSwitch()
  const node = await nodeAt(path, '10.40.0.32/24')
  const listener = listen(node, { port: 7 })
  const publishing = ioth(['publish', '-f', path, '0:10.40.0.32:7'])
  const [, port] = await publishing.prints(/127\.0\.0\.1:(\d+) leads to/)

  // The client ends first, and is answered all the same.
  const client = hostConnect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
  client.end('question')
  const connection = await listener.accept()
  expect(await text(connection.readable)).toBe('question')
  await connection.end('answer')
  expect(await text(client)).toBe('answer')

  const other = hostConnect(Number(port), '127.0.0.1')
  other.on('error', () => {})
  const victim = await listener.accept()
  victim.reset()
  await new Promise((settle) => other.once('close', settle))

  listener.close()
  const late = hostConnect(Number(port), '127.0.0.1')
  late.on('error', () => {})
  await new Promise((settle) => late.once('close', settle))
  await publishing.prints(
    /10\.40\.0\.32:7, which cannot be reached: connect ECONNREFUSED 10\.40\.0\.32:7\. See who is on the network: ioth ps/,
  )
})

test('a port of the host that cannot be had names the next command', async () => {
  const { path } = await startSwitch()
  const taken = createServer()
  await new Promise<void>((settle) => taken.listen(0, '127.0.0.1', settle))
  onTestFinished(() => void taken.close())
  const { port } = taken.address() as { port: number }
  const inUse = await iothEnds(['publish', '-f', path, `${port}:10.40.0.32:80`])
  expect(inUse.stderr).toBe(
    `ioth: 127.0.0.1:${port} is in use on this host. Choose another port: ioth publish ${port + 1}:10.40.0.32:80\n`,
  )
  expect(inUse.exitCode).toBe(69)
  const busy = await iothEnds(['proxy', '-f', path, String(port)])
  expect(busy.stderr).toMatch(/is in use on this host\. Choose another port: ioth proxy \d+\n$/)
  const foreign = await iothEnds(['publish', '-f', path, '192.0.2.1:0:10.40.0.32:80'])
  expect(foreign.stderr).toMatch(/192\.0\.2\.1 is no address of this host/)
  const nonsense = await iothEnds(['publish', '-f', path, '8080'])
  expect([nonsense.exitCode, nonsense.stderr]).toEqual([
    64,
    expect.stringMatching(/is not \[HOST:\]PORT:ADDRESS:PORT\. Type for example: ioth publish/),
  ])
  const outside = await iothEnds(['proxy', '-f', path, '--listen', '0.0.0.0', '0'])
  expect([outside.exitCode, outside.stderr]).toEqual([64, expect.stringMatching(/listens on loopback only/)])
})

curlTest(`ioth proxy: the host's curl by SOCKS 5 and by HTTP, with tunnels${why}`, async () => {
  const path = await lan()
  const proxy = ioth(['proxy', '-f', path, '-a', '10.40.0.9/24', '0'])
  const [, at] = await proxy.prints(/proxy at (127\.0\.0\.1:\d+)/)
  const hello = 'Hello 10.40.0.9, this is 10.40.0.32 port 80.\n'
  for (const way of [
    ['-x', `socks5h://${at}`],
    ['-x', `socks5://${at}`],
    ['-x', `http://${at}`],
    ['-p', '-x', `http://${at}`],
  ]) {
    const fetched = await curl(...way, 'http://10.40.0.32/')
    expect([way, bare(fetched.stdout)]).toEqual([way, hello])
  }
  const big = await curl('-x', `socks5h://${at}`, '-o', '/dev/null', '-w', '%{size_download}', 'http://10.40.0.32/big')
  expect(big.stdout).toBe('100000000')
  const refused = await curl('-x', `socks5h://${at}`, 'http://10.40.0.32:81/')
  expect([refused.exitCode, refused.stderr]).toEqual([97, expect.stringMatching(/\(5\)|Connection refused/i)])
  const unknown = await curl('-x', `http://${at}`, '-w', '%{http_code}', 'http://10.40.0.32:81/')
  expect(unknown.stdout).toMatch(/ioth proxy: connect ECONNREFUSED 10\.40\.0\.32:81\n502$/)
  const direct = await curl(`http://${at}/`)
  expect(direct.stdout).toMatch(/^ioth proxy: This is a proxy/)
})

curlTest(`ioth proxy with a password${why}`, async () => {
  const path = await lan()
  const proxy = ioth(['proxy', '-f', path, '0'], { env: { IOTH_PROXY_PASSWORD: 'me:secret' } })
  const [, at] = await proxy.prints(/proxy at (127\.0\.0\.1:\d+)/)
  const url = 'http://10.40.0.32/'
  for (const scheme of ['socks5h', 'http']) {
    const known = await curl('-x', `${scheme}://me:secret@${at}`, url)
    expect(known.stdout).toMatch(/^Hello/)
    const wrong = await curl('-x', `${scheme}://me:wrong@${at}`, url)
    expect(wrong.stdout).not.toMatch(/Hello/)
    const none = await curl('-x', `${scheme}://${at}`, url)
    expect(none.stdout).not.toMatch(/Hello/)
  }
})

test('ioth nc: client and listener, TCP and UDP', async () => {
  const { path } = await startSwitch()
  const listener = ioth(['nc', '-f', path, '-a', '10.40.0.9/24', '-l', '7000'], { input: 'from the listener' })
  await listener.prints(/listening on 10\.40\.0\.9 port 7000/)
  const client = ioth(['nc', '-f', path, '10.40.0.9', '7000'], { input: 'from the client' })
  expect((await client.ended).stdout).toBe('from the listener')
  const heard = await listener.ended
  expect([heard.stdout, heard.exitCode, client.exitCode]).toEqual(['from the client', 0, 0])

  const datagrams = ioth(['nc', '-f', path, '-a', '10.40.0.9/24', '-u', '-l', '7000', '-w', '20'])
  await datagrams.prints(/port 7000 \(udp\)/)
  await ioth(['nc', '-f', path, '-u', '10.40.0.9', '7000'], { input: 'a datagram\n' }).ended
  await datagrams.prints(/a datagram\n/)
  await datagrams.stop()

  const closed = await iothEnds(['nc', '-f', path, '-z', '-a', '10.40.0.8/24', '10.40.0.8', '7'])
  expect([closed.exitCode, closed.stderr]).toEqual([
    69,
    expect.stringMatching(/10\.40\.0\.8 port 7: connect ECONNREFUSED 10\.40\.0\.8:7\. Nothing listens there/),
  ])
})
