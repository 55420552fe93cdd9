import { configDefaults, defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

// What `npm run test:backends` starts, one file at a time; and what a test starts in a process of its own (`*.child.ts`).
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['packages/conformance/test/backends/*.run.ts', 'packages/backend-*/test/*.{run,child}.ts'],
    exclude: configDefaults.exclude,
    maxWorkers: 1,
    fileParallelism: false,
  },
})
