// One node in several processes: where should the stack live? HTTP keep-alive requests per second between two processes on one switch,
// for each arrangement of the serving side, interleaved, against node:http on the host's loopback. See "One node, several processes" in ARCHITECTURE.md.
//   npm run build && node bench/one-node/one-node.mjs [rounds] [seconds]
import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bindNode, createStack } from 'ioth'

const rounds = Number(process.argv[2] ?? 3)
const seconds = Number(process.argv[3] ?? 2)
const root = mkdtempSync(join(tmpdir(), 'ioth-one-node-'))
const network = join(root, 'net')
const children = []

const start = (file, ...args) =>
  new Promise((resolve, reject) => {
    const child = fork(new URL(file, import.meta.url), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    children.push(child)
    child.once('message', resolve)
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)))
  })

async function load(request, connections) {
  const agent = new request.http.Agent({ keepAlive: true, maxSockets: connections })
  const end = performance.now() + seconds * 1000
  let count = 0
  const one = () =>
    new Promise((resolve, reject) => {
      request.http
        .get({ ...request.target, agent }, (response) => response.resume().on('end', resolve))
        .on('error', reject)
    })
  const worker = async () => {
    while (performance.now() < end) {
      await one()
      count++
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
  agent.destroy()
  return count / seconds
}

try {
  await start('./switch.mjs', network)
  const stack = await createStack({ stack: 'ts', vnl: network, addresses: ['10.40.0.200/24'] })
  const virtual = bindNode(stack).http
  const hub = join(root, 'hub')
  mkdirSync(hub, { mode: 0o700 })
  await start('./launcher.mjs', 'hub', hub, network)
  await start('./program.mjs', 'inline', network, '10.40.0.1')
  await start('./program.mjs', 'inline', hub, '10.40.0.2')
  await start('./program.mjs', 'thread', network, '10.40.0.3')
  await start('./program.mjs', 'launcher', join(root, 'program.sock'))
  await start('./launcher.mjs', 'stack', join(root, 'program.sock'), network, '10.40.0.4')
  const host = await start('./host.mjs')
  const arrangements = {
    'host (node:http, loopback)': { http, target: { host: '127.0.0.1', port: host } },
    'inline, plugged in directly': { http: virtual, target: { host: '10.40.0.1' } },
    'inline, behind a hub': { http: virtual, target: { host: '10.40.0.2' } },
    'stack in a thread': { http: virtual, target: { host: '10.40.0.3' } },
    'stack in another process': { http: virtual, target: { host: '10.40.0.4' } },
  }
  for (const connections of [1, 50]) {
    const results = new Map(Object.keys(arrangements).map((name) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const [name, request] of Object.entries(arrangements))
        results.get(name).push(await load(request, connections))
    }
    const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
    const base = median(results.get('host (node:http, loopback)'))
    process.stdout.write(`\n${connections} keep-alive connection(s), median of ${rounds} rounds\n`)
    for (const [name, values] of results) {
      const value = median(values)
      process.stdout.write(
        `  ${name.padEnd(30)} ${Math.round(value).toString().padStart(7)} requests/s  ${(value / base).toFixed(2)} x\n`,
      )
    }
  }
  await stack.close()
} finally {
  for (const child of children) child.kill()
  rmSync(root, { recursive: true, force: true })
}
