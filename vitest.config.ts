import { configDefaults, defineConfig } from 'vitest/config'

// Unit tests run from the sources, through the export condition @ioth/source; whatever starts a process runs dist.
export default defineConfig({
  ssr: { resolve: { conditions: ['@ioth/source', 'node', 'default'] } },
  test: {
    // Vitest leaves one processor free, which on two of them is half the machine.
    maxWorkers: '100%',
    include: [
      'packages/*/{src,test}/**/*.test.ts',
      'compat/test/**/*.test.mjs',
      'examples/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    exclude: [...configDefaults.exclude, '**/*.long.test.ts'],
    setupFiles: ['vitest.setup.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
