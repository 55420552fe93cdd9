// Two workers on one port, by either policy: `node cluster.mjs rr|none`. Each is asked until both have answered.
import cluster from 'node:cluster'
import http from 'node:http'
import { address, event } from '../checks/support.mjs'

if (cluster.isPrimary) {
  cluster.schedulingPolicy = process.argv[2] === 'rr' ? cluster.SCHED_RR : cluster.SCHED_NONE
  const workers = [cluster.fork(), cluster.fork()]
  const ports = await Promise.all(workers.map(async (worker) => (await event(worker, 'listening'))[0].port))
  console.log('one port', ports[0] === ports[1])
  const answered = new Set()
  const ask = async () => {
    const response = await new Promise((resolve, reject) =>
      http.get({ host: address, port: ports[0], agent: false }, resolve).on('error', reject),
    )
    answered.add(response.headers['x-worker'])
    response.resume()
    return event(response, 'end')
  }
  for (let round = 0; round < 500 && answered.size < 2; round++) await Promise.all([ask(), ask(), ask(), ask()])
  console.log('workers that answered', answered.size)
  const ended = workers.map((worker) => event(worker, 'exit'))
  for (const worker of workers) worker.disconnect()
  await Promise.all(ended)
  console.log('workers ended', workers.map((worker) => worker.process.exitCode).join())
} else {
  http
    .createServer((_request, response) => {
      response.setHeader('x-worker', cluster.worker.id)
      response.setHeader('connection', 'close')
      response.end('x')
    })
    .listen(0, address)
}
