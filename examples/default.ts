/**
 * The default of the process: a stack for all sockets of a program, as `ioth run` does it, and the host's network where it is asked for.
 *
 * Nothing needs to be started before: node examples/dist/default.js
 */
import net, { type AddressInfo } from 'node:net'
import os from 'node:os'
import { createStack, runInStack, setProcessStack } from 'ioth'

await using stack = await createStack({ vnl: 'hub://lan', addresses: ['10.40.0.1/24'] })

setProcessStack(stack)
console.log(`interfaces: ${Object.keys(os.networkInterfaces()).join(', ')}`)
const server = await serve('the stack', 80, '10.40.0.1')
console.log(await ask('10.40.0.1', 80))

// null is the host.
const hostServer = await runInStack(null, () => serve('the host', 0, '127.0.0.1'))
const { port } = hostServer.address() as AddressInfo
console.log(await runInStack(null, () => ask('127.0.0.1', port)))

setProcessStack(null)
console.log(await ask('127.0.0.1', port))
for (const each of [server, hostServer]) each.close()

function serve(name: string, on: number, host: string): Promise<net.Server> {
  return new Promise((resolve) => {
    const made = net.createServer((socket) => socket.end(`${name} answers`)).listen(on, host, () => resolve(made))
  })
}

async function ask(host: string, at: number): Promise<string> {
  let text = ''
  for await (const piece of net.connect(at, host).setEncoding('utf8')) text += piece
  return text
}
