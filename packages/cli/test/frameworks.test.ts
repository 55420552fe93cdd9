import { expect, test } from 'vitest'
import { bare, ioth, iothEnds, programs, startSwitch } from './support/processes.ts'

test.each(['express', 'fastify'])('%s, unmodified, answers fetch and undici from another node', async (name) => {
  const { path } = await startSwitch()
  const server = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${programs}/${name}-app.mjs`])
  await server.prints(/ready/)
  const client = await iothEnds([
    'run',
    '-a',
    '10.40.0.33/24',
    '-f',
    path,
    `${programs}/fetch-both-ways.mjs`,
    'http://10.40.0.32/',
  ])
  const from = '10.40.0.33'
  expect(bare(client.output)).toBe(
    [
      `fetch: ${name} sees ${from}`,
      `fetch: 50000 characters back to ${from}`,
      `undici: ${name} sees ${from}`,
      `undici: 50000 characters back to ${from}`,
      '',
    ].join('\n'),
  )
  expect(client.exitCode).toBe(0)
})

test('HTTPS with a certificate of its own making', async () => {
  const { path } = await startSwitch()
  const server = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${programs}/https-server.mjs`])
  await server.prints(/ready/)
  const client = await iothEnds([
    'run',
    '-a',
    '10.40.0.33/24',
    '-f',
    path,
    `${programs}/https-client.mjs`,
    'https://10.40.0.32/',
  ])
  expect(bare(client.output)).toBe('authorized: TLSv1.3 for 10.40.0.33\nDEPTH_ZERO_SELF_SIGNED_CERT\n')

  const curl = await iothEnds(['curl', '-k', '-f', path, 'https://10.40.0.32/'])
  expect(bare(curl.stdout)).toMatch(/^TLSv1.3 for 10\.40\.0\.\d+$/)
  const refused = await iothEnds(['curl', '-f', path, 'https://10.40.0.32/'])
  expect(refused.stderr).toMatch(/self-signed certificate.* add -k/)
  expect(refused.exitCode).toBe(69)
})
