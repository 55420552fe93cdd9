// Sees to the default network: `default-network.mjs DIR IDLE_MS`.
import { openDefaultNetwork } from '@ioth/vde'

const [dir, idleMs] = process.argv.slice(2)
const { started } = await openDefaultNetwork({ dir, idleMs: Number(idleMs) })
console.log(started ? 'started' : 'found')
