import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bare, examples, ioth, iothEnds, start, temporaryFolder } from './support/processes.ts'

test('explicit: two stacks beside the host', async () => {
  const { output, exitCode } = await start(process.execPath, [`${examples}/dist/explicit.js`]).ended
  expect(output).toBe(
    'the left stack answers 10.40.0.2\nthe right stack answers 10.40.0.1\nthe host answers 127.0.0.1\n',
  )
  expect(exitCode).toBe(0)
})

test('scope: three stacks and the host, code that knows none of them', async () => {
  const { output, exitCode } = await start(process.execPath, [`${examples}/dist/scope.js`]).ended
  expect(output).toBe('hello from red\nhello from green\nhello from blue\nhello from the host\n')
  expect(exitCode).toBe(0)
})

test('default: the stack of a process, and the host where it is asked for', async () => {
  const { output, exitCode } = await start(process.execPath, [`${examples}/dist/default.js`]).ended
  expect(output).toBe('interfaces: lo, eth0\nthe stack answers\nthe host answers\nthe host answers\n')
  expect(exitCode).toBe(0)
})

test('services: DHCP, names and traceroute within one process', async () => {
  const { output, exitCode } = await start(process.execPath, [`${examples}/dist/services.js`]).ended
  expect(output).toBe(
    [
      '10.40.0.100 for 3600 s, by 10.40.0.1',
      'leased: 10.40.0.100',
      'server.home.test is 10.40.0.1',
      '1 10.40.0.1 reply',
      'connect ECONNREFUSED 10.40.0.1:80',
      '',
    ].join('\n'),
  )
  expect(exitCode).toBe(0)
})

test('socket-server: a plain server and client, the switch made by -c', async () => {
  const network = join(temporaryFolder(), 'lan')
  const server = ioth(['run', `${examples}/dist/socket-server.js`, '-a', '10.40.0.32', '-c', '-f', network])
  await server.prints(/Listening on port 8092/)
  const client = await iothEnds([
    'run',
    `${examples}/dist/socket-client.js`,
    '-a',
    '10.40.0.33',
    '-f',
    network,
    '10.40.0.32',
    'hello',
    'bye',
  ])
  expect(client.output).toBe('HELLO\ngood bye\n')
  expect(bare((await server.ended).output)).toBe('Listening on port 8092\n10.40.0.33 is here\n')
  expect(server.exitCode).toBe(0)
})

test('web-server: wrapped by the classic letters', async () => {
  const network = join(temporaryFolder(), 'web0.ctl')
  const server = ioth([
    'run',
    `${examples}/dist/web-server.js`,
    '-a',
    '10.40.0.32',
    '-d',
    'web0',
    '-f',
    network,
    '-l',
    'ts',
    '-c',
  ])
  await server.prints(/^http:\/\/10\.40\.0\.32\/$/m)
  const page = await iothEnds(['curl', '-a', '10.40.0.33', '-f', network, 'http://10.40.0.32/'])
  expect(bare(page.output)).toBe('<h1>It works</h1><p>10.40.0.32 serves 10.40.0.33.</p>\n')
})

test('switch-first: a switch, and two servers on port 80', async () => {
  const { output, exitCode } = await start(process.execPath, [`${examples}/dist/switch-first.js`]).ended
  expect(bare(output)).toBe(
    ['10.40.0.32', '10.40.0.34']
      .map((address) => `http://${address}/ says <h1>It works</h1><p>${address} serves 10.40.0.1.</p>\n`)
      .join(''),
  )
  expect(exitCode).toBe(0)
})

test('talks-to-itself: on the backend of the tutorial, named by its path', async () => {
  const network = join(temporaryFolder(), 'lan')
  const words = ['run', '-l', './examples/loopback-stack.mjs', '-a', '10.40.0.32/24', '-q', '-c', '-f', network]
  const { stdout, exitCode, stderr } = await iothEnds([...words, `${examples}/talks-to-itself.mjs`])
  expect(stdout.split('\n').slice(0, 3).sort(), stderr).toEqual([
    'connect ECONNREFUSED 10.40.0.32:81',
    'connect EHOSTUNREACH 10.40.0.33:80',
    'hello to /me',
  ])
  expect(exitCode).toBe(0)
})
