/** `--strict`, proved from outside: what the kernel of an empty network namespace knows of a program's sockets. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { examples, iothProgram, programs, start, temporaryFolder } from './support/processes.ts'

const why = missing()
// Under CI a missing tool, or missing root, is a failure, not a skip.
const testOrSkip = test.skipIf(why !== null && !process.env.CI)
const title = (text: string): string => (why === null ? text : `${text} (skipped: ${why})`)

function missing(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'a network namespace needs root on Linux'
  try {
    execFileSync('ss', ['-V'], { stdio: 'ignore' })
    execFileSync('ip', ['-V'], { stdio: 'ignore' })
    return null
  } catch {
    return 'there is no ss and ip. Type: apt-get install iproute2'
  }
}

/** In a network namespace of its own, whose loopback is up: there the host's network works as well as it can. */
function alone(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const command = 'ip link set lo up && exec "$@"'
  return start('unshare', ['--net', 'sh', '-c', command, 'sh', process.execPath, ...words], { env }).ended
}

testOrSkip(title('without ioth the kernel has every socket of the program'), async () => {
  const { stdout, exitCode } = await alone([`${programs}/every-socket.mjs`, '127.0.0.1'])
  expect(exitCode).toBe(0)
  expect(stdout.match(/^tcp .*LISTEN/gm)?.length).toBeGreaterThanOrEqual(4)
  expect(stdout).toMatch(/^udp /m)
})

testOrSkip(title('under --strict the kernel has none'), async () => {
  const network = temporaryFolder()
  const { stdout, exitCode } = await alone([
    ...[iothProgram, 'run', '-q', '-c', '-f', network, '-a', '10.40.0.32/24', '--strict', '--host', 'exec:ss'],
    ...[`${programs}/every-socket.mjs`, '10.40.0.32'],
  ])
  expect(stdout).toMatch(/^answer answer self E\w+ E\w+ ENETUNREACH\nlooked\n$/)
  expect(exitCode).toBe(0)
})

testOrSkip(
  title('servers and their clients under --strict: the kernel has none of their sockets while they run'),
  async () => {
    const anchor = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo ready; exec cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    onTestFinished(() => void anchor.kill())
    await once(anchor.stdout, 'data')
    const inside = ['-t', String(anchor.pid), '-n', '--']
    const node = (address: string, ...words: string[]) =>
      start('nsenter', [
        ...[...inside, process.execPath, iothProgram, 'run', '-q', '-c', '-f', network, '-a', address, '--strict'],
        ...words,
      ])
    const network = join(temporaryFolder(), 'sw')
    const servers = [
      node('10.40.0.1', `${programs}/express-app.mjs`),
      node('10.40.0.2', `${programs}/fastify-app.mjs`),
      node('10.40.0.3', `${programs}/https-server.mjs`),
      node('10.40.0.4', join(examples, 'http-server.mjs')),
    ]
    for (const server of servers) await server.prints(/ready|listening|Serving/i)
    const source = `
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    for (const url of ['http://10.40.0.1', 'http://10.40.0.2', 'https://10.40.0.3', 'http://10.40.0.4']) {
      const { status } = await fetch(url)
      console.log(url, status < 500)
    }
    setInterval(() => {}, 1000)
    console.log('all asked')`
    const script = join(temporaryFolder(), 'client.mjs')
    writeFileSync(script, source)
    const client = node('10.40.0.9', script)
    await client.prints(/all asked/)
    expect(client.stdout.match(/ true$/gm)).toHaveLength(4)
    const sockets = execFileSync('nsenter', [...inside, 'ss', '-H', '-a', '-n', '-p', '-A', 'inet'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    expect(sockets).toBe('')
  },
)
