/** What Node offers around a program works under ioth: loaders, source maps, the debugger, its test runner, by `ioth run` and `ioth env`. */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseIothconf } from '@ioth/core'
import { expect, test } from 'vitest'
import { ioth, iothEnds, iothProgram, type Running, start, temporaryFolder } from './support/processes.ts'

const PLACE = ['-q', '-a', '10.40.0.32', '-f', 'null://']

/** A folder with these files. */
function files(contents: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder()
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, name), content)
  return folder
}

/** Options of Node and a program, by `ioth run` and by `ioth env`. */
async function bothWays(words: readonly string[], cwd: string): Promise<Running[]> {
  const env = JSON.parse((await iothEnds(['env', '--shell', 'json', ...PLACE])).stdout)
  return [
    await iothEnds(['run', ...PLACE, ...words], { cwd }),
    await start(process.execPath, words, { cwd, env }).ended,
  ]
}

test('TypeScript by tsx, with a place in the source', async () => {
  const cwd = files({
    'app.ts': [
      "import net, { type AddressInfo } from 'node:net'",
      'enum Word { Port = 80 }',
      'const server = net.createServer().listen(Word.Port, () => {',
      '  console.log((server.address() as AddressInfo).port, process.versions.ioth !== undefined)',
      "  throw new Error('typed')",
      '})',
    ].join('\n'),
  })
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  for (const { stdout, stderr, exitCode } of await bothWays([`--import=${tsx}`, 'app.ts'], cwd)) {
    expect(stdout).toBe('80 true\n')
    expect(stderr).toMatch(/Error: typed\n\s+at .*app\.ts:5:9/)
    expect(exitCode).toBe(1)
  }
})

test('source maps', async () => {
  const map = { version: 3, sources: ['origin.ts'], names: [], mappings: 'AAAA' }
  const url = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`
  const cwd = files({
    'app.cjs': `throw new Error('mapped')\n//# sourceMappingURL=${url}\n`,
    'origin.ts': "throw new Error('mapped')\n",
  })
  for (const { stderr } of await bothWays(['--enable-source-maps', 'app.cjs'], cwd)) {
    expect(stderr).toMatch(/origin\.ts:1/)
  }
})

test('import.meta.main and require.main, as this Node has them', async () => {
  const cwd = files({
    'app.mjs': 'console.log(import.meta.main, import.meta.filename)',
    'app.cjs': 'console.log(require.main === module, __filename)',
  })
  for (const name of ['app.mjs', 'app.cjs']) {
    const plain = await start(process.execPath, [name], { cwd }).ended
    for (const node of await bothWays([name], cwd)) expect(node.output).toBe(plain.output)
  }
})

test('the debugger listens on the host’s network, and tells where', async () => {
  const cwd = files({ 'app.mjs': "import inspector from 'node:inspector'; console.log(inspector.url())" })
  for (const { stdout, stderr, exitCode } of await bothWays(['--inspect=127.0.0.1:0', 'app.mjs'], cwd)) {
    expect(stdout).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\//)
    expect(stderr).toMatch(/^Debugger listening on ws:\/\/127\.0\.0\.1/m)
    expect(exitCode).toBe(0)
  }
})

test('the test runner, whose files are processes of the node', async () => {
  const cwd = files({
    'a.test.mjs': `
      import assert from 'node:assert'
      import { once } from 'node:events'
      import http from 'node:http'
      import test from 'node:test'
      test('a server of its own', async () => {
        const server = http.createServer((_, response) => response.end('here')).listen(80, '10.40.0.32')
        await once(server, 'listening')
        assert.equal(await (await fetch('http://10.40.0.32/')).text(), 'here')
        server.close()
      })`,
  })
  for (const { output, stdout, exitCode } of await bothWays(['--test', 'a.test.mjs'], cwd)) {
    expect(stdout, output).toMatch(/pass 1\b/)
    expect(exitCode).toBe(0)
  }
  // Without a word it finds its files itself.
  const { stdout, exitCode } = await iothEnds(['run', '--test', '--test-reporter', 'tap', ...PLACE], { cwd })
  expect(stdout).toMatch(/^# pass 1$/m)
  expect(exitCode).toBe(0)
})

test('watch mode: each start of the program has the address', async () => {
  const source = (word: string): string =>
    `console.log('${word}', os.networkInterfaces().eth0[0].address); setInterval(() => {}, 1e6)`
  const cwd = files({ 'app.cjs': `const os = require('node:os')\n${source('first')}` })
  const running = ioth(['run', ...PLACE, '--watch', 'app.cjs'], { cwd })
  await running.prints(/first 10\.40\.0\.32/)
  writeFileSync(join(cwd, 'app.cjs'), `const os = require('node:os')\n${source('second')}`)
  await running.prints(/second 10\.40\.0\.32/)
  running.child.kill('SIGTERM')
  await running.ended
})

test('variables from a file, with its name in a word of its own', async () => {
  const cwd = files({
    '.env': 'WORD=from the file',
    'app.cjs': 'console.log(process.env.WORD, process.versions.ioth !== undefined)',
  })
  const { output } = await iothEnds(['run', ...PLACE, '--env-file', '.env', 'app.cjs'], { cwd })
  expect(output).toBe('from the file true\n')
})

test('a script on the command line, and one from standard input', async () => {
  const env = JSON.parse((await iothEnds(['env', '--scriptless', '--shell', 'json', ...PLACE])).stdout)
  const source = "require('os').networkInterfaces().eth0[0].address"
  const evaluated = await start(process.execPath, ['-p', source], { env }).ended
  expect(evaluated.output).toBe('10.40.0.32\n')
  const piped = await start(process.execPath, ['-'], { env, input: `console.log(${source})` }).ended
  expect(piped.output).toBe('10.40.0.32\n')

  const run = async (words: readonly string[], input?: string): Promise<string> =>
    (await ioth(['run', ...PLACE, ...words], input === undefined ? {} : { input }).ended).output
  expect(await run(['-p', source])).toBe('10.40.0.32\n')
  expect(await run(['-e', `console.log(${source}, process.argv.slice(1))`, 'one', '--', '-x'])).toBe(
    "10.40.0.32 [ 'one', '-x' ]\n",
  )
  expect(await run(['-'], `console.log(${source})`)).toBe('10.40.0.32\n')
})

test('without --scriptless they have no network until the node is up, and never the host’s', async () => {
  const env = JSON.parse((await iothEnds(['env', '--shell', 'json', ...PLACE])).stdout)
  const source =
    "const socket = () => require('net').connect(9, '127.0.0.1').on('error', ({ code }) => console.log(code)); socket(); const wait = () => (process.versions.ioth ? socket() : setTimeout(wait, 10)); wait()"
  const { stdout, exitCode } = await start(process.execPath, ['-e', source], { env }).ended
  expect(stdout).toBe('ENETDOWN\nECONNREFUSED\n')
  expect(exitCode).toBe(0)
})

test('ioth env: for each shell, with rules, quoted', async () => {
  const words = [
    'env',
    '-a',
    '10.40.0.32',
    '-f',
    "/tmp/o'clock",
    '--host',
    'db:5432',
    '--host',
    ':80',
    '--strict',
    '--report=json',
    '-q',
  ]
  const lines: Record<string, RegExp[]> = {
    sh: [
      /^export NODE_OPTIONS='--require .*preload\.cjs"?'$/m,
      /^export IOTH_CONFIG='stack=ts,vnl=.*clock.*,ip=10\.40\.0\.32\/24'$/m,
      /^export IOTH_HOST='db:5432 :80'$/m,
    ],
    fish: [/^set -gx IOTH_STRICT '1'$/m, /^set -gx IOTH_CONFIG '.*clock/m],
    powershell: [/^\$env:IOTH_REPORT = 'json'$/m],
    plain: [/^IOTH_QUIET=1$/m],
  }
  for (const [shell, patterns] of Object.entries(lines)) {
    const { stdout, stderr, exitCode } = await iothEnds([...words, '--shell', shell])
    for (const pattern of patterns) expect(stdout).toMatch(pattern)
    expect([stderr, exitCode]).toEqual(['', 0])
  }
  const read = ['sh', '-c', 'eval "$("$0" "$@")"; printf %s "$IOTH_CONFIG"', process.execPath, iothProgram, ...words]
  const { stdout } = await start(read[0] as string, read.slice(1)).ended
  expect(parseIothconf(stdout)).toMatchObject({ vnl: "/tmp/o'clock", addresses: ['10.40.0.32/24'] })
})

test('the environment does not make nodes of the commands of ioth', async () => {
  const env = JSON.parse((await iothEnds(['env', '--shell', 'json', '-a', '10.40.0.32', '-f', '/nowhere'])).stdout)
  const { output, exitCode } = await ioth(['--version'], { env }).ended
  expect(output).toMatch(/^\d+\.\d+\.\d+\n$/)
  expect(exitCode).toBe(0)
})
