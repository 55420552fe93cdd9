/** A program with a stack in a helper process: `stay` prints the helper's process id and stays, `exit` leaves by process.exit(7). */
import { createHub, defaultPool, defaultScheduler, parseIpAddress } from '@ioth/core'
import { createRemoteStack } from '@ioth/ffi'

const [, , what, module] = process.argv
const { backend } = await import(module)
const scheduler = defaultScheduler()
const pool = defaultPool()
const hub = createHub({ scheduler, pool })
const stack = await createRemoteStack({
  backend: 'ts',
  capabilities: backend.capabilities,
  module,
  settings: {},
  stack: { scheduler, pool, interfaces: [{ link: hub.port('a'), addresses: ['10.0.0.1/24'] }] },
})
const socket = stack.openTcp(4)
socket.bind(parseIpAddress('10.0.0.1'), 80)
socket.listen(1)
if (what === 'exit') {
  process.on('exit', () => stack.flush())
  process.exit(7)
}
console.log(stack.engine.helper.pid)
setInterval(() => {}, 1 << 30)
