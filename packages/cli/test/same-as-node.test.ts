import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ioth, iothEnds, programs, start, startSwitch, temporaryFolder } from './support/processes.ts'

/** The same words under plain node, under `ioth run`, and in the environment that `ioth env` prints. */
async function everyWay(words: readonly string[], options: { input?: string } = {}) {
  const place = (): string[] => ['-q', '-c', '-f', temporaryFolder(), '-a', '10.40.0.32']
  const plain = start(process.execPath, words, options)
  const node = ioth(['run', ...place(), '--', ...words], options)
  const env = JSON.parse((await iothEnds(['env', '--shell', 'json', ...place()])).stdout)
  const byEnvironment = start(process.execPath, words, { ...options, env })
  return [await plain.ended, [await node.ended, await byEnvironment.ended]] as const
}

describe('P-28 a program sees and does under ioth run, and by ioth env, what it sees and does under node', () => {
  test.each([
    ['CommonJS, with arguments', ['witness.cjs', 'none', '-a', '--', '--inspect', '']],
    ['an ES module', ['witness.mjs', 'x']],
    ['a script without its ending', ['folder/lib']],
    ['a folder with a package.json', ['folder']],
    ['process.exit', ['witness.cjs', 'exit', '41']],
    ['process.exitCode', ['witness.cjs', 'exitCode', '42']],
    ['a signal that ends it', ['witness.cjs', 'kill', 'SIGTERM']],
    ['kill -9', ['witness.cjs', 'kill', 'SIGKILL']],
    ['an ES module that waits for ever', ['witness.mjs', 'never']],
  ])('%s', async (_what, [script, ...args]) => {
    const [plain, nodes] = await everyWay([`${programs}/${script}`, ...args])
    for (const node of nodes) {
      expect(node.stdout).toBe(plain.stdout)
      expect(node.stderr).toBe(plain.stderr)
      expect([node.exitCode, node.child.signalCode]).toEqual([plain.exitCode, plain.child.signalCode])
    }
  })

  test.each([
    ['an exception', ['witness.cjs', 'throw']],
    ['an unhandled rejection', ['witness.cjs', 'reject']],
    ['an exception of an ES module', ['witness.mjs', 'throw']],
  ])('%s', async (_what, [script, ...args]) => {
    const [plain, nodes] = await everyWay([`${programs}/${script}`, ...args])
    // Frames of Node's own may differ; what the user wrote and what went wrong may not.
    const own = (text: string) =>
      text
        .split('\n')
        .filter(
          (line) =>
            !/^\s+at .*node:internal|^\s+at Immediate|processImmediate|become/.test(line) &&
            !line.startsWith('    at '),
        )
        .join('\n')
    for (const node of nodes) {
      expect(node.stdout).toBe(plain.stdout)
      expect(own(node.stderr)).toBe(own(plain.stderr))
      expect(node.exitCode).toBe(plain.exitCode)
    }
  })

  test('packages behind symbolic links', async () => {
    const folder = temporaryFolder()
    const app = join(folder, 'app/node_modules')
    const store = join(folder, 'store/node_modules')
    for (const name of ['one', 'two']) {
      mkdirSync(join(store, name), { recursive: true })
      writeFileSync(join(store, name, 'package.json'), '{ "main": "index.js" }')
    }
    writeFileSync(join(store, 'one/index.js'), 'exports.name = "one with " + require("two").name')
    writeFileSync(join(store, 'two/index.js'), 'exports.name = "two"')
    mkdirSync(app, { recursive: true })
    // As pnpm does it: two can be found only from where one really is.
    symlinkSync(join(store, 'one'), join(app, 'one'))
    writeFileSync(join(folder, 'app/app.cjs'), 'console.log(require("one").name)')
    const [plain, nodes] = await everyWay([join(folder, 'app/app.cjs')])
    for (const node of [plain, ...nodes]) expect(node.output).toBe('one with two\n')
  })

  test('standard input', async () => {
    const [plain, nodes] = await everyWay([`${programs}/witness.cjs`, 'stdin'], {
      input: 'some text\n'.repeat(10_000),
    })
    for (const node of nodes) expect(node.stdout).toBe(plain.stdout)
  })

  test('a signal that it handles itself', async () => {
    const node = ioth([
      'run',
      '-q',
      '-c',
      '-f',
      temporaryFolder(),
      '-a',
      '10.40.0.32',
      `${programs}/witness.cjs`,
      'wait',
    ])
    await node.prints(/waiting/)
    const { stdout, exitCode } = await node.stop('SIGTERM')
    expect(stdout).toContain('SIGTERM came')
    expect(exitCode).toBe(7)
  })

  test('options of Node', async () => {
    const words = [
      'run',
      '--no-warnings',
      '--stack-trace-limit=3',
      '-q',
      '-c',
      '-f',
      temporaryFolder(),
      '-a',
      '10.40.0.32',
    ]
    const node = await iothEnds([...words, `${programs}/witness.cjs`, 'exit', '5'])
    expect(JSON.parse(node.stdout).execArgv).toEqual(['--no-warnings', '--stack-trace-limit=3'])
    expect(node.exitCode).toBe(5)
  })

  test('options of Node, a signal that the program handles, and one that ends it', async () => {
    const words = ['run', '--no-warnings', '-q', '-c', '-f', temporaryFolder(), '-a', '10.40.0.32']
    const handled = ioth([...words, `${programs}/witness.cjs`, 'wait'])
    await handled.prints(/waiting/)
    expect((await handled.stop('SIGTERM')).exitCode).toBe(7)

    const ended = ioth([...words, `${programs}/witness.cjs`, 'wait'])
    await ended.prints(/waiting/)
    expect((await ended.stop('SIGHUP')).child.signalCode).toBe('SIGHUP')
  })
})

test('kept-alive connections, 200 at once, server.close and the end, in the same words as with node', async () => {
  const plainServer = start(process.execPath, [`${programs}/many-server.mjs`, '0'])
  const port = (await plainServer.prints(/ready (\d+)/))[1]
  const plainClient = await start(process.execPath, [`${programs}/many-client.mjs`, `http://127.0.0.1:${port}`]).ended

  const { path } = await startSwitch()
  const server = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${programs}/many-server.mjs`, port as string])
  await server.prints(/ready/)
  const client = await iothEnds([
    'run',
    '-a',
    '10.40.0.33/24',
    '-f',
    path,
    `${programs}/many-client.mjs`,
    `http://10.40.0.32:${port}`,
  ])

  expect(client.output).toBe(plainClient.output)
  expect((await server.ended).output).toBe((await plainServer.ended).output)
  expect(server.exitCode).toBe(0)
})
