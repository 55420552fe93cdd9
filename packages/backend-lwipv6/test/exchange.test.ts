/** Streams and datagrams between LWIPv6 and the TypeScript stack, and between two of LWIPv6, in helper processes and in this one. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createLan, describeWhereUsable, type HostOptions, testNobody } from '@ioth/conformance'
import type { Backend } from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { ALLOCATION } from '../src/allocation.ts'
import { backend } from '../src/index.ts'
import { testExchange } from './exchange.ts'

const lwip: HostOptions = { backend }
const other: HostOptions = { backend: ts as Backend }

describeWhereUsable('lwipv6', [backend], () => {
  describe.each([
    ['lwipv6 and ts', lwip, other],
    ['ts and lwipv6', other, lwip],
    ['lwipv6 and lwipv6', lwip, lwip],
  ])('%s', (_, client, server) => {
    testExchange(client, server)
  })

  testNobody(lwip, other)

  describe('in this process', () => {
    const inside: HostOptions = { backend, settings: { isolation: 'none' } }

    it('is refused where memory is not allocated as the library needs it', async () => {
      await expect(createLan({ hosts: [inside, other], time: 'real' })).rejects.toMatchObject({
        cause: { code: 'EINVAL' },
        message: expect.stringContaining(`Type: GLIBC_TUNABLES=${ALLOCATION.GLIBC_TUNABLES} node PROGRAM`),
      })
    })

    // In a process of its own, for glibc reads its settings when one starts.
    it('streams and datagrams, where it is', async () => {
      const words = ['run', '--config', 'vitest.backends.config.ts', 'packages/backend-lwipv6/test/inside.child.ts']
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [fileURLToPath(new URL('vitest.mjs', import.meta.resolve('vitest/package.json'))), ...words, '--reporter=json'],
        { cwd: fileURLToPath(new URL('../../..', import.meta.url)), env: { ...process.env, ...ALLOCATION } },
      )
      expect(JSON.parse(stdout)).toMatchObject({ success: true, numPassedTests: 3 })
    })
  })

  it('the probe tells the version and the file', async () => {
    expect(await backend.probe()).toMatchObject({
      usable: true,
      version: '1.5a',
      path: expect.stringContaining('liblwipv6'),
    })
  })
})
