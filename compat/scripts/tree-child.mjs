// What a child or worker of tree.mjs does: fetches from its parent, then serves its parent. Its first argument, or workerData, is the parent's URL.
import http from 'node:http'
import { workerData } from 'node:worker_threads'

const address = process.env.COMPAT_ADDRESS ?? workerData?.address ?? process.argv[3] ?? '127.0.0.1'
const parent = workerData?.parent ?? process.argv[2]

const server = http.createServer((request, response) => response.end(`the child sees ${request.socket.remoteAddress}`))
server.listen(0, address, async () => {
  const response = await fetch(parent, { method: 'POST', body: String(server.address().port) })
  console.log(await response.text())
  server.close()
  server.closeAllConnections()
})
