import { configDefaults, defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

// What `npm run test:backends` starts, one file at a time.
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['packages/conformance/test/backends/*.run.ts', 'packages/backend-*/test/*.run.ts'],
    exclude: configDefaults.exclude,
    maxWorkers: 1,
    fileParallelism: false,
  },
})
