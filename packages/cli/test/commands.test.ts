import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { examples, ioth, iothEnds, programs, startSwitch, temporaryFolder } from './support/processes.ts'

async function webServer(program = `${examples}/http-server.mjs`): Promise<string> {
  const { path } = await startSwitch()
  const server = ioth(['run', program, '-a', '10.40.0.32/24', '-f', path])
  await server.prints(/Serving|ready/)
  return path
}

describe('ioth ping', () => {
  test('an address that answers', async () => {
    const path = await webServer()
    const { stdout, stderr, exitCode } = await iothEnds(['ping', '-c', '3', '-i', '0.05', '-f', path, '10.40.0.32'])
    expect(stderr).toBe('')
    expect(stdout).toMatch(
      new RegExp(
        [
          '^PING 10\\.40\\.0\\.32 \\(10\\.40\\.0\\.32\\) 56\\(84\\) bytes of data\\.',
          ...[1, 2, 3].map((n) => `64 bytes from 10\\.40\\.0\\.32: icmp_seq=${n} ttl=64 time=[\\d.]+ ms`),
          '',
          '--- 10\\.40\\.0\\.32 ping statistics ---',
          '3 packets transmitted, 3 received, 0% packet loss, time \\d+ms',
          'rtt min/avg/max/mdev = [\\d.]+/[\\d.]+/[\\d.]+/[\\d.]+ ms',
          '$',
        ].join('\n'),
      ),
    )
    expect(exitCode).toBe(0)
  })

  test.each([
    [['-s', '65508'], 'a ping carries 0 to 65507 octets, not 65508. See: ioth ping --help'],
    [['--ttl', '300'], 'a time to live is a whole number from 1 to 255, not 300. See: ioth ping --help'],
  ])('what makes no sense is said before anything is sent: %s', async (words, said) => {
    const { path } = await startSwitch()
    const ended = await iothEnds(['ping', '-c', '1', ...words, '-f', path, '10.40.0.32'])
    expect([ended.exitCode, ended.stdout, ended.stderr]).toEqual([64, '', `ioth: ${said}\n`])
  })

  test('requests that are given up were sent', async () => {
    const { path } = await startSwitch()
    const asking = ioth(['ping', '-i', '0.05', '-W', '60', '-f', path, '10.40.0.98'])
    await asking.prints(/PING/)
    const ended = await asking.stop('SIGINT')
    expect(ended.stdout).toMatch(/\n[1-9]\d* packets transmitted, 0 received, 100% packet loss, time/)
    expect(ended.exitCode).toBe(1)
  })

  test('an address that nobody has', async () => {
    const { path } = await startSwitch()
    const { stdout, exitCode } = await iothEnds([
      'ping',
      '-c',
      '2',
      '-i',
      '0.05',
      '-a',
      '10.40.0.9',
      '-f',
      path,
      '10.40.0.99',
    ])
    expect(stdout).toContain('From 10.40.0.9 icmp_seq=1 Destination Host Unreachable\n')
    expect(stdout).toContain('2 packets transmitted, 0 received, +2 errors, 100% packet loss')
    expect(exitCode).toBe(1)
  })

  test('without -a the address is of the same network as the one asked', async () => {
    const { path } = await startSwitch()
    const server = ioth(['run', `${examples}/http-server.mjs`, '-a', '192.168.7.1/24', '-f', path])
    await server.prints(/Serving/)
    expect((await iothEnds(['ping', '-c', '1', '-f', path, '192.168.7.1'])).exitCode).toBe(0)
  })
})

describe('ioth curl', () => {
  test('body, head, both, file, method, data, headers', async () => {
    const path = await webServer(`${programs}/mirror.mjs`)
    const curl = async (...words: string[]) => (await iothEnds(['curl', '-f', path, ...words])).stdout
    expect(await curl('10.40.0.32/page')).toBe('GET /page\n')
    expect(await curl('-X', 'PUT', '-d', 'a=1', '-d', 'b=2', '-H', 'x-test: yes', '10.40.0.32/')).toBe(
      'PUT /\nx-test: yes\na=1&b=2',
    )
    expect(await curl('-I', '10.40.0.32/page')).toMatch(
      /^HTTP\/1\.1 200 OK\r\n(.+\r\n)*x-path: \/page\r\n(.+\r\n)*\r\n$/,
    )
    expect(await curl('-i', '10.40.0.32/page')).toMatch(/^HTTP\/1\.1 200 OK\r\n(.+\r\n)*\r\nGET \/page\n$/)
    expect(await curl('-L', '10.40.0.32/moved')).toBe('GET /page\n')

    const folder = temporaryFolder()
    const file = join(folder, 'in')
    writeFileSync(file, 'from a file')
    expect(await curl('-d', `@${file}`, '-o', join(folder, 'out'), '10.40.0.32/')).toBe('')
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('POST /\nfrom a file')
  })

  test('--fail', async () => {
    const path = await webServer(`${programs}/mirror.mjs`)
    const { stdout, stderr, exitCode } = await iothEnds(['curl', '--fail', '-f', path, '10.40.0.32/missing'])
    expect([stdout, stderr, exitCode]).toEqual(['', 'ioth: the server answered 404 Not Found\n', 22])
  })
})

describe('ioth ps and ioth backends', () => {
  test('who is on a network', async () => {
    const path = await webServer()
    const table = (await iothEnds(['ps', '-f', path])).stdout.split('\n')
    expect(table[0]).toMatch(/^PORT +NAME +PID +ADDRESSES +STACK +LISTENS +MAC +SENT +RECEIVED +UP$/)
    expect(table[1]).toMatch(
      /^\d+ +http-server\.mjs +\d+ +10\.40\.0\.32 +ts +80\/tcp +([0-9a-f]{2}:){5}[0-9a-f]{2} +\d+ +\d+ +\d+s$/,
    )
    const [port] = JSON.parse((await iothEnds(['ps', '-f', path, '--json'])).stdout)
    expect(port).toMatchObject({
      name: 'http-server.mjs',
      backend: 'ts',
      listening: ['80/tcp'],
      addresses: [{ address: '10.40.0.32', claimed: true }],
    })
  })

  test('the ports of a node of several processes are those of all of them', async () => {
    const { path } = await startSwitch()
    const folder = temporaryFolder()
    const parent = `const { createServer } = require('node:net')
      if (process.argv[2] === 'child') {
        process.on('disconnect', () => process.exit())
        createServer().listen(8081, () => console.log('both listen'))
      }
      else createServer().listen(8080, () => require('node:child_process').fork(__filename, ['child']))`
    writeFileSync(join(folder, 'family.cjs'), parent)
    const family = ioth(['run', '-a', '10.40.0.32/24', '-f', path, join(folder, 'family.cjs')])
    await family.prints(/both listen/)
    const watch = ioth(['ps', '--watch', '-i', '0.2', '-f', path])
    await watch.prints(/ family\.cjs .* 10\.40\.0\.32 +ts +8080\/tcp 8081\/tcp /)
    await watch.stop('SIGINT')
  })

  test('which stacks there are', async () => {
    const missing = { IOTH_PICOTCP_LIB: '/nowhere/libpicotcp.so' }
    const { stdout, exitCode } = await iothEnds('backends', { env: missing })
    expect(stdout).toMatch(/^NAME +USABLE +LICENCE/)
    expect(stdout).toMatch(/^ts +yes +MIT/m)
    expect(stdout).toMatch(/^picotcp +no .*there is no such file.*export IOTH_PICOTCP_LIB=/m)
    // What each can do, also where its library is missing.
    expect(stdout).toMatch(/^CAPABILITY +ts +picotcp/m)
    expect(stdout).toMatch(/^virtualTime +yes +no/m)
    expect(stdout).toMatch(/^limits\.sockets +65536 /m)
    expect(exitCode).toBe(0)
    const plain = JSON.parse((await iothEnds('backends --json')).stdout) as { name: string; usable: boolean }[]
    expect(plain.find(({ name }) => name === 'ts')).toMatchObject({
      usable: true,
      license: 'MIT',
      capabilities: { virtualTime: true, stacksPerThread: null, limits: { sockets: 65_536 } },
    })
  })
})

test('a stack whose library is not there: what was tried, what to type, which stacks can be used', async () => {
  const env = { IOTH_PICOTCP_LIB: '/nowhere/libpicotcp.so' }
  const { stderr, exitCode } = await iothEnds(
    ['run', '-l', 'picotcp', '-a', '10.40.0.9', '-f', 'hub://x', join(programs, 'hello-server.mjs')],
    {
      env,
    },
  )
  expect(stderr).toMatch(
    /^ioth: the backend "picotcp" cannot be used here: .*no such file.*Tried \/nowhere\/libpicotcp\.so/,
  )
  expect(stderr).toMatch(/export IOTH_PICOTCP_LIB=.*Those that can: ts/)
  expect(exitCode).toBe(69)
})

test.each(['', 'run', 'switch', 'ping', 'traceroute', 'resolve', 'curl', 'ps', 'backends'])(
  'ioth %s --help shows examples',
  async (command) => {
    const { stdout, exitCode } = await iothEnds(`${command} --help`)
    expect(stdout).toMatch(/^Usage: ioth /)
    expect(stdout).toMatch(/Examples:\n( {2}ioth .+\n?){2,}/)
    expect(exitCode).toBe(0)
  },
)
