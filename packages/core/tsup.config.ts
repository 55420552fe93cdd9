import { defineConfig } from 'tsup'

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/registry.ts',
    'src/node.ts',
    'src/dhcp.ts',
    'src/services.ts',
    'src/armour.ts',
    'src/groups.ts',
    'src/station.ts',
    'src/shell.ts',
  ],
  format: ['esm'],
  target: 'node20',
  sourcemap: true,
  dts: false,
  clean: false,
})
