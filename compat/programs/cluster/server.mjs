// express in two workers.
import cluster from 'node:cluster'
import express from 'express'
import { bare, body, listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
if (cluster.isPrimary) {
  let listening = 0
  cluster.on('listening', (_worker, where) => {
    if (++listening === 2) ready(where.port)
  })
  cluster.fork()
  cluster.fork()
  process.on('SIGTERM', () => process.exit(0))
} else {
  const app = express()
  app.use(express.json())
  app.get('/', (request, response) => response.json({ ip: bare(request.ip) }))
  app.get('/worker', (_request, response) => response.set('connection', 'close').json(cluster.worker.id))
  app.get('/body', (_request, response) => response.type('text').send(body))
  app.post('/', (request, response) => response.json(request.body))
  app.listen(port, address)
}
