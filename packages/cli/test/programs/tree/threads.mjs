// Threads of a program, each with a server at a port of its own, and asked by the main thread.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const text = `
const { parentPort, workerData } = require('node:worker_threads')
require('node:http')
  .createServer((request, response) => response.end(request.socket.localAddress))
  .listen(workerData, () => parentPort.postMessage('ready'))
`
const file = new URL('./thread.cjs', import.meta.url)

const kinds = [
  ['a file', file, {}],
  ['text', text, { eval: true }],
  ['text, with an empty environment', text, { eval: true, env: {} }],
  ['a file, with no options and an empty environment', file, { env: {}, execArgv: [] }],
]
for (const [index, [kind, program, options]] of kinds.entries()) {
  const port = 8000 + index
  const thread = new Worker(program, { ...options, workerData: port })
  await once(thread, 'message')
  const answer = await fetch(`http://127.0.0.1:${port}/`)
  console.log(`${kind}: ${await answer.text()}`)
}
console.log('all serve')
