import { defineConfig } from 'tsup'

const common = { target: 'node20', sourcemap: true, dts: false, clean: false } as const

export default defineConfig([
  {
    ...common,
    entry: {
      index: 'src/index.ts',
      start: 'src/implicit/start.ts',
      join: 'src/implicit/join.ts',
      ready: 'src/ready.ts',
    },
    format: ['esm'],
  },
  // Loaded by --require, on Node 20 too.
  { ...common, entry: { preload: 'src/preload.ts' }, format: ['cjs'] },
])
