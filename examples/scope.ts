/**
 * Scopes: code that knows nothing of ioth, run three times at once, each time on another stack, and once on the host's network.
 *
 * Nothing needs to be started before: node examples/dist/scope.js
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { createStack } from 'ioth'

/** Three networks without a connection between them; on each the same address. */
const stacks = await Promise.all(
  ['red', 'green', 'blue'].map((lan) => createStack({ vnl: `hub://${lan}`, addresses: ['10.40.0.1/24'], name: lan })),
)

/** What a library might do: it imports Node's modules, and calls fetch. */
async function greet(name: string, address: string, port: number): Promise<string> {
  const server = http.createServer((_request, response) => response.end(`hello from ${name}`))
  await new Promise<void>((resolve) => server.listen(port, address, resolve))
  const { port: chosen } = server.address() as AddressInfo
  const text = await (await fetch(`http://${address}:${chosen}/`)).text()
  server.close()
  server.closeAllConnections()
  return text
}

// `stack.run` makes a stack the network of all that its function starts, however much later; outside of it nothing changes.
const greetings = stacks.map((stack) => stack.run(() => greet(stack.name, '10.40.0.1', 80)))
for (const greeting of await Promise.all([...greetings, greet('the host', '127.0.0.1', 0)])) console.log(greeting)

for (const stack of stacks) await stack.close()
