import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { examples, ioth, iothEnds, programs, startSwitch, temporaryFolder } from './support/processes.ts'

test('an unmodified web server on port 80 of its own address, another beside it, and a client process', async () => {
  const { path } = await startSwitch()
  const server = ioth(['run', `${examples}/http-server.mjs`, '-a', '10.40.0.32/24', '-f', path])
  const other = ioth(['run', '-a', '10.40.0.34/24', '-f', path, `${examples}/http-server.mjs`])
  await Promise.all([server.prints(/Serving on port 80/), other.prints(/Serving on port 80/)])

  const big = ioth([
    'run',
    '-a',
    '10.40.0.33/24',
    `--filename=${path}`,
    '--',
    `${examples}/http-client.mjs`,
    'http://10.40.0.32/big',
  ])
  const small = await iothEnds(['curl', '-f', path, 'http://10.40.0.34/'])
  expect(small.stdout).toMatch(/^Hello 10\.40\.0\.\d+, this is 10\.40\.0\.34 port 80\.\n$/)

  const { stdout, stderr, exitCode } = await big.ended
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^200 OK, 100000000 octets, SHA-256 [0-9a-f]{64}\nThe checksum is right\.\n$/)
  expect(exitCode).toBe(0)
  expect((await server.stop()).stderr).toBe('')
})

test('the same over IPv6: a server on ::, its addresses of both families, and a ping of 65000 octets', async () => {
  const { path } = await startSwitch()
  const server = ioth(['run', `${examples}/http-server.mjs`, '-a', 'fc00::32/64', '-a', '10.40.0.32/24', '-f', path])
  await server.prints(/Serving on port 80/)
  const client = ['run', '-a', 'fc00::33', '-f', path, `${examples}/http-client.mjs`, 'http://[fc00::32]/big']
  expect((await iothEnds(client)).stdout).toMatch(/The checksum is right/)
  expect((await iothEnds(['curl', '-f', path, 'http://[fc00::32]/'])).stdout).toMatch(/^Hello fc00::/)
  expect((await iothEnds(['curl', '-f', path, 'http://10.40.0.32/'])).stdout).toMatch(/this is 10\.40\.0\.32 port 80/)
  const { stdout } = await iothEnds(['ping', '-c', '1', '-s', '65000', '-f', path, 'fc00::32'])
  expect(stdout).toMatch(/^65008 bytes from fc00::32: icmp_seq=1/m)
  const taken = await iothEnds(['run', '-a', 'fc00::32', '-f', path, `${examples}/http-server.mjs`])
  expect(taken.stderr).toMatch(/fc00::32 is in use on this network by http-server\.mjs/)
  expect((await server.stop()).stderr).toBe('')
})

test('an address by its name', async () => {
  const { path } = await startSwitch()
  const words = ['run', '-q', `${programs}/show-interfaces.mjs`, '-f', path, '--name', 'hash.test.local']
  const { stdout } = await iothEnds([...words, '-a', 'hash://fc00::/64'])
  expect(stdout).toMatch(/^eth0 fc00::f4b7:a5a9:259b:fb70\/64 /m)
})

describe('a node by', () => {
  const words = ['run', '-q', `${programs}/show-interfaces.mjs`]

  test('the classic letters together', async () => {
    const network = join(temporaryFolder(), 'web0.ctl')
    const { stdout } = await iothEnds([
      ...words,
      '-a',
      '10.40.0.32',
      '-d',
      'web0',
      '-f',
      network,
      '-l',
      'ts',
      '-c',
      '--mac',
      '02:00:00:00:00:01',
    ])
    expect(stdout).toBe('web0 10.40.0.32/24 02:00:00:00:00:01\n')
  })

  test('the variables of pycotcp', async () => {
    const { path } = await startSwitch()
    const env = {
      PYCOTCP_CONTEXT: 'ts',
      PYCOTCP_DEVTYPE: 'vde',
      PYCOTCP_DEVICE: 'web0',
      PYCOTCP_FILENAME: path,
      PYCOTCP_ADDRESS: '10.40.0.32',
      PYCOTCP_NETMASK: '255.255.0.0',
    }
    expect((await iothEnds(words, { env })).stdout).toMatch(/^web0 10\.40\.0\.32\/16 /)
    const mixed = await iothEnds([...words, '-d', 'web1'], { env: { ...env, IOTH_ADDRESS: '10.40.0.33/24' } })
    expect(mixed.stdout).toMatch(/^web1 10\.40\.0\.33\/24 /)
  })

  test('-d NAME without -f, where there is a switch /tmp/NAME.ctl', async () => {
    const name = `t${process.pid}`
    const { path } = await startSwitch(`/tmp/${name}.ctl`)
    onTestFinished(() => rmSync(path, { recursive: true, force: true }))
    const server = ioth(['run', `${examples}/http-server.mjs`, '-a', '10.40.0.32', '-d', name])
    await server.prints(/Serving/)
    expect((await iothEnds(['ps', '-f', path])).stdout).toMatch(/http-server\.mjs +\d+ +10\.40\.0\.32/)
  })
})
