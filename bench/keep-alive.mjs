/**
 * A small HTTP server, and a client that keeps a number of connections busy with one request each.
 */
import { once } from 'node:events'

const ANSWER = Buffer.from('Hello from the other end.\n')

/** @param http Node's module, or one of a stack */
export async function listen(http, address) {
  const server = http.createServer((_request, response) => response.end(ANSWER)).listen(0, address)
  await once(server, 'listening')
  return server
}

/** @returns requests per second */
export async function askRepeatedly(http, host, port, connections, count) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections })
  const ask = () =>
    new Promise((resolve, reject) => {
      http.get({ host, port, agent }, (response) => response.resume().on('end', resolve)).on('error', reject)
    })
  let left = count
  const since = performance.now()
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (left-- > 0) await ask()
    }),
  )
  const rate = count / ((performance.now() - since) / 1000)
  agent.destroy()
  return rate
}
