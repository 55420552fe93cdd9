/**
 * Explicit mode: one program with two stacks and the host's own network, all three in use at the same time.
 *
 * Each stack has an address of its own on a network inside this process; both listen on port 80, and the host listens too. Nothing needs
 * to be started before: node examples/dist/explicit.js
 */
import net, { type AddressInfo } from 'node:net'
import { bindNode, createStack } from 'ioth'

await using left = await createStack({ vnl: 'hub://lan', addresses: ['10.40.0.1/24'] })
await using right = await createStack({ vnl: 'hub://lan', addresses: ['10.40.0.2/24'] })

const leftServer = await serve(bindNode(left).net, 'the left stack', 80)
const rightServer = await serve(bindNode(right).net, 'the right stack', 80)
const hostServer = await serve(net, 'the host', 0, '127.0.0.1')

// A socket goes where its module belongs: here from right to left, from left to right, and by the host's loopback.
console.log(await ask(bindNode(right).net, '10.40.0.1', 80))
console.log(await ask(bindNode(left).net, '10.40.0.2', 80))
console.log(await ask(net, '127.0.0.1', (hostServer.address() as AddressInfo).port))

for (const server of [leftServer, rightServer, hostServer]) server.close()

/** Tells every caller who answers. */
function serve(network: typeof net, name: string, port: number, host?: string): Promise<net.Server> {
  return new Promise((resolve) => {
    const server = network.createServer((socket) => {
      socket.end(`${name} answers ${socket.remoteAddress?.replace('::ffff:', '')}`)
    })
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => resolve(server))
  })
}

/** Connects and reads until the end. */
async function ask(network: typeof net, host: string, port: number): Promise<string> {
  let text = ''
  for await (const piece of network.connect({ host, port }).setEncoding('utf8')) text += piece
  return text
}
