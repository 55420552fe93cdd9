// Who is on a network: `ports.mjs VNL`.
import { listPorts } from '@ioth/vde'

console.log(`ports ${JSON.stringify((await listPorts(process.argv[2] ?? '')).map(({ name }) => name))}`)
