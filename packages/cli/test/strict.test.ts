/** `--strict`, proved from outside: what the kernel of an empty network namespace knows of a program's sockets. */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { iothProgram, programs, start, temporaryFolder } from './support/processes.ts'

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
