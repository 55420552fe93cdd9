/** A program that leaves by process.exit(7) while its stack listens and connects to nobody. The isolation is the first word. */
import { createHub, defaultPool, defaultScheduler, parseIpAddress } from '@ioth/core'
import { createStack } from '../../dist/index.js'

const scheduler = defaultScheduler()
const pool = defaultPool()
const hub = createHub({ scheduler, pool })
const stack = await createStack({
  scheduler,
  pool,
  settings: { isolation: process.argv[2] },
  interfaces: [{ link: hub.port('a'), addresses: ['10.0.0.1/24'] }],
})
const listening = stack.openTcp(4)
listening.bind(parseIpAddress('10.0.0.1'), 80)
listening.listen(1)
stack.openTcp(4).connect(parseIpAddress('10.0.0.2'), 80)
process.on('exit', () => stack.flush())
console.log('waiting')
process.exit(7)
