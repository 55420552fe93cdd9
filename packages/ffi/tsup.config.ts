import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', helper: 'src/isolation/helper.ts' },
  format: ['esm'],
  target: 'node20',
  sourcemap: true,
  dts: false,
  clean: false,
})
