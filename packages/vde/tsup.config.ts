import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', 'switch-process': 'src/default-network/switch-process.ts' },
  format: ['esm'],
  target: 'node20',
  sourcemap: true,
  dts: false,
  clean: false,
})
