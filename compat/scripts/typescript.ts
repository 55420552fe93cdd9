// A program in TypeScript, with what only a loader can take: an enum.
import net, { type AddressInfo } from 'node:net'
import { address, listen, text } from '../checks/support.mjs'

enum Answer {
  Yes = 'yes',
}

const server: net.Server = net.createServer((socket) => socket.end(Answer.Yes))
await listen(server)
console.log(await text(net.connect((server.address() as AddressInfo).port, address)))
server.close()
