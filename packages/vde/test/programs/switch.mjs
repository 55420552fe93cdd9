// A switch in a process of its own: `switch.mjs DIR`. Ends gracefully when its standard input says so, or ends.
import { createInterface } from 'node:readline'
import { createSwitch } from '@ioth/vde'

try {
  const running = await createSwitch({ dir: process.argv[2] })
  console.log(`up ${process.pid}`)
  createInterface(process.stdin).on('close', () => running.close())
  console.log(`closed: ${await running.closed}`)
  process.stdin.destroy()
} catch (error) {
  console.log(`failed ${error.code}: ${error.message}`)
  process.stdin.destroy()
}
