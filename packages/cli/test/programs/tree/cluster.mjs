// Two workers that share a port. Each answers with its number.
import cluster from 'node:cluster'
import http from 'node:http'

if (cluster.isPrimary) {
  cluster.schedulingPolicy = process.argv[2] === 'none' ? cluster.SCHED_NONE : cluster.SCHED_RR
  let listening = 0
  cluster.on('listening', (_worker, { port }) => {
    if (++listening === 2) console.log(`both listen at ${port}`)
  })
  cluster.fork()
  cluster.fork()
  process.on('SIGTERM', () => cluster.disconnect(() => process.exit()))
} else {
  http
    .createServer((request, response) => {
      response.end(`worker ${cluster.worker.id} to ${request.socket.remoteAddress}`)
    })
    .listen(80)
}
