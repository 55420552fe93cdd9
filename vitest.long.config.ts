import { configDefaults, defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

// The slow tests: `npm run test:long`.
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['packages/*/test/**/*.long.test.ts'],
    exclude: configDefaults.exclude,
    testTimeout: 300_000,
    // Of some suites none of the tests is a long one.
    passWithNoTests: true,
  },
})
