/**
 * A switch set up before, then the web server wrapped twice, unchanged, each on port 80 of an address of its own: what one would type in
 * three terminals, from one script. It asks both who they are and ends.
 *
 *   node examples/dist/switch-first.js
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bindNode, createStack, createSwitch } from 'ioth'

const folder = await mkdtemp(join(tmpdir(), 'ioth-'))
const network = join(folder, 'vde.ctl')
const ioth = join(dirname(createRequire(import.meta.url).resolve('ioth/package.json')), 'bin', 'ioth.js')
const webServer = fileURLToPath(new URL('web-server.js', import.meta.url))

const lan = await createSwitch({ dir: network })
const servers = [await wrapped('10.40.0.32/24'), await wrapped('10.40.0.34/24')]

// This script joins, too: a stack of its own, and Node's http on it.
const stack = await createStack({ vnl: network, addresses: ['10.40.0.1/24'] })
for (const address of ['10.40.0.32', '10.40.0.34']) console.log(await page(`http://${address}/`))

await stack.close()
for (const server of servers) {
  server.kill()
  await once(server, 'exit')
}
await lan.close()
await rm(folder, { recursive: true })

/** Starts the web server as a node of its own, and waits until it serves. */
async function wrapped(address: string): Promise<ChildProcess> {
  const args = [ioth, 'run', webServer, '-a', address, '-f', network]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  process.once('exit', () => child.kill())
  await once(child.stdout, 'data')
  return child
}

function page(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = bindNode(stack).http.get(url, async (response) => {
      resolve(
        `${url} says ${Buffer.concat(await response.toArray())
          .toString()
          .trim()}`,
      )
    })
    request.on('error', reject)
  })
}
