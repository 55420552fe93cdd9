import { expect, test } from 'vitest'
import { examples, ioth, iothEnds, startSwitch } from './support/processes.ts'

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
