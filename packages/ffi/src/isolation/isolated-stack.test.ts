/** Settings that a stack in a helper process does not have. */
import type { Capabilities, StackOptions } from '@ioth/core'
import { expect, test } from 'vitest'
import { createIsolatedStack } from './isolated-stack.ts'

test.each([
  [{ isolation: 'thread' }, 'stack: isolation is "process" or "none", not "thread"'],
  [{ library: 7 }, 'stack: library is the path of a file'],
  [{ libary: '/lib' }, 'stack: there is no setting "libary", but isolation, library'],
])('%j is refused', async (settings, message) => {
  const making = createIsolatedStack({
    backend: 'stack',
    capabilities: {} as Capabilities,
    moduleUrl: import.meta.url,
    stack: { settings } as unknown as StackOptions,
    station: {},
    engine: () => {
      throw new Error('no engine is made')
    },
  })
  await expect(making).rejects.toMatchObject({ code: 'EINVAL', message: expect.stringContaining(message) })
})
