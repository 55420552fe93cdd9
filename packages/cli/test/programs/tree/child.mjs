// A second process of a node: it serves at a port of its own, and finds the first one's taken.
import http from 'node:http'
import { networkInterfaces } from 'node:os'

const own = Object.values(networkInterfaces())
  .flat()
  .filter(({ internal, family }) => !internal && family === 'IPv4')
console.log(
  `child on ${own.map(({ address }) => address)} with ${process.versions.ioth === undefined ? 'no' : 'an'} ioth`,
)

http
  .createServer((request, response) => response.end(`child to ${request.socket.remoteAddress}`))
  .listen(8080, async () => {
    const taken = http.createServer().listen(80)
    taken.on('error', async ({ code, message }) => {
      console.log(`${code}: ${message}`)
      const answer = await fetch(`http://${own[0].address}/`)
      console.log(`by the node's address: ${await answer.text()}`)
      process.send('ready')
    })
  })
