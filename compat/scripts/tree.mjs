// A program and what it starts are one node: `node tree.mjs CASE`. The child fetches from this process, and this one from the child.
import { execFileSync, fork, spawn } from 'node:child_process'
import http from 'node:http'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { address, event, listen, text } from '../checks/support.mjs'

const child = fileURLToPath(new URL('./tree-child.mjs', import.meta.url))

const server = http.createServer(async (request, response) => {
  const port = await text(request)
  const answer = await fetch(`http://${address}:${port}`)
  response.end(`the parent sees ${request.socket.remoteAddress}, ${await answer.text()}`)
})
const parent = `http://${address}:${await listen(server)}`
const workerData = { parent, address }
const evaluated = `import(${JSON.stringify(new URL('./tree-child.mjs', import.meta.url).href)})`
const inherit = { stdio: ['ignore', 'inherit', 'inherit'] }

const cases = {
  'file worker': () => new Worker(child, { workerData }),
  'eval worker': () => new Worker(evaluated, { eval: true, workerData }),
  'worker, env: {}': () => new Worker(child, { env: {}, workerData }),
  'worker, env: {}, execArgv: []': () => new Worker(evaluated, { eval: true, env: {}, execArgv: [], workerData }),
  fork: () => fork(child, [parent, address]),
  'spawn, env: {}': () => spawn(process.execPath, [child, parent, address], { ...inherit, env: {} }),
  'through a shell': () => spawn('sh', ['-c', `"${process.execPath}" "${child}" "${parent}" "${address}"`], inherit),
}

// As vitest does: children with a copy of the environment from before any of them was there.
const copy = { ...process.env }
async function twice() {
  for (let count = 0; count < 2; count++) await event(fork(child, [parent, address], { env: copy }), 'exit')
  return 0
}

// The parent can answer nobody meanwhile: this child talks to itself, in the parent's node.
function synchronously() {
  const script = `
    const server = require('node:http').createServer((request, response) => response.end(request.socket.remoteAddress))
    server.listen(0, '${address}', async () => {
      console.log('the child answers', await (await fetch('http://${address}:' + server.address().port)).text())
      server.close()
      server.closeAllConnections()
    })`
  console.log(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim())
  return 0
}

const what = process.argv[2]
const special = { execFileSync: synchronously, 'two forks, an old copy of the environment': twice }
const code = special[what] === undefined ? (await event(cases[what](), 'exit'))[0] : await special[what]()
console.log('exit', code)
server.close()
server.closeAllConnections()
