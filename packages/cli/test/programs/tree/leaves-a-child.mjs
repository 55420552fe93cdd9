// Ends, and leaves a server behind.
import { spawn } from 'node:child_process'

const child = spawn(process.execPath, [new URL('./victim.mjs', import.meta.url).pathname, 'stay'], {
  detached: true,
  stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
})
child.once('message', () => {
  console.log(`left ${child.pid}`)
  child.disconnect()
  child.unref()
})
