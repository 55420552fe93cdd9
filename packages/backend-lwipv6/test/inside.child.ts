/** The library in this process, which is started with the allocation that it needs: see exchange.test.ts. */
import type { Backend } from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { describe } from 'vitest'
import { backend } from '../src/index.ts'
import { testExchange } from './exchange.ts'

describe('lwipv6 in this process, and ts', () => {
  testExchange({ backend, settings: { isolation: 'none' } }, { backend: ts as Backend })
})
