import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    gateway: 'src/gateway.ts',
    'tap-switch-process': 'src/host-setup/tap-switch-process.ts',
    'switch-process': 'src/default-network/switch-process.ts',
    'hub-process': 'src/node-hub/hub-process.ts',
    member: 'src/node-hub/member.ts',
  },
  format: ['esm'],
  target: 'node20',
  sourcemap: true,
  dts: false,
  clean: false,
})
